"""The derived bucket."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.storage import derived, objects
from tests import making
from tests.reluctance import reluctant
from tests.stage import Calls, aws_client, template


def put(*keys: str, body: bytes = b"x") -> None:
    for key in keys:
        aws_client("s3").put_object(Bucket="derived", Key=key, Body=body)


def pages_of(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Makes S3's pages smaller than 1,000 objects."""
    listed = aws.s3().list_objects_v2
    monkeypatch.setattr(aws.s3(), "list_objects_v2", lambda **asked: listed(MaxKeys=size, **asked))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_pages_have_each_object_once_and_the_last_says_so(
    count: int, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages_of(monkeypatch, 2)
    keys = [f"f/{number}" for number in range(count)]
    put(*keys)
    found, sizes, after = [], [], ""
    while True:
        page = derived.page(after)
        found += [each.key for each in page.objects]
        sizes.append(len(page.objects))
        if page.after is None:
            break
        after, version = page.after
        assert version == ""
    assert found == keys
    assert len(sizes) == max(1, -(-count // 2)), "no empty page at the end"


def test_an_object_of_a_page_has_its_size_and_no_version(stage: Calls) -> None:
    put("f/a/1", "g/a/4", body=b"four")
    page = derived.page("f/a/1")
    [found] = page.objects
    assert (found.key, found.size, found.version_id, found.is_marker) == ("g/a/4", 4, "", False)
    assert page.after is None


def test_below_a_prefix_are_only_its_objects(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    pages_of(monkeypatch, 1)
    put("f/a/1", "f/a/2", "f/ab/3", "g/a/4")
    assert list(derived.keys_below("f/a/")) == ["f/a/1", "f/a/2"]


def test_a_listing_without_keys_is_not_the_end(stage: Calls) -> None:
    keys = [f"f/{number}" for number in range(5)]
    put(*keys)
    for seed in range(20):
        found, after = [], ""
        with reluctant(seed, "listings"):
            while True:
                page = derived.page(after)
                found += [each.key for each in page.objects]
                if page.after is None:
                    break
                assert page.objects, "the next page would begin at the same place"
                after, _ = page.after
        assert found == keys


def test_a_rendition_may_be_cached_for_ever(stage: Calls) -> None:
    derived.put("f/a.webp", b"abc", "image/webp")
    stored = aws_client("s3").get_object(Bucket="derived", Key="f/a.webp")
    assert (stored["Body"].read(), stored["ContentType"]) == (b"abc", "image/webp")
    assert stored["CacheControl"] == "public, max-age=31536000, immutable"


def test_bytes_for_a_day_are_saved_and_never_shown(stage: Calls) -> None:
    derived.put_for_a_day("f/e0.bin", b"<script>", 'attachment; filename="a.html"')
    assert derived.read("f/e0.bin", 99) == derived.Derived(
        {
            "Content-Type": "application/octet-stream",
            "Cache-Control": "public, max-age=3600",
            "Content-Disposition": 'attachment; filename="a.html"',
        },
        b"<script>",
    )


def test_the_buckets_lifecycle_deletes_what_has_the_tag_after_a_day(stage: Calls) -> None:
    derived.put_for_a_day("f/e0.bin", b"x", "attachment")
    derived.put("f/w1.webp", b"x", "image/webp")
    rules = template()["Resources"]["DerivedBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = [each for each in rules if "ExpirationInDays" in each]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 1)
    tags = [
        aws_client("s3").get_object_tagging(Bucket="derived", Key=key)["TagSet"] for key in ("f/e0.bin", "f/w1.webp")
    ]
    assert tags == [rule["TagFilters"], []]


def test_an_object_is_read_up_to_the_most_bytes_wanted(stage: Calls) -> None:
    derived.put("f/a.webp", b"abc", "image/webp")
    headers = {"Content-Type": "image/webp", "Cache-Control": derived.IMMUTABLE}
    assert derived.read("f/a.webp", 3) == derived.Derived(headers, b"abc")
    assert derived.read("f/a.webp", 2) == derived.Derived(headers, None)
    assert derived.read("f/b.webp", 3) is None


@pytest.mark.parametrize(("status", "missing"), [(403, True), (404, True), (500, False), (503, False)])
def test_only_s3_s_two_answers_for_a_missing_object_mean_that_it_is_missing(
    status: int, missing: bool, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")  # type: ignore[typeddict-item]

    monkeypatch.setattr(aws.s3(), "get_object", answer)
    if missing:
        assert derived.read("f/a.webp", 1) is None
    else:
        with pytest.raises(ClientError):
            derived.read("f/a.webp", 1)


def test_each_object_is_copied_to_its_own_key(stage: Calls) -> None:
    copies = {f"f/old/{number}": f"f/new/{number}" for number in range(20)}
    for source in copies:
        put(source, body=source.encode())
    assert derived.copy(copies)
    assert stage.count("s3.CopyObject") == 20
    for source, target in copies.items():
        copied = derived.read(target, 100)
        assert copied
        assert copied.body == source.encode()
    assert derived.copy({})


def test_copying_a_missing_object_is_false_and_any_other_trouble_is_raised(
    stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("f/1")
    assert not derived.copy({"f/1": "g/1", "f/2": "g/2"})

    def denied(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "CopyObject")

    monkeypatch.setattr(aws.s3(), "copy_object", denied)
    with pytest.raises(ClientError):
        derived.copy({"f/1": "g/1"})


def test_deleting_below_a_prefix_takes_all_pages_and_nothing_else(
    stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "DELETE_BATCH", 2)
    put(*(f"f/a/{number}" for number in range(5)), "f/a", "f/ab/1")
    derived.delete_below("f/a/")
    assert making.derived() == ["f/a", "f/ab/1"]
    stage.clear()
    derived.delete_below("f/a/")
    assert stage.names == ["s3.ListObjectsV2"]


def test_some_objects_are_deleted_by_their_keys(stage: Calls) -> None:
    put("f/1", "f/2", "f/3", "f/4")
    derived.delete("f/4")
    derived.delete_many(["f/1", "f/3"])
    assert making.derived() == ["f/2"]


def test_a_signed_address_is_good_for_the_time_asked_for(stage: Calls) -> None:
    address = urlsplit(derived.sign("f/a.webp", 60))
    assert address.path == "/f/a.webp"
    assert address.netloc.startswith("derived.")
    assert parse_qs(address.query)["X-Amz-Expires"] == ["60"]
    assert stage.names == []
