"""The bench of the API's function, and what a request may cost: functions called, which no busy machine changes."""

from __future__ import annotations

import pytest

from bench.api.run import REQUESTS, started
from tests.stage import ROOT

# Functions called for one request, those written in C included: a seventh more than when this was written. Revision
# 49a3b288, before the API was made faster, called 9,450 for a record, 339,000 for a list of 50, and 6,760 for a create.
MOST = {"get": 1_800, "list": 36_300, "create": 2_420}


@pytest.fixture(scope="module")
def cost() -> dict[str, tuple[int, int]]:
    """By operation: functions and AWS calls of one request."""
    found = {}
    with started(ROOT) as function:
        for operation in REQUESTS:
            function(operation, 3)  # fills what a warm process remembers
            calls = function(operation, 4)["calls"]
            found[operation] = (function(operation, 4, counted=True)["functions"] // 4, calls // 4)
    return found


@pytest.mark.parametrize("operation", MOST)
def test_a_warm_request_calls_no_more_functions_than_it_did(operation: str, cost: dict[str, tuple[int, int]]) -> None:
    assert cost[operation][0] <= MOST[operation]


def test_a_warm_request_makes_one_call_of_aws(cost: dict[str, tuple[int, int]]) -> None:
    assert {operation: calls for operation, (_, calls) in cost.items()} == dict.fromkeys(MOST, 1)
