"""Looks at the requests of all botocore clients, and fails a test that made one which AWS would refuse.

A refused request would raise, but our code catches much. So a violation is written down, and the test fails when it
ends.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.signers import RequestSigner, S3PostPresigner

from tests.strict import calls, dynamodb, events, models, s3, sockets, sqs
from tests.strict.rules import RULES, Request, Violation, violations

SERVICES = frozenset({"apigatewaymanagementapi", "dynamodb", "events", "lambda", "mediaconvert", "s3", "sqs"})

checked: Counter[str] = Counter()
"""How many requests of each service were looked at."""

_broken: list[Violation] = []
_unchecked = 0

assert {each.service for each in RULES} == SERVICES, (calls, dynamodb, events, models, s3, sockets, sqs)


def check(request: Request) -> None:
    """Writes down what is wrong with a request."""
    if not _unchecked:
        checked[request.service] += 1
        _broken.extend(violations(request))


@contextmanager
def unchecked() -> Iterator[None]:
    """For a test whose requests make no sense on purpose: none of them is looked at."""
    global _unchecked
    _unchecked += 1
    try:
        yield
    finally:
        _unchecked -= 1


def taken() -> list[Violation]:
    """The violations so far, which then fail no test."""
    found = list(_broken)
    _broken.clear()
    return found


class Checked:
    """A client in memory, whose calls are checked as a real one's are."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        made = getattr(self._client, name)
        if not callable(made):
            return made
        operation = "".join(word.title() for word in name.split("_"))

        def call(**params: Any) -> Any:
            check(Request("dynamodb", operation, params))
            return made(**params)

        return call


def watch() -> None:
    """From now on every request of this process is looked at. A second call changes nothing."""
    base: Any = BaseClient
    if not hasattr(base, "watched_by_strict_rules"):
        base.watched_by_strict_rules = True
        _watch_calls(base)
        _watch_signatures()


def _watch_calls(base: Any) -> None:
    emit, call = base._emit_api_params, base._make_api_call

    def emitted(client: Any, api_params: Any, operation_model: Any, context: Any) -> Any:
        service = client.meta.service_model.service_name
        if service in SERVICES:
            check(Request(service, operation_model.name, api_params, signed=bool(context.get("is_presign_request"))))
        return emit(client, api_params, operation_model, context)

    def called(client: Any, operation_name: str, api_params: Any) -> Any:
        reply = call(client, operation_name, api_params)
        if operation_name == "ReceiveMessage":
            sqs.received(reply)
        return reply

    base._emit_api_params, base._make_api_call = emitted, called


def _watch_signatures() -> None:
    """Addresses and forms that are signed for others to use."""
    signer: Any = RequestSigner
    presigner: Any = S3PostPresigner
    sign_url, sign_form = signer.generate_presigned_url, presigner.generate_presigned_post

    def signed(self: Any, request_dict: Any, operation_name: str, expires_in: int = 3600, **more: Any) -> Any:
        check(Request("s3", s3.ADDRESS, {"Operation": operation_name, "ExpiresIn": expires_in}))
        return sign_url(self, request_dict, operation_name, expires_in=expires_in, **more)

    def form(
        self: Any, request_dict: Any, fields: Any = None, conditions: Any = None, expires_in: int = 3600, **more: Any
    ) -> Any:
        wanted = {"Fields": dict(fields or {}), "Conditions": list(conditions or []), "ExpiresIn": expires_in}
        check(Request("s3", s3.FORM, wanted))
        return sign_form(self, request_dict, fields, conditions, expires_in, **more)

    signer.generate_presigned_url, presigner.generate_presigned_post = signed, form
    _watch_forms()


def _watch_forms() -> None:
    """The forms that our own code signs, without botocore."""
    module: Any = import_module("chalicelib.storage.forms")
    sign = module.sign

    def signed(file: Any, expires_in: int) -> Any:
        form = sign(file, expires_in)
        conditions = json.loads(b64decode(form.fields["policy"]))["conditions"]
        check(Request("s3", s3.FORM, {"Fields": form.fields, "Conditions": conditions, "ExpiresIn": expires_in}))
        return form

    module.sign = signed


# --- the plugin


def raise_for_broken() -> None:
    if found := list(dict.fromkeys(map(str, taken()))):
        pytest.fail(f"AWS would refuse {len(found)} requests of this test:\n" + "\n".join(found[:5]), pytrace=False)


def pytest_configure(config: pytest.Config) -> None:
    watch()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    raise_for_broken()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    raise_for_broken()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    raise_for_broken()
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With several processes (pytest-xdist), each hands its numbers to the first one."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["strict"] = dict(checked)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    checked.update(getattr(node, "workeroutput", {}).get("strict", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if checked:
        counts = ", ".join(f"{count:,} of {service}" for service, count in sorted(checked.items()))
        terminalreporter.line(f"requests held to AWS's rules ({len(RULES)}): {counts}")
