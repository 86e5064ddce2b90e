"""Pairs of clients, an ordinary one of botocore and one of ours, that are told the same answers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.session import Session

from chalicelib import lean
from chalicelib.table_calls import AnswersAsJson, shorten

REGION = "eu-west-1"
CREDENTIALS = Credentials("AKID", "secret", "session/token==")


@dataclass(frozen=True)
class Answer:
    """A server's answer. With `arrives=False`, the connection breaks instead."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"x-amzn-requestid": "r"})
    arrives: bool = True


class Body(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass(frozen=True)
class Outcome:
    """The result of a call: a reply, or the type, text and response of an error."""

    reply: Any = None
    error: tuple[str, str, Any] | None = None


def session(credentials: Any = CREDENTIALS, *, ours: bool) -> Session:
    made: Any = Session()
    made._credentials = credentials
    if ours:
        made.register_component("response_parser_factory", AnswersAsJson())
        lean.with_quick_dates(made)
    return cast(Session, made)


def dynamodb(
    *,
    short: bool,
    region: str | None = REGION,
    endpoint: str | None = None,
    attempts: int = 1,
    mode: Any = "standard",
    credentials: Any = CREDENTIALS,
    **config: Any,
) -> Any:
    """A client of DynamoDB: the ordinary one, or the one whose calls are short."""
    of = session(credentials, ours=short)
    retries: Any = {"mode": mode, "total_max_attempts": attempts}
    made: Any = of.create_client(
        "dynamodb", region_name=region, endpoint_url=endpoint, config=Config(retries=retries, **config)
    )
    if short:
        shorten(made, credentials.get_frozen_credentials)
    return made


@contextmanager
def answered(made: Any, *answers: Answer) -> Iterator[list[Any]]:
    """Answers the requests of a client with these, the last one again and again. Gives the list of the requests."""
    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        told = answers[min(len(sent), len(answers)) - 1]
        if not told.arrives:
            raise ConnectionResetError
        headers: Any = dict(told.headers)
        return AWSResponse(request.url, told.status, headers, Body(told.body))

    made.meta.events.register_first("before-send", answer)
    try:
        yield sent
    finally:
        made.meta.events.unregister("before-send", answer)


def outcome(call: Callable[[], Any]) -> Outcome:
    try:
        return Outcome(call())
    except Exception as error:
        return Outcome(error=(type(error).__name__, str(error), getattr(error, "response", None)))


def called(made: Any, method: str, params: Any, *answers: Answer) -> tuple[Outcome, list[Any]]:
    """The outcome of a call that is answered so, and its requests."""
    with answered(made, *answers or (Answer(),)) as sent:
        return outcome(lambda: getattr(made, method)(**params)), sent


def sent_by(made: Any, method: str, params: Any) -> Any:
    """The first request of a call."""
    with answered(made, Answer()) as sent:
        getattr(made, method)(**params)
    return sent[0]


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def headers(request: Any, *without: str) -> dict[str, str]:
    """A request's headers by their names in lower case."""
    found = {name.lower(): text(value) for name, value in request.headers.items()}
    return {name: value for name, value in found.items() if name not in without}


def scope(request: Any) -> str:
    """The key, day, region and service that a request is signed for."""
    return headers(request)["authorization"].partition("Credential=")[2].partition(",")[0]


def signed_by_botocore(request: Any, secret: str = "secret") -> str:
    """The signature that botocore gives a request with these signed headers."""
    found = headers(request)
    authorization = found.pop("authorization")
    named = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    again = AWSRequest(
        request.method, request.url, {name: found[name] for name in named if name != "host"}, data=request.body
    )
    again.context["timestamp"] = found["x-amz-date"]
    key, _, region, service, _ = scope(request).split("/")
    auth = SigV4Auth(Credentials(key, secret), service, region)
    return auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)


def signature(request: Any) -> str:
    return headers(request)["authorization"].partition("Signature=")[2]
