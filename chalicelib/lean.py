"""Takes work out of botocore's clients that no call of ours needs. A photo makes a dozen calls, and each costs CPU.

All of it is done to one client, never to botocore itself, and a client that it is not done to gives the same answers
(tests/test_lean.py). `python -m bench pace` measures all of it together.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore import auth, handlers
from botocore.auth import SIGNED_HEADERS_BLACKLIST, S3SigV4Auth, SigV4Auth
from botocore.session import Session
from botocore.utils import parse_timestamp

USER_AGENT = "filemill"
"""Given to a client's configuration. botocore puts its own together anew for each request."""

# Handlers of S3's events that have nothing to do for our requests.
_IDLE = (
    # A body of bytes would become a file, of which 16 KB are sent at a time; and for a file botocore asks S3 first if
    # it may send it (Expect: 100-continue), and waits for the answer. Our bodies are in memory, and most are small.
    ("before-parameter-build.s3.PutObject", handlers.convert_body_to_file_like_object),
    ("before-parameter-build.s3.UploadPart", handlers.convert_body_to_file_like_object),
    ("before-call.s3", handlers.add_expect_header),
)


def lean(client: Any) -> Any:
    """The same client, with less work for each call."""
    if client.meta.service_model.service_name == "s3":
        for event, handler in _IDLE:
            client.meta.events.unregister(event, handler)
    _remember_endpoints(client)
    _sign_quickly(client)
    return client


def with_quick_dates(session: Session) -> Session:
    """The same session, whose clients read dates without dateutil, which tries all forms that a date may have."""
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_date)
    return session


def _date(value: Any) -> datetime:
    """S3's dates are those of HTTP (`Fri, 27 Nov 2026 04:18:23 GMT`) and of ISO 8601; others are botocore's work."""
    if isinstance(value, str):
        with suppress(ValueError):
            read = parsedate_to_datetime(value) if value.endswith("GMT") else datetime.fromisoformat(value)
            if read.tzinfo:
                return read
    return parse_timestamp(value)


def _remember_endpoints(client: Any) -> None:
    """Has an operation's endpoint worked out once for each bucket, and not for each request.

    botocore puts all that the rules of the service's endpoints may ask together each time. Of our parameters only the
    bucket counts. If S3 answers that a bucket is in another region, botocore asks again for the same request, which has
    a count of its tries by then. Nothing that was known about that bucket is right any more.
    """
    resolver = client._ruleset_resolver
    if resolver is None:
        return
    resolve = resolver.construct_endpoint
    known: dict[Any, Any] = {}

    def construct_endpoint(operation_model: Any, call_args: Any, request_context: Any) -> Any:
        if "retries" in request_context:
            known.clear()
        key = (operation_model.name, call_args.get("Bucket"), request_context.get("use_global_endpoint"))
        if key not in known:
            known[key] = resolve(operation_model=operation_model, call_args=call_args, request_context=request_context)
        return known[key]

    resolver.construct_endpoint = construct_endpoint


class _Quick(SigV4Auth):
    """Signs as botocore does, but puts the headers to be signed together once, and in a dict.

    botocore makes an e-mail's header of them, twice. It makes a new signer for each request, so they may be kept.
    """

    _signed: dict[str, str] | None = None

    def headers_to_sign(self, request: Any) -> Any:
        if self._signed is None:
            names = ((name.lower(), value) for name, value in request.headers.items())
            signed = {name: value for name, value in names if name not in SIGNED_HEADERS_BLACKLIST}
            self._signed = {"host": auth._host_from_url(request.url), **signed}  # type: ignore[attr-defined]
        return self._signed

    def canonical_headers(self, headers_to_sign: Any) -> str:
        return "\n".join(f"{name}:{' '.join(value.split())}" for name, value in sorted(headers_to_sign.items()))

    def signed_headers(self, headers_to_sign: Any) -> str:
        return ";".join(sorted(headers_to_sign))


class _QuickS3(_Quick, S3SigV4Auth):
    """The same for S3."""


# Signatures in the address, and all other sorts, are left to botocore.
_QUICK: dict[type, type] = {SigV4Auth: _Quick, S3SigV4Auth: _QuickS3}


def _sign_quickly(client: Any) -> None:
    signer = client._request_signer
    of_botocore = signer.get_auth_instance

    def get_auth_instance(*args: Any, **named: Any) -> Any:
        made = of_botocore(*args, **named)
        made.__class__ = _QUICK.get(type(made), type(made))
        return made

    signer.get_auth_instance = get_auth_instance
