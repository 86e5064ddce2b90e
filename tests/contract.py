"""The OpenAPI document against the API: Schemathesis sends requests that it allows or forbids, and checks the answers.

`run` does this with anything that answers HTTP: the local stack, or `gateway(app)`. That is a server on loopback that
calls the app on moto as API Gateway would; it is fast enough for thousands of cases.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import schemathesis
from schemathesis.engine import events, from_schema
from werkzeug.serving import WSGIRequestHandler, make_server

from chalicelib.api.routing import ANSWERED, METHODS
from ops.local import api_headers
from ops.stack import gateway as api_gateway
from tests.client import resource_of
from tests.stage import lambda_context

# `positive_data_acceptance` is left out: a valid request may be refused for reasons that no schema can tell, such as a
# part that has not arrived or a spent token. Other tenants are tried in tests/api/test_tenants.py.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
)


# The life of a file, and of a webhook, along the links of the document.
LIVES = {
    "file": ("create_file", "get_file", "patch_file", "delete_file"),
    "webhook": (
        *("create_webhook", "get_webhook", "patch_webhook", "rotate_webhook_secret", "delete_webhook"),
        *("send_test_event", "list_deliveries", "get_delivery", "retry_delivery", "replay_events"),
    ),
}

# The links that must be followed, each with the few operations that lead to it. Among all operations of a life, which
# links are followed is chance; among these few it is nearly certain.
LINKS = {
    "GET /v1/files/{file_id}": ("create_file", "get_file"),
    "PATCH /v1/files/{file_id}": ("create_file", "patch_file"),
    "DELETE /v1/files/{file_id}": ("create_file", "delete_file"),
    "GET /v1/webhooks/{webhook_id}": ("create_webhook", "get_webhook"),
    "PATCH /v1/webhooks/{webhook_id}": ("create_webhook", "patch_webhook"),
    "DELETE /v1/webhooks/{webhook_id}": ("create_webhook", "delete_webhook"),
    "POST /v1/webhooks/{webhook_id}/test": ("create_webhook", "send_test_event"),
    "GET /v1/webhooks/{webhook_id}/deliveries": ("create_webhook", "list_deliveries"),
    "GET /v1/webhooks/{webhook_id}/deliveries/{event_id}": ("create_webhook", "send_test_event", "get_delivery"),
}


# The ids of the keys that runs are made with.
_OWN_KEYS: set[str] = set()


@dataclass
class Report:
    """Counts of a run: cases by phase and by operation, answers by status. And what was wrong."""

    phases: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    followed: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def cases(self) -> int:
        return self.phases.total()

    def __str__(self) -> str:
        phases = ", ".join(f"{count} {name}" for name, count in self.phases.most_common())
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        said = f"{self.cases} cases in {self.seconds:.0f} s ({phases}); answers {statuses}; "
        said += f"{self.followed.total()} links followed ({len(self.followed)} kinds)"
        return "\n\n".join([said, *self.failures.values()])

    def show(self, where: str) -> None:
        """Prints the counts, also when all is well and pytest shows no output."""
        assert sys.__stdout__
        sys.__stdout__.write(f"\ncontract, {where}: {str(self).partition(chr(10))[0]}\n")


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """The document, changed so that answers may have no unknown fields. Clients must accept them; tests need not."""
    document = deepcopy(document)
    schemas = document["components"]["schemas"]
    asked = _reached(schemas, (p[m].get("requestBody") for p in document["paths"].values() for m in p))
    for name, schema in schemas.items():
        if name not in asked and "properties" in schema and name not in ("Problem", "UppyProblem"):
            schema.setdefault("additionalProperties", False)
    return document


def _reached(schemas: dict[str, Any], roots: Iterable[Any]) -> set[str]:
    seen: set[str] = set()
    left = re.findall(r"#/components/schemas/(\w+)", json.dumps(list(roots)))
    while left:
        if (name := left.pop()) not in seen:
            seen.add(name)
            left += re.findall(r"#/components/schemas/(\w+)", json.dumps(schemas[name]))
    return seen


def run(
    document: dict[str, Any],
    key: str,
    *,
    examples: int,
    sequences: int,
    base_url: str,
    seed: int = 1,
    parameters: dict[str, Any] | None = None,
    only: tuple[str, ...] = (),
) -> Report:
    """Tries the document at `base_url`: `examples` cases for each operation, and `sequences` along the links.

    With `only`, just the sequences, and of these operations alone.
    """
    _OWN_KEYS.add(key.split("_")[1])
    config = schemathesis.Config.from_dict(
        {
            "seed": seed,
            "base-url": base_url,
            "headers": {"Authorization": f"Bearer {key}"},
            "parameters": parameters or {},
            "workers": 1,
            "request-timeout": 60,
            "continue-on-failure": True,
            "suppress-health-check": ["all"],
            "generation": {"max-examples": examples, "database": "none", "with-security-parameters": False},
            "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
            "phases": {
                "examples": {"enabled": not only},
                "fuzzing": {"enabled": not only},
                # API Gateway refuses TRACE, and can't tell in `Allow` which methods one address takes. HEAD can't be
                # chosen here.
                "coverage": {"enabled": not only, "unexpected-methods": list(METHODS)},
                "stateful": {
                    "max-steps": 8,
                    "inference": {"algorithms": []},
                    "generation": {"max-examples": sequences},
                },
            },
        }
    )
    schema: schemathesis.BaseSchema = schemathesis.openapi.from_dict(strict(document), config=config)
    schema.hook(filter_case)
    if only:
        schema = schema.include(operation_id=list(only))
    report = Report()
    began = time.monotonic()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(report, event)
        elif isinstance(event, events.NonFatalError):
            report.failures[f"{event.label} {event.info.title}"] = f"{event.label}: {event.value!r}"
        elif isinstance(event, events.FatalError):
            raise event.exception
    report.seconds = time.monotonic() - began
    return report


def filter_case(_: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """CloudFront takes addresses of up to 8,192 bytes, and refuses longer ones without asking us."""
    return len(case.as_transport_kwargs().get("url", "")) + len(urlencode(case.query or {}, doseq=True)) < 7000


@schemathesis.hook  # it applies to all schemas; this hook can't be set for one
def before_call(_: schemathesis.HookContext, case: schemathesis.Case[Any], __: dict[str, Any]) -> None:
    """Sends each Idempotency-Key once: a repeated one gets the first answer again, even if the file is deleted.

    And asks for another key in place of the caller's own, which would end itself.
    """
    named: Any = case.path_parameters or {}
    if named.get("key_id") in _OWN_KEYS:
        named["key_id"] = "0" * 12
    headers: Any = case.headers or {}
    key = str(headers.get("Idempotency-Key", ""))
    if re.fullmatch("[!-~]{1,200}", key):
        headers["Idempotency-Key"] = f"{key}{uuid.uuid4()}"


def _count(report: Report, event: events.ScenarioFinished) -> None:
    recorder = event.recorder
    for case_id, node in recorder.cases.items():
        interaction = recorder.interactions.get(case_id)
        if interaction is None or interaction.response is None:
            continue
        report.phases[event.phase.value] += 1
        report.operations[node.value.operation.label] += 1
        report.statuses[interaction.response.status_code] += 1
        if node.transition is not None and node.is_transition_applied:
            report.followed[node.transition.id.rpartition(" -> ")[2]] += 1
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is None:
                continue
            failure = check.failure_info.failure
            label = recorder.cases[case_id].value.operation.label
            answer = recorder.interactions[case_id].response
            body = answer.content[:500].decode(errors="replace") if answer else ""
            report.failures.setdefault(
                f"{label} {check.name} {failure.title} {answer.status_code if answer else ''}",
                f"{label}: {failure.title}\n{failure.message}\n{check.failure_info.code_sample}\n{body}",
            )


@contextmanager
def gateway(app: Any) -> Iterator[str]:
    """Gives the address of a server that calls `app` with the events of API Gateway's proxy integration."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, headers, body = _call(app, environ)
        start_response(f"{status} _", [(name, str(value)) for name, value in headers.items()])
        return [body]

    server = make_server("127.0.0.1", 0, answer, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # so that a client's connection serves it for long

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def _call(app: Any, environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    method = environ["REQUEST_METHOD"]
    raw_path, _, raw_query = environ["RAW_URI"].partition("?")
    request_id = str(uuid.uuid4())
    if method not in ANSWERED:
        return api_gateway.answer("MISSING_AUTHENTICATION_TOKEN", request_id)
    resource, found = resource_of(app.routes, raw_path)
    query = parse_qs(raw_query, keep_blank_values=True, errors="replace")
    headers = {name[5:].replace("_", "-").title(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    event = {
        "httpMethod": method,
        "resource": resource,
        "path": unquote(raw_path),
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {name: unquote(value) for name, value in found.items()} or None,
        "stageVariables": None,
        "requestContext": {
            "httpMethod": method,
            "resourcePath": resource,
            "path": f"/api{raw_path}",
            "requestId": request_id,
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": text or None,
        "isBase64Encoded": encoded,
    }
    answer = app(event, lambda_context())
    assert not api_headers.lost(answer["headers"]), "API Gateway does not hand these headers on"
    content = answer["body"]
    sent = base64.b64decode(content) if answer.get("isBase64Encoded") else content.encode()
    return answer["statusCode"], answer["headers"], sent
