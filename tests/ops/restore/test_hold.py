"""How functions are held: what refuses calls, what waits, and that all of it ends."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.restore.hold import CALLED, Functions
from ops.stack.names import FUNCTIONS, function_name

NAMES = {function_name("filemill", "dev", function) for function in FUNCTIONS}


class NotThereError(Exception):
    pass


class Lambda:
    exceptions = SimpleNamespace(ResourceNotFoundException=NotThereError)

    def __init__(self, names: set[str]) -> None:
        self.names = names
        self.reserved: dict[str, int] = {}
        self.states = {f"uuid-{name}": "Enabled" for name in names}
        self.slow = 0
        self.turned: list[str] = []

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        if FunctionName not in self.names:
            raise NotThereError
        return {"Environment": {"Variables": {"FILEMILL_TABLE": "old"}}}

    def put_function_concurrency(self, FunctionName: str, ReservedConcurrentExecutions: int) -> None:  # noqa: N803
        self.reserved[FunctionName] = ReservedConcurrentExecutions

    def delete_function_concurrency(self, FunctionName: str) -> None:  # noqa: N803
        self.reserved.pop(FunctionName, None)

    def get_function_concurrency(self, FunctionName: str) -> dict[str, int]:  # noqa: N803
        number = self.reserved.get(FunctionName)
        return {} if number is None else {"ReservedConcurrentExecutions": number}

    def get_paginator(self, _: str) -> Any:
        def paginate(FunctionName: str) -> list[dict[str, Any]]:  # noqa: N803
            return [{"EventSourceMappings": [{"UUID": f"uuid-{FunctionName}"}]}]

        return SimpleNamespace(paginate=paginate)

    def get_event_source_mapping(self, UUID: str) -> dict[str, Any]:  # noqa: N803
        if self.slow:
            self.slow -= 1
            return {"State": "Disabling"}
        return {"State": self.states[UUID]}

    def update_event_source_mapping(self, UUID: str, Enabled: bool) -> None:  # noqa: N803
        self.states[UUID] = "Enabled" if Enabled else "Disabled"
        self.turned.append(UUID)
        self.slow = 3


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".chalice").mkdir()
    functions = {"api_handler": {"reserved_concurrency": 50}, "sweep": {"lambda_timeout": 300}}
    entry = {"app_name": "filemill", "lambda_functions": functions, "stages": {"dev": {}}}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(entry))
    return tmp_path


def held(client: Lambda) -> set[str]:
    return {name for name, number in client.reserved.items() if number == 0} | {
        uuid.removeprefix("uuid-") for uuid, state in client.states.items() if state == "Disabled"
    }


def test_everything_that_writes_records_is_held_and_let_go(project: Path) -> None:
    client, slept = Lambda(NAMES), list[float]()
    functions = Functions(client, project, "dev", slept.append)
    functions.hold_sweep(1000.0)
    assert held(client) == {"filemill-dev-sweep"}
    assert slept == [300.0], "a run may take so long"
    functions.hold(30.0)
    # The render function writes leases only, and the restored table forgets them.
    assert held(client) == NAMES - {"filemill-dev-render", "filemill-dev-stream"}
    assert 30.0 in slept
    assert functions.held()
    functions.release()
    assert not functions.held()
    assert held(client) == set()
    assert client.reserved == {"filemill-dev": 50}, "what the configuration says"


def test_queues_are_not_held_by_refused_calls(project: Path) -> None:
    """A call that is refused five times makes a dead letter."""
    client = Lambda(NAMES)
    Functions(client, project, "dev", lambda _: None).hold(0.0)
    assert set(client.reserved) == {function_name("filemill", "dev", function) for function in CALLED}


def test_the_publisher_is_turned_off_last_so_that_it_tells_of_what_the_others_wrote(project: Path) -> None:
    client = Lambda(NAMES)
    Functions(client, project, "dev", lambda _: None).hold(0.0)
    assert list(client.turned)[-1] == "uuid-filemill-dev-publish"


def test_a_stage_without_functions_has_nothing_to_hold(project: Path) -> None:
    client, slept = Lambda(set()), list[float]()
    functions = Functions(client, project, "dev", slept.append)
    functions.hold_sweep(9.0)
    functions.hold(9.0)
    functions.release()
    assert (client.reserved, slept, functions.table(), functions.held()) == ({}, [], None, True)
