"""Removal: objects, then copies at the edges, then the record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import deletion
from chalicelib.delivery import invalidation
from chalicelib.model import File, Kind, Status, Visibility, rendition_prefix
from chalicelib.upkeep import removal
from tests.client import Client
from tests.making import RENDITIONS, deliver, derived, file, upload
from tests.stage import Calls, aws_client
from tests.upkeep.making import PHOTO, is_due, record

VERSION = "0123456789abcdef"


class Edges:
    """CloudFront, as far as removals know it: the requests it got, and whether it takes them."""

    def __init__(self) -> None:
        self.accepts = True
        self.asked: list[tuple[list[str], str]] = []

    def invalidate(self, paths: list[str], reference: str) -> bool:
        self.asked.append((paths, reference))
        return self.accepts


@pytest.fixture
def edges(monkeypatch: pytest.MonkeyPatch) -> Edges:
    edges = Edges()
    monkeypatch.setattr(invalidation, "invalidate", edges.invalidate)
    return edges


def put_rendition(file: File, visibility: Visibility, version: str = VERSION) -> str:
    key = f"{rendition_prefix(visibility, file.id, version)}w160.webp"
    aws_client("s3").put_object(Bucket="derived", Key=key, Body=b"x")
    return key


def served(number: int, **values: Any) -> File:
    return file(number, **{"version_id": "v", "source_version": VERSION, "renditions": RENDITIONS, **values})


def public(number: int, **values: Any) -> File:
    return served(number, visibility=Visibility.PUBLIC, status=Status.DELETED, **values)


# --- replaced renditions


def test_a_file_without_replaced_renditions_costs_nothing(stage: Calls, edges: Edges) -> None:
    assert removal.clear(served(1))
    assert stage.names == []
    assert edges.asked == []


def test_only_the_replaced_renditions_are_removed(stage: Calls, edges: Edges) -> None:
    before = served(1)
    prefix = rendition_prefix(Visibility.PRIVATE, before.id, "a" * 16)
    put_rendition(before, Visibility.PRIVATE, "a" * 16)
    kept = put_rendition(before, Visibility.PRIVATE)
    assert removal.clear(before.model_copy(update={"leftovers": [prefix]}))
    assert derived() == [kept]
    assert edges.asked == []


@pytest.mark.parametrize(
    ("visibility", "status", "asked"),
    [
        (Visibility.PUBLIC, Status.READY, False),  # it may still be seen by anybody
        (Visibility.PRIVATE, Status.READY, True),
        (Visibility.PUBLIC, Status.DELETED, True),
    ],
)
def test_edges_forget_replaced_public_renditions_unless_the_file_is_still_public(
    visibility: Visibility, status: Status, asked: bool, stage: Calls, edges: Edges
) -> None:
    before = file(1, visibility=visibility, status=status)
    before.leftovers = [rendition_prefix(Visibility.PUBLIC, before.id, VERSION)]
    assert removal.clear(before)
    assert edges.asked == ([([f"/f/public/{before.id}/*"], f"{before.id}-3")] if asked else [])


def test_while_cloudfront_takes_no_invalidation_the_record_keeps_its_leftovers(
    client: Client, edges: Edges, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = upload(client, PHOTO, visibility="public")
    deliver(file_id)
    edges.accepts = False
    assert client("PATCH", f"/v1/files/{file_id}", {"visibility": "private"}).status == 200
    left = record(file_id)
    assert (bool(left.leftovers), is_due(file_id)) == (True, True)
    assert not removal.clear(left)
    edges.accepts = True
    assert removal.clear(left)
    assert (record(file_id).leftovers, is_due(file_id)) == ([], False)


# --- a deleted file


def test_a_deleted_file_s_objects_are_removed_in_both_buckets_and_no_other_s(stage: Calls, edges: Edges) -> None:
    gone, other = public(1), public(2)
    for each in (gone, other):
        for _ in range(2):
            aws_client("s3").put_object(Bucket="originals", Key=f"acme/{each.id}", Body=b"x")
        aws_client("s3").delete_object(Bucket="originals", Key=f"acme/{each.id}")
    put_rendition(gone, Visibility.PUBLIC)
    put_rendition(gone, Visibility.PRIVATE)
    kept = put_rendition(other, Visibility.PUBLIC)
    assert removal.purge(gone)
    assert derived() == [kept]
    listed = aws_client("s3").list_object_versions(Bucket="originals")
    assert {entry["Key"] for entry in listed["Versions"] + listed["DeleteMarkers"]} == {f"acme/{other.id}"}
    assert len(listed["Versions"]) == 2
    assert edges.asked == [([f"/f/public/{gone.id}/*"], f"{gone.id}-3")]


def test_an_upload_that_waits_is_aborted_and_one_that_was_completed_is_not(stage: Calls, edges: Edges) -> None:
    removal.purge(file(1, status=Status.DELETED, upload_id="u"))
    assert stage.count("s3.AbortMultipartUpload") == 1
    removal.purge(file(1, status=Status.DELETED, upload_id="u", version_id="v"))
    removal.purge(file(1, status=Status.DELETED))
    assert stage.count("s3.AbortMultipartUpload") == 1


@pytest.mark.parametrize(
    "values",
    [
        {"visibility": Visibility.PRIVATE},
        {"visibility": Visibility.PUBLIC, "source_version": None},
        {"visibility": Visibility.PUBLIC, "kind": Kind.OTHER, "renditions": []},
    ],
)
def test_a_file_that_was_never_public_at_the_edges_needs_no_invalidation(
    values: dict[str, Any], stage: Calls, edges: Edges
) -> None:
    assert removal.purge(served(1, status=Status.DELETED, **values))
    assert edges.asked == []


def test_a_private_file_that_was_public_before_is_invalidated(stage: Calls, edges: Edges) -> None:
    gone = served(1, status=Status.DELETED)
    gone.leftovers = [rendition_prefix(Visibility.PUBLIC, gone.id, VERSION)]
    assert removal.purge(gone)
    assert [paths for paths, _ in edges.asked] == [[f"/f/public/{gone.id}/*"]]


def test_while_cloudfront_takes_no_invalidation_a_tombstone_stays_due(client: Client, edges: Edges) -> None:
    file_id = upload(client, PHOTO, visibility="public")
    deliver(file_id)
    deletion.mark_deleted("acme", file_id)
    gone = record(file_id)
    edges.accepts = False
    assert not removal.purge(gone)
    assert is_due(file_id)
    edges.accepts = True
    assert removal.purge(gone)
    assert not is_due(file_id)


# --- several at once


def removals(*files: File, done: list[str]) -> list[removal.Removal]:
    """Removals whose objects are gone; `done` gets the ids of those that are recorded."""
    paths = {Visibility.PUBLIC: "/f/public/{}/*"}
    return [
        removal.Removal(
            each,
            paths[each.visibility].format(each.id) if each.visibility in paths else None,
            lambda file_id=each.id: done.append(file_id),  # type: ignore[misc]
        )
        for each in files
    ]


def test_removals_are_recorded_once_the_edges_were_asked(edges: Edges) -> None:
    done: list[str] = []
    first, second, private = public(1), public(2), served(3)
    assert removal.finish(removals(first, second, private, done=done)) == []
    assert done == [first.id, second.id, private.id]
    [(paths, reference)] = edges.asked
    assert paths == [f"/f/public/{first.id}/*", f"/f/public/{second.id}/*"]
    assert len(reference) == 64


def test_without_a_public_file_the_edges_are_not_asked(edges: Edges) -> None:
    done: list[str] = []
    assert removal.finish(removals(served(1), done=done)) == []
    assert removal.finish([]) == []
    assert (len(done), edges.asked) == (1, [])


def test_removals_that_the_edges_refuse_are_not_recorded_even_if_a_file_comes_twice(edges: Edges) -> None:
    done: list[str] = []
    edges.accepts = False
    wanted = removals(public(1), public(1), served(2), done=done)
    assert removal.finish(wanted) == wanted[:2]
    assert done == [served(2).id]


def test_the_same_removals_in_another_order_are_the_same_request_and_a_later_revision_is_not(edges: Edges) -> None:
    for files in (
        (public(1), public(2)),
        (public(2), public(1)),
        (public(1), public(2, revision=4)),
        (public(1),),
        (public(1, revision=4),),
    ):
        removal.finish(removals(*files, done=[]))
    references = [reference for _, reference in edges.asked]
    assert references[0] == references[1]
    assert len(set(references)) == 4


def test_as_many_paths_as_allowed_are_named_and_one_more_is_one_path_for_all(edges: Edges) -> None:
    for count in (removal.MAX_PATHS, removal.MAX_PATHS + 1):
        removal.finish(removals(*(public(number) for number in range(count)), done=[]))
    (named, _), (all_of_them, _) = edges.asked
    assert named == [f"/f/public/{public(number).id}/*" for number in range(removal.MAX_PATHS)]
    assert all_of_them == ["/f/public/*"]


def test_edges_forget_the_public_ones_of_some_renditions(edges: Edges) -> None:
    assert removal.invalidate(["f/private/a/v/w1.webp"], "r")
    assert edges.asked == []
    assert removal.invalidate(["f/public/a/v/w1.webp", "f/public/a/v/w2.webp", "f/private/b/v/w1.webp"], "r")
    assert edges.asked == [(["/f/public/a/*"], "r")]
    edges.accepts = False
    assert not removal.invalidate(["f/public/a/v/w1.webp"], "r")


def test_a_removal_under_way_writes_nothing_to_the_record(stage: Calls, edges: Edges) -> None:
    removal.begin_purge(public(1))
    removal.begin_clear(public(1, leftovers=["f/public/x/"], restore_until=file(1).created_at + timedelta(days=1)))
    assert {name for name in stage.names if name.startswith("dynamodb.")} <= {"dynamodb.Query"}
    assert edges.asked == []
