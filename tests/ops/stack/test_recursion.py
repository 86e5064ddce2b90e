"""Functions that start themselves, maybe by way of a queue, which Lambda stops unless it is told otherwise."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from botocore.exceptions import ClientError

import app
from ops.stack import recursion
from ops.stack.names import FUNCTIONS
from tests.iam.stages import function_policies, place
from tests.stage import ROOT

HERE = place()
ORIGINALS = f"arn:aws:s3:::{HERE.originals_bucket}/*"

# Which function may start which others: by a queue, or by calling them. S3 sends a message for each original.
SENDS = {
    "api_handler": {"process", "fetch", "deliver", "render"},
    "process": {"process", "media"},
    "media": {"process", "media"},
    "fetch": {"process"},
    "sweep": {"process", "media", "fetch", "deliver"},
    "publish": {"deliver"},
    "deliver": {"deliver"},
    "stream": {"stream"},
    "websocket_connect": {"deliver"},
    "websocket_message": {"deliver"},
}

# They start themselves, but only once for a message or a request. Each has tests that say so.
ONCE = {
    "process": ["tests/queues/test_messages.py::test_a_message_gets_its_tenant_s_group_once"],
    "media": [
        "tests/processing/media/test_hand_over.py::test_a_file_that_the_gate_does_not_pass_goes_back_to_process",
        "tests/processing/media/test_eager.py::test_everything_is_shared_out_and_made_once",
    ],
    "stream": ["tests/processing/media/test_on_demand.py::test_a_request_starts_the_next_two_which_start_nothing"],
}


def started_by() -> dict[str, str]:
    """The name of a queue → the function that it starts."""
    sources: list[Any] = app.app.event_sources
    queues = [event for event in sources if getattr(event, "queue_arn", None)]
    found = {event.queue_arn.rpartition(":")[2]: event.name for event in queues}
    return {**found, "media": "media"}  # the stage of most tests has no such function


def may_send(function: str) -> set[str]:
    readers = started_by()
    found = set()
    for statement in function_policies()[function]["Statement"]:
        if "sqs:SendMessage" in statement["Action"]:
            found |= {readers[arn.rpartition(":")[2]] for arn in statement["Resource"]}
        if "lambda:InvokeFunction" in statement["Action"]:
            prefix = f":function:filemill-{HERE.stage}-"
            found |= {name for arn in statement["Resource"] if (name := arn.partition(prefix)[2]) in FUNCTIONS}
        if "s3:PutObject" in statement["Action"] and ORIGINALS in statement["Resource"]:
            found.add("process")
    return found


def reached(function: str) -> set[str]:
    """Every function that a message of this one may start, at once or by way of others."""
    found: set[str] = set()
    new = {function}
    while new:
        new = set().union(*(SENDS.get(each, set()) for each in new)) - found
        found |= new
    return found


def test_the_table_of_who_sends_to_which_queue_is_right() -> None:
    assert {function: sent for function in FUNCTIONS if (sent := may_send(function))} == SENDS


def test_whoever_starts_itself_does_it_once_or_may_do_it_again_and_again() -> None:
    round_and_round = {function for function in FUNCTIONS if function in reached(function)}
    assert round_and_round == {*ONCE, *recursion.LOOPING}
    assert not set(ONCE) & set(recursion.LOOPING)
    for test in chain.from_iterable(ONCE.values()):
        path, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text()


class Lambda:
    def __init__(self, **loops: str) -> None:
        self.loops = {f"filemill-test-{name}": value for name, value in loops.items()}
        self.busy = 0

    def get_function_recursion_config(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        if FunctionName not in self.loops:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetFunctionRecursionConfig")
        return {"RecursiveLoop": self.loops[FunctionName]}

    def put_function_recursion_config(self, FunctionName: str, RecursiveLoop: str) -> None:  # noqa: N803
        if self.busy:
            self.busy -= 1
            raise ClientError({"Error": {"Code": "ResourceConflictException"}}, "PutFunctionRecursionConfig")
        self.loops[FunctionName] = RecursiveLoop


def deployed(*names: str) -> list[dict[str, Any]]:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:filemill-test-"
    functions = [{"resource_type": "lambda_function", "name": name, "lambda_arn": f"{arn}{name}"} for name in names]
    return [{"resource_type": "sqs_event", "name": "deliver-sqs-event-source", "event_uuid": "u"}, *functions]


def test_deliver_alone_may_loop() -> None:
    client = Lambda(deliver="Terminate", process="Terminate")
    assert recursion.configure(client, deployed("process", "deliver")) is True
    assert client.loops == {"filemill-test-deliver": "Allow", "filemill-test-process": "Terminate"}
    assert recursion.configure(client, deployed("process", "deliver")) is False


def test_a_function_that_is_being_changed_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    client = Lambda(deliver="Terminate")
    client.busy = 2
    assert recursion.configure(client, deployed("deliver")) is True
    assert client.loops == {"filemill-test-deliver": "Allow"}


def test_a_function_that_is_not_there_is_left_to_chalice() -> None:
    assert recursion.configure(Lambda(), deployed("deliver")) is False
    assert recursion.configure(Lambda(deliver="Terminate"), []) is False
