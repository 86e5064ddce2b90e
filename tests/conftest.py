"""The fixtures that every room uses: a stage on moto, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import names
from tests.client import Client, new_client
from tests.faults.clock import Clock, time_of
from tests.stage import (
    Calls,
    functions_in_process,
    mocked_cloud,
    new_cdn_key,
    provisioned,
    recorded_calls,
)
from tests.transitions import only_transitions

pytest_plugins = [
    "tests.events_contract",
    "tests.iam.plugin",
    "tests.local",
    "tests.marks",
    "tests.needs",
    "tests.scheduling",
    "tests.strict.watching",
]


@pytest.fixture(scope="session")
def cdn_key() -> bytes:
    return new_cdn_key()


@pytest.fixture(scope="session")
def cloud() -> Iterator[None]:
    """moto, for the whole run: making AWS clients takes most of the time."""
    with mocked_cloud():
        yield


@pytest.fixture
def stage(cloud: None, cdn_key: bytes) -> Iterator[Calls]:
    """A provisioned stage, which is empty. It gives the list of the AWS calls that the code makes from now on."""
    provisioned(cdn_key)
    with recorded_calls() as calls, functions_in_process(), only_transitions(), names.known():
        yield calls


@pytest.fixture
def client(stage: Calls) -> Client:
    """A client of tenant `acme` with all scopes."""
    return new_client("acme")


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Simulated time, which the test moves on."""
    clock = Clock()
    with time_of(clock):
        yield clock
