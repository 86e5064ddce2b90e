"""The account's concurrency is shared so that no message is throttled into a dead letter, and the API has room."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.settings import Settings
from ops.errors import OpsError
from ops.stack import concurrency
from ops.stack.concurrency import Account, Pool, Wish
from tests.stage import ROOT


def wish(at_once: int = 200, fetch: int = 20, deliver: int = 20, **reserved: int) -> Wish:
    """`at_once` is that of `process`."""
    return Wish({"process": at_once, "fetch": fetch, "deliver": deliver}, reserved)


@pytest.mark.parametrize(
    ("unreserved", "wanted", "caps"),
    [
        (1000, wish(), {}),
        (480, wish(), {}),
        (479, wish(), {"fetch": 19, "deliver": 19}),
        (100, wish(), {"process": 42, "fetch": 4, "deliver": 4}),
        (10, wish(), {"process": 2, "fetch": 2, "deliver": 2}),
        (12, wish(2, 2, 2), {}),
        (14, wish(2, 20, 2), {"fetch": 3}),
        (3, wish(), {"process": 2, "fetch": 2, "deliver": 2}),
    ],
)
def test_the_queues_share_half_of_the_pool(unreserved: int, wanted: Wish, caps: dict[str, int]) -> None:
    assert concurrency.caps(Pool(1000, unreserved), wanted) == caps


def test_no_pool_is_overdrawn_and_no_cap_is_below_awss_minimum_or_above_the_choice() -> None:
    for unreserved in range(8, 700, 7):
        for process, fetch in ((200, 20), (2, 1000), (1000, 2), (7, 7), (1000, 1000)):
            wanted = wish(process, fetch, 9)
            bound = {**wanted.at_once, **concurrency.caps(Pool(unreserved, unreserved), wanted)}
            assert sum(bound.values()) <= max(unreserved // 2, len(concurrency.QUEUED) * concurrency.LEAST)
            assert all(concurrency.LEAST <= bound[name] <= wanted.at_once[name] for name in bound)


def test_in_an_account_of_ten_queues_and_waits_leave_three_executions() -> None:
    pool, wanted = Pool(10, 10), wish()
    assert sum(concurrency.caps(pool, wanted).values()) + concurrency.waits_cap(pool, wanted) == 10 - 3


def test_a_very_small_account_goes_without_media_unless_it_is_asked_for_by_name() -> None:
    def chosen(**variables: str) -> Wish:
        return concurrency.wish({"stages": {"dev": {"environment_variables": variables}}}, "dev")

    pool = Pool(10, 10)
    assert concurrency.caps(pool, chosen()) == {"media": 0, "process": 2, "fetch": 2, "deliver": 2}
    assert concurrency.waits_cap(pool, chosen()) == 1
    assert concurrency.caps(Pool(12, 12), chosen())["media"] == 2
    assert concurrency.caps(pool, chosen(FILEMILL_MEDIA="true"))["media"] == 2
    assert "media" not in concurrency.caps(pool, chosen(FILEMILL_MEDIA="false"))
    account = Account(pool, chosen(), {}, "eu-west-1")
    assert "`media` is left out (FILEMILL_MEDIA=true" in concurrency.explain(account, concurrency.caps(pool, chosen()))


def test_each_function_that_a_queue_starts_is_bounded() -> None:
    readers = re.findall(r"@app\.on_sqs_message\([^\n]*\n *def (\w+)", (ROOT / "app.py").read_text(encoding="utf-8"))
    assert tuple(readers) == concurrency.QUEUED


def test_a_function_with_reserved_concurrency_draws_on_its_own() -> None:
    assert concurrency.caps(Pool(1000, 900), wish(100, process=200)) == {}
    assert concurrency.caps(Pool(1000, 900), wish(100, process=50)) == {"process": 50}
    assert concurrency.caps(Pool(1000, 20), wish(100, process=100)) == {"fetch": 5, "deliver": 5}


def test_the_variables_end_a_cap_that_is_no_longer_needed() -> None:
    assert concurrency.variables({"process": 3}, 2) == {
        "FILEMILL_PROCESS_CAP": "3",
        "FILEMILL_MEDIA_CAP": "1000",
        "FILEMILL_FETCH_CAP": "1000",
        "FILEMILL_DELIVER_CAP": "1000",
        "FILEMILL_WAITS_CAP": "2",
    }
    assert {f"{name}_cap" for name in (*concurrency.QUEUED, "waits")} <= Settings.model_fields.keys()


@pytest.mark.parametrize(
    ("unreserved", "reserved", "cap"),
    [(1000, {}, 198), (10, {}, 1), (3, {}, 1), (0, {}, 1), (100, {"api_handler": 400}, 80), (5000, {}, 250)],
)
def test_held_requests_leave_four_fifths_of_the_api(unreserved: int, reserved: dict[str, int], cap: int) -> None:
    assert concurrency.waits_cap(Pool(5000, unreserved), wish(**reserved)) == cap


def test_fewer_held_requests_than_chosen_are_explained() -> None:
    recorded = {"stages": {"dev": {"environment_variables": {"FILEMILL_WAITS": "30"}}}}
    account = Account(Pool(10, 10), concurrency.wish(recorded, "dev"), {}, "eu-west-1")
    assert "2 requests may wait for a file at once instead of 30" in concurrency.explain_waits(account, 2)
    assert "1 request may wait for a file at once instead of 30" in concurrency.explain_waits(account, 1)
    assert concurrency.explain_waits(account, 30) == ""


def test_a_reservation_must_leave_100_and_what_the_stage_has_already_counts() -> None:
    def refusal(limit: int, unreserved: int, present: dict[str, int], **reserved: int) -> str:
        return concurrency.refuse_reservation(Account(Pool(limit, unreserved), wish(**reserved), present, "eu-west-1"))

    assert "(api_handler 1) would leave 9 of the account's 10" in refusal(10, 10, {}, api_handler=1)
    assert refusal(1000, 1000, {}, api_handler=900) == ""
    assert "would leave 99" in refusal(1000, 1000, {}, api_handler=901)
    assert refusal(1000, 100, {"api_handler": 900}, api_handler=900) == "", "it is reserved already"
    assert "(api_handler 950)" in refusal(1000, 100, {"api_handler": 900}, api_handler=950)
    assert refusal(1000, 50, {"api_handler": 900}, api_handler=100) == "", "reserving less is always allowed"


def test_a_reservation_that_is_no_number_is_named() -> None:
    recorded = {"lambda_functions": {"fetch": {"reserved_concurrency": "many"}}}
    with pytest.raises(OpsError, match=r"reserved_concurrency of fetch .* is 'many': make it a whole number"):
        concurrency.wish(recorded, "dev")


class GoneError(Exception):
    pass


class Lambda:
    exceptions = SimpleNamespace(ResourceNotFoundException=GoneError)
    meta = SimpleNamespace(region_name="eu-west-1")

    def get_account_settings(self) -> Any:
        return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 700}}

    def get_function_concurrency(self, FunctionName: str) -> Any:  # noqa: N803 - boto3's name
        if FunctionName == "filemill-dev":
            return {"ReservedConcurrentExecutions": 300}
        if FunctionName == "filemill-dev-process":
            return {}
        raise GoneError


def test_the_account_is_read_with_what_the_stages_functions_reserve() -> None:
    recorded = {
        "app_name": "filemill",
        "lambda_functions": {"api_handler": {"reserved_concurrency": 200}},
        "stages": {"dev": {"environment_variables": {"FILEMILL_PROCESS_CONCURRENCY": "90"}}},
    }
    account = concurrency.examine(Lambda(), recorded, "dev")
    at_once = {"process": 90, "media": 20, "fetch": 20, "deliver": 20}
    assert account.wanted == Wish(at_once, {"api_handler": 200}, optional=frozenset({"media"}))
    assert account.reserved == {"api_handler": 300}
    assert account.after == Pool(1000, 800)
    assert concurrency.explain(account, {}) == ""
