"""A distribution's configuration in the form that the edge uses, read from CloudFront's API and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

Headers = Mapping[str, Any]

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
DEFAULT_ERROR_TTL = 10


@dataclass(frozen=True)
class Origin:
    """A source of answers. `path` is put before the request's path; `read_timeout` is in seconds."""

    id: str
    domain: str
    path: str
    is_s3: bool
    headers: tuple[tuple[str, str], ...]
    read_timeout: int


@dataclass(frozen=True)
class OriginGroup:
    """Ids of origins. The next one is asked when one answers with one of `statuses`, or does not answer."""

    origins: tuple[str, ...]
    statuses: frozenset[int]


@dataclass(frozen=True)
class Behavior:
    """One cache behaviour, with its policies as CloudFront's API returns them.

    `origin_id` is the id of an origin or of an origin group. `keys` are the public keys, by id, whose signatures are
    valid here; None if no signature is needed. `functions` is the published code of its functions by event type.
    `compress` is true if answers are compressed here.
    """

    pattern: re.Pattern[str]
    origin_id: str
    methods: frozenset[str]
    cached_methods: frozenset[str]
    cache_policy: dict[str, Any]
    origin_request_policy: dict[str, Any] | None
    response_headers_policy: dict[str, Any] | None
    keys: dict[str, RSAPublicKey | EllipticCurvePublicKey] | None
    functions: dict[str, str] = field(default_factory=dict)
    compress: bool = False


@dataclass(frozen=True)
class Distribution:
    """A distribution. `error_ttls` are the least seconds that an error is kept, by its status."""

    id: str
    arn: str
    domain: str
    root_object: str
    origins: dict[str, Origin]
    behaviors: tuple[Behavior, ...]
    error_ttls: dict[int, int] = field(default_factory=dict)
    groups: dict[str, OriginGroup] = field(default_factory=dict)

    def behavior(self, path: str) -> Behavior:
        """The first behaviour whose pattern matches the path. The default behaviour is last and matches every path."""
        return next(b for b in self.behaviors if b.pattern.fullmatch(path))

    def error_ttl(self, status: int) -> int:
        return self.error_ttls.get(status, DEFAULT_ERROR_TTL)

    def group(self, id_: str) -> OriginGroup:
        """The origin group with this id. For an origin's id it is a group of that origin alone."""
        return self.groups.get(id_) or OriginGroup((id_,), frozenset())


def path_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a path pattern: `*` is any text (slashes, too), `?` is one character, and case counts.
    The first `/` is optional.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html
    """
    return re.compile(wildcards(pattern if pattern.startswith(("/", "*")) else "/" + pattern), re.DOTALL)


def wildcards(pattern: str) -> str:
    """The regular expression of a text with the wildcards `*` and `?`."""
    return "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)


def load(client: CloudFrontClient, distribution_id: str) -> Distribution:
    """Reads a distribution with its policies and public keys, in about ten API calls."""
    distribution = client.get_distribution(Id=distribution_id)["Distribution"]
    config: dict[str, Any] = distribution["DistributionConfig"]  # type: ignore[assignment]
    reader = _Reader(client)
    behaviors = [*(config.get("CacheBehaviors") or {}).get("Items", []), config["DefaultCacheBehavior"] | DEFAULT]
    return Distribution(
        id=distribution["Id"],
        arn=distribution["ARN"],
        domain=distribution["DomainName"],
        root_object=config.get("DefaultRootObject") or "",
        origins={o["Id"]: _origin(o) for o in config["Origins"]["Items"]},
        behaviors=tuple(reader.behavior(b) for b in behaviors),
        error_ttls={
            e["ErrorCode"]: e.get("ErrorCachingMinTTL", DEFAULT_ERROR_TTL)
            for e in (config.get("CustomErrorResponses") or {}).get("Items", [])
        },
        groups={g["Id"]: _group(g) for g in (config.get("OriginGroups") or {}).get("Items", [])},
    )


DEFAULT = {"PathPattern": "*"}


def _origin(config: Headers) -> Origin:
    custom = config.get("CustomOriginConfig") or {}
    return Origin(
        id=config["Id"],
        domain=config["DomainName"],
        path=config.get("OriginPath") or "",
        is_s3="S3OriginConfig" in config,
        headers=tuple(
            (h["HeaderName"], h["HeaderValue"]) for h in (config.get("CustomHeaders") or {}).get("Items", [])
        ),
        read_timeout=custom.get("OriginReadTimeout") or 30,
    )


def _group(config: Headers) -> OriginGroup:
    return OriginGroup(
        origins=tuple(member["OriginId"] for member in config["Members"]["Items"]),
        statuses=frozenset(config["FailoverCriteria"]["StatusCodes"]["Items"]),
    )


class _Reader:
    """Reads each policy, function and key only once, even if several behaviours share it."""

    def __init__(self, client: CloudFrontClient) -> None:
        self.client = client
        self.seen: dict[tuple[str, str], Any] = {}

    def once(self, kind: str, id_: str | None, read: Callable[[str], Any]) -> Any:
        if not id_:
            return None
        if (kind, id_) not in self.seen:
            self.seen[kind, id_] = read(id_)
        return self.seen[kind, id_]

    def behavior(self, config: Headers) -> Behavior:
        client = self.client
        methods = config.get("AllowedMethods") or {}
        groups = config.get("TrustedKeyGroups") or {}
        return Behavior(
            pattern=path_pattern(config["PathPattern"]),
            origin_id=config["TargetOriginId"],
            methods=frozenset(methods.get("Items") or ("GET", "HEAD")),
            cached_methods=frozenset((methods.get("CachedMethods") or {}).get("Items") or ("GET", "HEAD")),
            cache_policy=self.once(
                "cache",
                config["CachePolicyId"],
                lambda i: client.get_cache_policy_config(Id=i)["CachePolicyConfig"],
            ),
            origin_request_policy=self.once(
                "request",
                config.get("OriginRequestPolicyId"),
                lambda i: client.get_origin_request_policy_config(Id=i)["OriginRequestPolicyConfig"],
            ),
            response_headers_policy=self.once(
                "response",
                config.get("ResponseHeadersPolicyId"),
                lambda i: client.get_response_headers_policy_config(Id=i)["ResponseHeadersPolicyConfig"],
            ),
            keys=self.keys(groups.get("Items", [])) if groups.get("Enabled") else None,
            functions={
                association["EventType"]: self.once("function", association["FunctionARN"], self.function)
                for association in (config.get("FunctionAssociations") or {}).get("Items", [])
            },
            compress=bool(config.get("Compress")),
        )

    def function(self, arn: str) -> str:
        """The published code of a function."""
        name = arn.rpartition("/")[2]
        return self.client.get_function(Name=name, Stage="LIVE")["FunctionCode"].read().decode()

    def keys(self, groups: list[str]) -> dict[str, RSAPublicKey | EllipticCurvePublicKey]:
        keys: dict[str, RSAPublicKey | EllipticCurvePublicKey] = {}
        for group in groups:
            for id_ in self.once("group", group, lambda i: self.client.get_key_group_config(Id=i))["KeyGroupConfig"][
                "Items"
            ]:
                keys[id_] = self.once("key", id_, self.public_key)
        return keys

    def public_key(self, id_: str) -> RSAPublicKey | EllipticCurvePublicKey:
        key = load_pem_public_key(
            self.client.get_public_key_config(Id=id_)["PublicKeyConfig"]["EncodedKey"].strip().encode()
        )
        if isinstance(key, RSAPublicKey) or (
            isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
        ):
            return key
        raise TypeError(f"CloudFront public key {id_} is of a kind that CloudFront does not take")
