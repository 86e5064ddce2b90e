"""A stage's settings: one model of the environment variables, so that a missing one gives a clear message."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

if TYPE_CHECKING:
    from chalicelib.issuers import Issuer

PREFIX = "FILEMILL_"

# Lambda sets it, so it tells a function from a terminal.
FUNCTION = "AWS_LAMBDA_FUNCTION_NAME"

# S3's bounds: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html. A POST may have as much as a PUT.
MIN_PART_BYTES = 5 * 1024**2
MAX_PART_BYTES = 5 * 1024**3
MAX_PARTS = 10_000
MAX_OBJECT_BYTES = MAX_PARTS * MAX_PART_BYTES
MAX_POST_BYTES = 5 * 1024**3

# Seconds. A signature can't be taken back, so it has a bound. CloudFront itself has none.
MIN_URL_EXPIRY = 60
MAX_URL_EXPIRY = 7 * 86400

# Seconds: a minute, and a hundred years.
MIN_RETENTION, MAX_RETENTION = 60, 100 * 365 * 86400

# Days that CloudWatch Logs can keep a log; 0 is for ever.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LOG_DAYS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

# Requests that may wait at once. With more, the item that counts those of the stage would have more than 4 KB.
MAX_WAITS = 250

# Words of a file's text. Each is a write unit, and a part of the record.
MAX_FOUND_WORDS = 100

# Services of one file at most: each may have 4 KB in the record.
MAX_SERVICES = 8

# Bytes of all environment variables of a Lambda function together, names included. Lambda refuses more, and neither
# moto nor the emulator does. It would do so in the middle of `chalice deploy`, when some functions have the new
# variables and others do not. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ENVIRONMENT = 4096

# The largest number that every JSON reader keeps exactly.
MOST_OF_A_QUOTA = 2**53 - 1

# An origin as a browser sends it: no path, no slash at the end, lower case.
_WORD_BEGINS = re.compile(r"(?<!^)(?=[A-Z])")
_ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


_WRONG = "This stage has a wrong setting in .chalice/config.json"


class NotProvisionedError(RuntimeError):
    """This stage's resources are unknown. The message names the command to run."""


class Settings(BaseModel):
    """One stage's settings. Each is an environment variable: `FILEMILL_` and the field's name in capitals.

    `ops provision` writes those without a default into `.chalice/config.json`, from the stack's outputs. An operator
    may add others there. Sizes in bytes, times in seconds.
    """

    model_config = ConfigDict(frozen=True)

    stage: str
    originals_bucket: str
    derived_bucket: str
    table: str
    table_stream_arn: str
    ingest_queue_arn: str
    ingest_queue_url: str
    import_queue_arn: str
    import_queue_url: str
    webhook_queue_arn: str
    webhook_queue_url: str
    # Empty on a stage that was provisioned before there was a function for media, or that has none.
    media_queue_arn: str = ""
    media_queue_url: str = ""
    event_bus: str = Field(description="EventBridge bus that every event is put on")
    bus_events: bool = Field(
        True, description="Put every event on the EventBridge bus; AWS bills each. Webhooks and sockets do not need it"
    )
    distribution_id: str
    front_door: str = Field(
        description="The address that browsers use, without a trailing slash: https://d123.cloudfront.net"
    )
    cdn_key_id: str = Field(description="Id of the key that signs private addresses, unless SSM names one")
    cdn_key_parameter: str = Field(
        description="SSM SecureString with the private key as PEM; after a rotation, also its id"
    )
    secret_parameter: str = Field(description="SSM SecureString with the secret that signs cursors and tokens")

    checked_addresses: bool = Field(
        False,
        description="Give addresses of renditions a check. `ops provision` sets it, because the edge must know it",
    )
    list_shards: int = Field(
        1, ge=1, le=256, description="Index shards: partitions of each list of a tenant. Never lower it"
    )
    max_upload_bytes: int = Field(50 * 1000**3, ge=1, le=MAX_OBJECT_BYTES, description="Largest file")
    multipart_threshold: int = Field(
        100 * 1000**2, ge=MIN_PART_BYTES, le=MAX_POST_BYTES, description="From this size on uploads are multipart"
    )
    max_import_bytes: int = Field(5 * 1000**3, ge=1, le=MAX_OBJECT_BYTES, description="Largest file fetched by URL")
    import_networks: str = Field("", description="Private networks that imports may fetch from: CIDRs, comma-separated")
    webhook_networks: str = Field(
        "",
        description="Private networks whose receivers webhooks may call, with http as well: CIDRs, comma-separated",
    )
    upload_expiry: int = Field(3600, ge=60, le=12 * 3600, description="How long an upload address lives")
    multipart_expiry: int = Field(
        7 * 86400, ge=3600, le=7 * 86400, description="How long a multipart upload may take, until the bucket aborts it"
    )
    url_expiry: int = Field(
        3600, ge=300, le=MAX_URL_EXPIRY, description="How long a private file's address lives, at least"
    )
    max_url_expiry: int = Field(
        MAX_URL_EXPIRY,
        ge=300,
        le=MAX_URL_EXPIRY,
        description="The longest life that a client may ask for, of an address or a grant",
    )
    delete_window: int = Field(
        0, ge=0, le=90 * 86400, description="How long a deleted file can be restored; 0 removes it at once"
    )
    invalidate: bool = Field(
        True, description="Invalidate public files at CloudFront when they are removed; AWS bills each path"
    )
    cors_origin: str = Field("*", description="Origins whose pages may call the API, comma-separated; `*` allows any")
    rate_limit: int = Field(
        0, ge=0, le=10_000, description="Requests a second for each of the stage's two APIs; 0: AWS's own limit"
    )
    rate_burst: int = Field(0, ge=0, le=5_000, description="Requests at once beyond `rate_limit`; 0: the same number")
    waits: int = Field(
        100, ge=0, le=MAX_WAITS, description="Requests with `wait` that are held at once, at most; 0: none waits"
    )
    waits_per_credential: int = Field(
        20, ge=0, le=MAX_WAITS, description="The same for one key or upload token; never more than half of all"
    )
    waits_cap: int = Field(
        MAX_WAITS, ge=0, le=MAX_WAITS, description="Bound of `waits` that `ops provision` sets in a small account"
    )
    quota_stored_bytes: int = Field(
        0, ge=0, le=MOST_OF_A_QUOTA, description="Bytes that one tenant may store; 0: any number"
    )
    quota_files: int = Field(0, ge=0, le=MOST_OF_A_QUOTA, description="Files that one tenant may have; 0: any number")
    quota_uploaded_bytes_per_day: int = Field(
        0, ge=0, le=MOST_OF_A_QUOTA, description="Bytes that one tenant may upload in a day (UTC); 0: any number"
    )
    quota_requests_per_minute: int = Field(
        0, ge=0, le=MOST_OF_A_QUOTA, description="Requests of one tenant in a minute; 0: any number"
    )
    quota_renders_per_day: int = Field(
        0,
        ge=0,
        le=MOST_OF_A_QUOTA,
        description="Renditions of one tenant that are made on demand in a day (UTC); 0: any number",
    )
    process_concurrency: int = Field(200, ge=2, le=1000, description="Files that are processed at once, at most")
    fetch_concurrency: int = Field(20, ge=2, le=1000, description="Files that are fetched by URL at once, at most")
    media: bool = Field(
        True,
        description="Read video and audio with FFmpeg, in a function of its own; false leaves it out",
    )
    media_concurrency: int = Field(
        20, ge=2, le=1000, description="Videos and sounds that are processed at once, at most"
    )
    deliver_concurrency: int = Field(20, ge=2, le=1000, description="Webhooks that are delivered to at once, at most")
    render_concurrency: int = Field(
        50, ge=0, le=1000, description="Renditions on demand at once, which `ops provision` reserves if there is room"
    )
    stream_concurrency: int = Field(
        50, ge=0, le=1000, description="The same for parts of films and sounds; a viewer starts up to three at once"
    )
    process_cap: int = Field(
        1000, ge=2, le=1000, description="Bound of `process_concurrency` that `ops provision` sets in a small account"
    )
    fetch_cap: int = Field(1000, ge=2, le=1000, description="The same for `fetch_concurrency`")
    deliver_cap: int = Field(1000, ge=2, le=1000, description="The same for `deliver_concurrency`")
    media_cap: int = Field(
        1000, ge=0, le=1000, description="The same for `media_concurrency`; 0: the account has no room for `media`"
    )
    sockets_per_tenant: int = Field(
        2000, ge=0, le=10_000, description="WebSocket connections of one tenant at once, at most; 0: none"
    )
    fair_tenants: bool = Field(
        False, description="Order a backlog of uploads so that no tenant has to wait for another's"
    )
    found_words: int = Field(
        40, ge=0, le=MAX_FOUND_WORDS, description="Words inside a file that search finds it by, at most; 0: none"
    )
    services: str = Field(
        "",
        pattern=r"^([a-z][a-z0-9-]{0,15}(,[a-z][a-z0-9-]{0,15})*)?$",
        description="Services that are asked about each file: names from `processing/services.py`, comma-separated",
    )
    service_function: str = Field(
        "", description="Name or ARN of your own Lambda function, which the service `function` calls"
    )
    transcoder: str = Field(
        "", description="Role with which MediaConvert reads and writes films. `ops provision` sets it"
    )
    oidc: str = Field(
        "", description="Issuers whose sign-in tokens are taken beside API keys: a JSON list (docs/sign-in-tokens.md)"
    )
    encryption_key_arn: str = Field(
        "", description="KMS key of files, records and messages. `ops provision` sets it, with `EncryptionKey`"
    )
    sweep_pages: int = Field(
        10, ge=0, le=1000, description="Pages of 1,000 objects that each sweep reconciles in each bucket; 0: none"
    )
    access_logs: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.{0,200})?)?$",
        description="Bucket and prefix of the distribution's access logs, to count delivered bytes by tenant: "
        "`NAME/filemill-STAGE/`. Empty counts none",
    )
    scan: Literal["off", "guardduty", "command"] = Field(
        "off", description="What scans each file for malware before it is read. `ops provision` sets it, with `Scan`"
    )
    scan_command: str = Field(
        "",
        description="The command that scans a file: `{}` stands for the file's path, else it comes on standard input",
    )
    scan_seconds: int = Field(300, ge=10, le=720, description="How long the command may take")
    scan_bytes: int = Field(
        256 * 1024**2, ge=1, le=10 * 1024**3, description="Largest file for the command; a larger one is `unscannable`"
    )
    unscannable: Literal["refuse", "accept"] = Field(
        "refuse",
        description="What becomes of a file that can't be scanned; `ops tenants set` overrides it for a tenant",
    )
    audit_days: int = Field(
        365, ge=0, le=3650, description="Days that the audit keeps who changed what; 0: nothing is written"
    )
    audit_address: Literal["full", "network", "none"] = Field(
        "network", description="How much of a caller's network address a change keeps: a network is a /24, or a /48"
    )
    retention: dict[str, int] = Field(
        default_factory=dict,
        description='Seconds after which files with a tag are deleted, as JSON: `{"tag:temp": 86400}`',
    )
    log_level: str = "INFO"
    log_days: int = Field(30, description="How long logs are kept; 0: for ever. `ops provision` sets it")

    @field_validator("cors_origin")
    @classmethod
    def _origins(cls, text: str) -> str:
        origins = [origin.strip() for origin in text.split(",")]
        if origins != ["*"] and not all(_ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError("must be * or origins such as https://app.example.com, comma-separated")
        return ",".join(origins)

    @field_validator("log_days")
    @classmethod
    def _retention(cls, days: int) -> int:
        if days not in LOG_DAYS:
            raise ValueError(f"must be one of {', '.join(map(str, LOG_DAYS))}")
        return days

    @field_validator("retention", mode="before")
    @classmethod
    def _rules(cls, text: object) -> object:
        try:
            rules = json.loads(text) if isinstance(text, str) else text
        except ValueError:
            rules = None
        if not isinstance(rules, dict) or not all(_is_rule(name, after) for name, after in rules.items()):
            raise ValueError(
                f'must be JSON such as {{"tag:temp": 86400}}, in seconds from {MIN_RETENTION} to {MAX_RETENTION}'
            )
        return rules

    @field_validator("services")
    @classmethod
    def _services(cls, text: str) -> str:
        if text.count(",") >= MAX_SERVICES:
            raise ValueError(f"may name at most {MAX_SERVICES}")
        return text

    @model_validator(mode="after")
    def _can_scan(self) -> Self:
        if self.scan == "command" and not self.scan_command.strip():
            raise ValueError("FILEMILL_SCAN=command needs FILEMILL_SCAN_COMMAND, such as `clamscan --no-summary {}`")
        return self

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        """The issuers of sign-in tokens. Raises ValueError if they are wrong."""
        from chalicelib import issuers  # models of which few functions need any

        return issuers.read(self.oidc)

    @property
    def service_names(self) -> tuple[str, ...]:
        return tuple(filter(None, self.services.split(",")))

    @property
    def process_at_once(self) -> int:
        """Files that are processed at once, at most: as chosen, but no more than the account allows."""
        return min(self.process_concurrency, self.process_cap)

    @property
    def fetch_at_once(self) -> int:
        """Files that are fetched by URL at once, at most: as chosen, but no more than the account allows."""
        return min(self.fetch_concurrency, self.fetch_cap)

    @property
    def deliver_at_once(self) -> int:
        """Webhooks that are delivered to at once, at most: as chosen, but no more than the account allows."""
        return min(self.deliver_concurrency, self.deliver_cap)

    @property
    def has_media(self) -> bool:
        """True if the stage has the functions `media` and `stream`, and their queue."""
        return self.media and self.media_cap > 0 and bool(self.media_queue_arn)

    @property
    def media_at_once(self) -> int:
        """Videos and sounds that are processed at once, at most: as chosen, but no more than the account allows."""
        return min(self.media_concurrency, self.media_cap)

    @property
    def waits_at_once(self) -> int:
        """Requests that may wait at once: as chosen, but no more than the account allows."""
        return min(self.waits, self.waits_cap)

    @property
    def waits_each(self) -> int:
        """Requests of one credential that may wait at once: half of all at most, so that others have room."""
        return min(self.waits_per_credential, -(-self.waits_at_once // 2))

    @property
    def cors_origins(self) -> tuple[str, ...]:
        return tuple(self.cors_origin.split(","))


def camel_to_variable(name: str) -> str:
    """The environment variable for an output of the stack: `TableName` gives `FILEMILL_TABLE_NAME`."""
    return PREFIX + _WORD_BEGINS.sub("_", name).upper()


def _is_rule(name: object, after: object) -> bool:
    named = isinstance(name, str) and name.startswith("tag:") and len(name) > len("tag:")
    return named and type(after) is int and MIN_RETENTION <= after <= MAX_RETENTION


def _variable(error: ErrorDetails) -> str:
    return PREFIX + str(error["loc"][0]).upper() if error["loc"] else "the settings together"


def environment_bytes(variables: Mapping[str, str]) -> int:
    """The bytes of environment variables as AWS Lambda counts them: as JSON.

    Its own message shows that: github-aws-runners/terraform-aws-github-runner#3594.
    """
    return len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())


def check_room(environ: Mapping[str, str]) -> None:
    """Raises NotProvisionedError if the stage's variables are more than a Lambda function takes."""
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    size = environment_bytes(ours)
    if size > MAX_ENVIRONMENT:
        longest = max(ours, key=lambda name: len(ours[name]))
        raise NotProvisionedError(
            f"The stage's settings have {size} bytes, and AWS Lambda takes {MAX_ENVIRONMENT} bytes of environment "
            f"variables in all. The longest is {longest}: shorten it in .chalice/config.json."
        )


def load(environ: Mapping[str, str]) -> Settings:
    """Reads the settings from an environment.

    Raises
    ------
    NotProvisionedError
        A value is missing or out of its bounds; the message names it and the command that records it.
    """
    values = {k[len(PREFIX) :].lower(): v for k, v in environ.items() if k.startswith(PREFIX)}
    check_room(environ)
    try:
        loaded = Settings.model_validate(values)
    except ValidationError as error:
        stage = values.get("stage", "NAME")
        if missing := [_variable(e) for e in error.errors() if e["type"] == "missing"]:
            raise NotProvisionedError(
                f"This stage is not provisioned: run `python -m ops provision --stage {stage}` first. "
                f"Missing: {', '.join(missing)}."
            ) from None
        wrong = ", ".join(f"{_variable(e)} ({e['msg'].lower()})" for e in error.errors())
        raise NotProvisionedError(f"{_WRONG}: {wrong}.") from None
    if FUNCTION not in environ:
        # Before a deployment. A function reads the issuers when the first sign-in token comes: that takes 5 ms.
        try:
            _ = loaded.issuers
        except ValueError as error:
            raise NotProvisionedError(f"{_WRONG}: FILEMILL_OIDC ({error}).") from None
    return loaded


@cache
def settings() -> Settings:
    """This process's settings, read from its environment once."""
    return load(os.environ)
