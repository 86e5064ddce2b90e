"""AWS as a test writes it down: an answer, or an error, for each operation. No request leaves this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
from boto3.session import Session

REGION, ACCOUNT = "eu-west-1", "123456789012"

# The beginnings of operations that change nothing.
READERS = ("Describe", "Get", "Head", "List", "Simulate")


@dataclass(frozen=True)
class Failure:
    """An error of AWS, as botocore reads it."""

    code: str
    status: int = 400
    message: str = "said AWS"


DENIED = Failure("AccessDeniedException", 403)

Answer = Mapping[str, Any] | Failure | Callable[[dict[str, Any]], Any]


@dataclass
class Aws:
    """Answers `service.Operation` with what `answers` has for it, or with `default`; a function gets the request.

    `calls` are the operations that were called, with the region of each.
    """

    answers: dict[str, Answer]
    default: Answer = DENIED
    region: str = REGION
    calls: list[tuple[str, str]] = field(default_factory=list)

    def session(self) -> boto3.Session:
        """A session that asks this. There is one for each region, because reading the services' models takes long."""
        session = _session(self.region)
        _answering[self.region] = self
        return session

    @property
    def called(self) -> list[str]:
        return [name for name, _ in self.calls]

    @property
    def writes(self) -> list[str]:
        return [name for name in self.called if not name.partition(".")[2].startswith(READERS)]

    def answer(self, model: Any, params: dict[str, Any], context: dict[str, Any], **_: Any) -> Any:
        name = f"{model.service_model.service_name}.{model.name}"
        self.calls.append((name, context["client_region"]))
        answer = self.answers.get(name, self.default)
        if callable(answer):
            answer = answer({**params.get("body", {})} if isinstance(params.get("body"), dict) else params)
        if isinstance(answer, Failure):
            error = {"Code": answer.code, "Message": answer.message}
            metadata = {"HTTPStatusCode": answer.status}
            return SimpleNamespace(status_code=answer.status), {"Error": error, "ResponseMetadata": metadata}
        return SimpleNamespace(status_code=200), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}


_answering: dict[str, Aws] = {}


@cache
def _session(region: str) -> boto3.Session:
    session = Session("testing", "testing", region_name=region)
    # Last, so that the code's own hooks hear of the call, too.
    session.events.register_last("before-call", lambda **call: _answering[region].answer(**call))
    return session
