"""The previous release's stage, as its fixture keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.compatibility.stage import FIXTURE, LATE, Kept, Stage, loaded, read
from tests.outbound.servers import Server, answer, serving
from tests.stage import Calls


@pytest.fixture(scope="session")
def source() -> Iterator[Server]:
    """The server that the fixture's imports come from."""

    def serve(_: str, connection: Any) -> None:
        connection.sendall(answer(LATE))

    with serving(serve) as server:
        yield server


@pytest.fixture(scope="session")
def kept(source: Server) -> Kept:
    return _read(source.port)


@cache
def _read(port: int) -> Kept:
    return read(FIXTURE, f"localhost:{port}")


@pytest.fixture
def old(stage: Calls, kept: Kept) -> Iterator[Stage]:
    """The stage as the previous release left it."""
    with loaded(kept) as found:
        yield found
