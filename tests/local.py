"""The really deployed local stack, once for all tests that need it: `python -m ops local` on free ports, in a folder of
its own. A plugin (tests/conftest.py names it), so that tests/e2e and tests/browser share one."""

from __future__ import annotations

import os
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from ops.local import loopback

if TYPE_CHECKING:
    from ops.local.stage import LocalStage

os.environ.update(loopback.without_proxy(os.environ))  # every test's servers are on this machine

HERE = Path(__file__).parent
DEPLOYED = (HERE / "e2e", HERE / "browser", HERE / "console")
STACK = tuple(f"{folder.relative_to(HERE.parent)}/" for folder in DEPLOYED)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything that needs the deployed stack is marked `e2e`."""
    for item in items:
        if item.nodeid.startswith(STACK):
            item.add_marker("e2e")


# Files of few tests that take minutes, and begin early: the last one must not keep one process busy alone.
EARLY = ("tests/faults/", "tests/ops/stack/", "tests/ops/erasure/", "tests/api/test_contract.py", "tests/bench/")


class _OneStack(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests run in one process, and all that need the deployed stack in one: there is one stack.

    xdist_group would do, but that pytest 9 made a node's id read-only.
    """

    _is_ordered = False

    def _split_scope(self, nodeid: str) -> str:
        return "stack" if nodeid.startswith(STACK) else nodeid.partition("::")[0]

    def _assign_work_unit(self, node: Any) -> None:
        if not self._is_ordered:
            units = sorted(self.workqueue.items(), key=lambda unit: (unit[0] != "stack", not unit[0].startswith(EARLY)))
            self.workqueue: OrderedDict[str, dict[str, bool]] = OrderedDict(units)
            self._is_ordered = True
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _OneStack(config, log)


def free_ports(count: int) -> list[int]:
    """Different ports that nothing listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def deployed(home: Path, progress: Callable[[str], None] = print) -> Iterator[LocalStage]:
    """A stage of its own in this folder, on free ports, which ends with the block."""
    from ops.local.stage import LocalStage  # the quick tests need not import it

    port, emulator_port = free_ports(2)
    stage = LocalStage(home, port=port, emulator_port=emulator_port, progress=progress)
    try:
        stage.start()
        yield stage
    finally:
        stage.stop()


@pytest.fixture(scope="session")
def local_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStage]:
    """Stage `local`, deployed: `.front_door`, `.endpoint_url`, `.client("s3")`, `.api_key("tenant")`."""
    with deployed(tmp_path_factory.mktemp("filemill")) as stage:
        yield stage


@dataclass
class Api:
    """The API through the front door, as one tenant."""

    base: str
    key: str

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return requests.request(method, self.base + path, headers=headers, timeout=60, **options)


@pytest.fixture(scope="session")
def api_of(local_stage: LocalStage) -> Callable[[str], Api]:
    """`api_of("acme")("GET", "/v1/files")`: the API as that tenant."""
    return lambda tenant: Api(local_stage.front_door, local_stage.api_key(tenant))


@pytest.fixture(scope="session")
def api(api_of: Callable[[str], Api]) -> Api:
    return api_of("demo")
