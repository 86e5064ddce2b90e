"""Waiting for AWS: long enough, never for ever, and with a sentence at the end."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.errors import OpsError
from ops.stack import patience


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "wait"}}, "UpdateEventSourceMapping")


class Busy:
    """Refuses a number of calls with one error; then answers."""

    def __init__(self, code: str, times: int) -> None:
        self.code, self.left = code, times

    def __call__(self, **given: Any) -> dict[str, Any]:
        if self.left:
            self.left -= 1
            raise refused(self.code)
        return given


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


@pytest.mark.parametrize("code", sorted(patience.BUSY))
def test_a_change_waits_while_aws_is_busy(code: str, slept: list[float]) -> None:
    assert patience.patiently(Busy(code, 3), UUID="u") == {"UUID": "u"}
    assert slept == [1.0, 1.5, 2.25]


def test_api_gateway_gets_the_half_minute_that_it_asks_for(slept: list[float]) -> None:
    """Five deletions, one in 30 seconds."""
    with pytest.raises(OpsError):
        patience.patiently(Busy("TooManyRequestsException", 10**9))
    assert max(slept) <= 15
    assert sum(slept) == patience.PATIENCE >= 150


def test_the_end_is_a_sentence_that_says_what_to_do(slept: list[float]) -> None:
    with pytest.raises(
        OpsError, match=r"busy after 3 minutes \(UpdateEventSourceMapping: ResourceInUseException: wait\)"
    ):
        patience.patiently(Busy("ResourceInUseException", 10**9))


def test_any_other_refusal_is_an_error_at_once(slept: list[float]) -> None:
    with pytest.raises(ClientError):
        patience.patiently(Busy("AccessDeniedException", 1))
    with pytest.raises(ClientError):
        patience.if_there(Busy("ValidationException", 1))
    assert slept == []


@pytest.mark.parametrize("code", sorted(patience.GONE))
def test_a_thing_that_is_gone_is_none(code: str, slept: list[float]) -> None:
    assert patience.if_there(Busy(code, 1)) is None


class Lambda:
    """Gives one state after another; the last one stays."""

    def __init__(self, *states: dict[str, str]) -> None:
        self.states = list(states)

    def _next(self, **_: str) -> dict[str, str]:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    get_event_source_mapping = get_function_configuration = _next


def test_a_trigger_is_ready_once_it_is_on_or_off(slept: list[float]) -> None:
    states = [{"State": state} for state in ("Creating", "Enabling", "Updating", "Disabling", "Deleting", "Enabled")]
    assert patience.settled_mapping(Lambda(*states), "u") == {"State": "Enabled"}
    assert len(slept) == 5


def test_a_function_is_ready_once_it_is_made_and_its_last_change_too(slept: list[float]) -> None:
    pending, changing = {"State": "Pending", "LastUpdateStatus": "InProgress"}, {"LastUpdateStatus": "InProgress"}
    ready = {"State": "Active", "LastUpdateStatus": "Successful"}
    assert patience.settled_function(Lambda(pending, changing, ready), "f") == ready
    assert len(slept) == 2
    failed = {"State": "Active", "LastUpdateStatus": "Failed"}
    assert patience.settled_function(Lambda(failed), "f") == failed, "a failed change may be repeated"


def test_one_that_never_gets_ready_is_named(slept: list[float]) -> None:
    with pytest.raises(OpsError, match="The trigger u is still Creating after 3 minutes"):
        patience.settled_mapping(Lambda({"State": "Creating"}), "u")
