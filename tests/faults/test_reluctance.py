"""AWS answers less, later, older and twice (tests/reluctance.py). No operation may end differently for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.catalog import credentials, scanning
from chalicelib.storage import derived
from ops import redrive, reindex
from ops.progress import Pace
from tests.faults import harness
from tests.faults.harness import Allowed, healer_of, quiet, undisturbed, world_of
from tests.faults.looking import record_of, records
from tests.faults.operations import CONDITIONAL, OPERATIONS, Operation, create, created, ready
from tests.faults.world import World
from tests.reluctance import reluctant

pytestmark = pytest.mark.usefixtures("broken_stage")

NAMED = {operation.name: operation for operation in (*OPERATIONS, *CONDITIONAL)}
# `make test` has time for those whose calls can be answered so.
FEW = ("complete", "process again", "delete", "index", "redrive", "sweep", "sweep, the walk")
SEEDS = range(4 if harness.PROGRAMS else 1)

EMPTY = redrive.EMPTY  # which the fixture makes smaller


@pytest.mark.parametrize("name", list(NAMED) if harness.PROGRAMS else FEW)
def test_an_operation_ends_as_it_should_however_reluctant_aws_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = NAMED[name]
    monkeypatch.setattr(redrive, "EMPTY", EMPTY)
    with quiet():
        soon, late = undisturbed(operation, operation.run)
        for seed in SEEDS:
            with world_of(operation) as world:
                prepared = operation.prepare(world)
                world.restart()
                with reluctant(seed):
                    operation.run(world, prepared)
                world.restart()
                world.check()
                world.drain()
                healer_of(operation, world, Allowed([soon], [late]))


# --- reads


@pytest.fixture
def world() -> Iterator[World]:
    """Nine files of two kinds with tags, one deleted, and each of three of them changed once more."""
    operation = Operation("read", lambda _: None, lambda *_: None)
    with quiet(), world_of(operation) as world:
        for number in range(9):
            text = {"content_type": "text/plain"} if number % 2 else {}
            created(world, filename=f"note {number}.txt", tags=["a", f"t{number % 3}"], **text)
        ids = [file.id for file in records()]
        world.index()  # so that the changes below leave gaps in the feed
        for file_id in ids[:3]:
            world.request("PATCH", f"/v1/files/{file_id}", {"tags": ["a", "b"]})
        world.request("DELETE", f"/v1/files/{ids[8]}")
        world.index()
        yield world


LISTS = {
    "list": "/v1/files?",
    "the oldest first": "/v1/files?sort=created&",
    "by size": "/v1/files?sort=-size&",
    "by name": "/v1/files?sort=filename&",
    "by prefix": "/v1/files?filename_prefix=note&",
    "by tag": "/v1/files?tag=a&",
    "by two tags": "/v1/files?tag=a&tag=b&",
    "by status and tag": "/v1/files?status=awaiting_upload&tag=t2&sort=created&",
    "changes": "/v1/changes?",
}


def pages(world: World, path: str) -> list[str]:
    """The ids of all pages, in order."""
    found: list[str] = []
    place = ""
    for _ in range(60):
        reply = world.request("GET", f"{path}limit=2{place}")
        assert reply.status == 200, reply.text
        found += [item["id"] for item in reply.json["items"]]
        if not (reply.json["more"] if "more" in reply.json else reply.json["next_cursor"]):
            return found
        place = f"&after={reply.json['next_after']}" if "more" in reply.json else f"&cursor={reply.json['next_cursor']}"
    raise AssertionError("the pages never end")


def searched(world: World) -> list[str]:
    reply = world.request("GET", "/v1/search?q=note+b")
    assert reply.status == 200, reply.text
    return [item["file"]["id"] for item in reply.json["items"]]


def every_file(world: World) -> list[str]:
    return sorted(file.id for page in scanning.every_file() for file in page)


READS: dict[str, Callable[[World], list[Any]]] = {
    **{name: lambda world, path=path: pages(world, path) for name, path in LISTS.items()},  # type: ignore[misc]
    "search": searched,
    "stats": lambda world: [world.request("GET", "/v1/stats").json],
    "keys": lambda world: credentials.api_keys(),
    "all files": every_file,
    "a tenant's files": lambda world: [file.id for page in scanning.files_of_tenant("acme") for file in page],
}


@pytest.mark.parametrize("name", READS)
def test_pages_that_end_early_lose_nothing_and_repeat_nothing(world: World, name: str) -> None:
    wanted = READS[name](world)
    assert wanted
    happened: Counter[str] = Counter()

    for seed in range(40 if harness.PROGRAMS else 6):
        with reluctant(seed, "pages", "batches") as weather:
            assert READS[name](world) == wanted
        happened += weather.met

    assert happened["keys left out" if name == "stats" else "short pages"]


def test_an_old_index_gives_no_error_and_no_file_of_somebody_else(world: World) -> None:
    happened: Counter[str] = Counter()

    for seed in range(20 if harness.PROGRAMS else 4):
        created(world)
        mine = {file.id for file in records()}
        for read in READS.values():
            with reluctant(seed) as weather:
                found = read(world)
            happened += weather.met
            assert {each for each in found if isinstance(each, str)} <= mine

    assert happened["old reads"]


def test_the_feed_is_never_old(world: World) -> None:
    """It promises every change, so all of its reads are strongly consistent."""
    wanted = pages(world, LISTS["changes"])

    for seed in range(6):
        with reluctant(seed, "old") as weather:
            assert pages(world, LISTS["changes"]) == wanted
        assert not weather.met


def test_a_duplicate_that_is_there_is_found_although_a_page_is_empty(world: World) -> None:
    file_id = ready(world)
    sha256 = record_of(file_id).sha256
    wanted = {"sha256": sha256, "on_duplicate": "reuse"}

    for seed in range(12):
        with reluctant(seed, "pages", "batches"):
            reply = create(world, **wanted)
        assert (reply.status, reply.json["id"]) == (200, file_id)


def test_a_duplicate_that_the_index_does_not_show_is_uploaded_again_and_a_deleted_one_is_not_reused(
    world: World,
) -> None:
    file_id = ready(world)
    wanted = {"sha256": record_of(file_id).sha256, "on_duplicate": "reuse"}

    with quiet():
        for seed in range(12):
            with reluctant(seed, "old"):
                assert create(world, **wanted).status in (200, 201)
        assert world.request("DELETE", f"/v1/files/{file_id}").status == 204
        for seed in range(12):
            with reluctant(seed, "old"):
                assert create(world, **wanted).status == 201


@pytest.mark.parametrize("tenant", [None, "acme"])
def test_reindexing_what_an_old_index_lists_leaves_the_index_of_the_present(world: World, tenant: str | None) -> None:
    for seed in range(3):
        world.request("PATCH", f"/v1/files/{created(world)}", {"tags": [str(seed)]})
        with reluctant(seed):
            reindex.reindex(tenant, Pace(1e6))
        world.index()
        world.settled(swept=False)


def test_the_reluctance_really_happens(world: World) -> None:
    """Every way in which AWS may answer less is met by the operations and reads of these tests."""
    happened: Counter[str] = Counter()
    for seed in range(8):
        with reluctant(seed) as weather:
            pages(world, LISTS["by tag"])
            pages(world, LISTS["list"])
            world.sweep()
            for _ in range(3):
                aws.sqs().receive_message(QueueUrl=world.ingest.url)
            derived.delete_below("f/")
            world.ingest.send("{}")
        world.request("PATCH", f"/v1/files/{records()[0].id}", {"tags": [str(seed)]})
        world.index()
        happened += weather.met
    assert set(happened) >= {
        *("keys left out", "short pages", "empty pages", "old reads"),
        *("empty listings", "short listings", "nothing received", "received twice"),
    }
