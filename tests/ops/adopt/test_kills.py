"""`ops adopt` is killed at each AWS call, before or after it, and repeated: each object becomes exactly one file."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.client import BaseClient

from chalicelib.model import Status
from ops.adopt import copying
from tests.making import deliver
from tests.ops.adopt.bucket import Adopting, Bucket, Killed, adopted, answering, killed_at, original, versions
from tests.stage import aws_client

SMALL = {"a.txt": b"first\n", "b.txt": b"second\n"}
PART = 5 * 1024**2
LARGE = {"film.bin": b"x" * PART + b"the end"}


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects above 5 MiB are copied in parts of 5 MiB."""
    monkeypatch.setattr(copying, "IN_PARTS_ABOVE", PART)
    monkeypatch.setattr(copying, "part_bytes", lambda _: PART)


def killed(adopt: Adopting, number: int, *, after: bool) -> bool:
    """Runs the command, and kills it at a call. False if it ended before."""
    with killed_at(number, after=after):
        try:
            adopt("--jobs", "1", code=None)
        except Killed:
            return True
    return False


def right(objects: dict[str, bytes]) -> None:
    found = adopted()
    assert {name: original(file)[0] for name, file in found.items()} == objects
    assert versions() == sorted(f"acme/{file.id}" for file in found.values()), "one version each"
    for file in found.values():
        if file.status is Status.AWAITING_UPLOAD:
            deliver(file.id)
    assert {file.status for file in adopted().values()} == {Status.READY}


@pytest.mark.parametrize(("number", "after"), [(n, n % 2 == 0) for n in range(1, 15)] + [(8, False), (9, True)])
def test_small_objects(number: int, after: bool, bucket: Bucket, adopt: Adopting) -> None:
    for key, body in SMALL.items():
        bucket.put(key, body)
    before = bucket.state()
    was_killed = killed(adopt, number, after=after)
    adopt()
    right(SMALL)
    assert bucket.state() == before
    report = adopt()
    assert (report["planned"]["files"], report["passed"]["already"]) == (0, 2)
    assert was_killed or number > 12


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize(("number", "after"), [(n, n % 2 == 0) for n in range(6, 17)])
def test_a_large_object(number: int, after: bool, bucket: Bucket, adopt: Adopting) -> None:
    for key, body in LARGE.items():
        bucket.put(key, body)
    killed(adopt, number, after=after)
    with answering("Nothing", "", 0) as called:
        adopt()
    right(LARGE)
    begun = aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads", [])
    # Only an upload that no record names yet is left to the bucket's lifecycle.
    assert len(begun) <= 1
    assert not begun or called.count("CreateMultipartUpload") == 1


def test_killed_again_and_again(bucket: Bucket, adopt: Adopting) -> None:
    objects = {f"{number}.txt": str(number).encode() for number in range(12)}
    for key, body in objects.items():
        bucket.put(key, body)
    runs = 0
    while killed(adopt, 10 + runs % 5, after=runs % 2 == 0):
        runs += 1
        assert runs < 60, "each run goes on where the one before was killed"
    right(objects)
    assert runs > 4


@pytest.mark.parametrize("operation", ["HeadObject", "TransactWriteItems", "CopyObject", "UpdateItem"])
def test_two_runs_at_the_same_time_make_each_file_once(operation: str, bucket: Bucket, adopt: Adopting) -> None:
    """The second run does everything in the middle of the first one."""
    bucket.put("a.txt")
    call = BaseClient._make_api_call  # type: ignore[attr-defined]
    met = threading.Event()

    def meanwhile(client: Any, name: str, parameters: Any) -> Any:
        if name == operation and not met.is_set():
            met.set()
            adopt()
        return call(client, name, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", meanwhile)
        report = adopt("--jobs", "1")
    assert met.is_set()
    assert report["failed"] == {}
    right({"a.txt": b"words\n"})
