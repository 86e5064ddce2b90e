"""`python -m ops adopt`: objects of a bucket become files, each once, and the bucket stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from chalicelib.catalog import tenants
from chalicelib.catalog.tenants import Tenant
from chalicelib.model import Status, Visibility
from chalicelib.settings import settings
from ops import operator_policy
from ops.__main__ import main
from ops.adopt import copying
from ops.adopt.run import Brake
from ops.adopt.source import Source, open_source
from tests import images
from tests.client import Client
from tests.iam import stages
from tests.iam.evaluator import allowed_by, rights
from tests.iam.recorder import recording
from tests.making import deliver
from tests.ops.adopt.bucket import BUCKET, Adopting, Bucket, adopted, answering, original, versions
from tests.stage import Calls, aws_client

PHOTO = images.jpeg(64, 48)


def test_each_object_becomes_a_file_with_its_bytes_and_the_pipeline_makes_it_ready(
    bucket: Bucket, adopt: Adopting
) -> None:
    bucket.put("2026/IMG 1.jpg", PHOTO, ContentType="image/jpeg", Metadata={"photographer": "Ada"})
    bucket.put("notes/a.txt", b"words\n", ContentType="binary/octet-stream")
    before = bucket.state()
    report = adopt()
    assert report["done"] == {"adopted": 2, "resumed": 0, "already": 0, "bytes": len(PHOTO) + 6}
    found = adopted()
    assert original(found["IMG 1.jpg"])[0] == PHOTO
    photo, text = found["IMG 1.jpg"], found["a.txt"]
    assert (photo.status, photo.size, photo.content_type) == (Status.AWAITING_UPLOAD, len(PHOTO), "image/jpeg")
    assert photo.metadata["photographer"] == "Ada"
    assert photo.metadata["adopted_from"] == f"s3://{BUCKET}/2026/IMG 1.jpg"
    assert photo.metadata["adopted_last_modified"].endswith("Z")
    assert (text.content_type, text.type_guessed) == ("text/plain", True)
    for file in found.values():
        deliver(file.id)
    assert {file.status for file in adopted().values()} == {Status.READY}
    assert bucket.state() == before


def test_a_second_run_asks_nothing_of_the_objects_and_makes_no_file(bucket: Bucket, adopt: Adopting) -> None:
    for number in range(3):
        bucket.put(f"{number}.txt")
    adopt()
    kept = versions()
    bucket.put("new.txt")
    with answering("Nothing", "", 0) as called:
        report = adopt()
    assert (report["done"]["adopted"], report["passed"]["already"]) == (1, 3)
    assert called.count("HeadObject") == called.count("CopyObject") == 1
    assert set(versions()) > set(kept)
    assert len(adopted()) == 4


def test_an_object_that_was_written_anew_is_another_object(bucket: Bucket, adopt: Adopting) -> None:
    bucket.put("a.txt", b"first")
    adopt()
    bucket.put("a.txt", b"second")
    assert adopt()["done"]["adopted"] == 1
    assert len(versions()) == 2


def test_a_file_that_was_deleted_is_not_adopted_again(client: Client, bucket: Bucket, adopt: Adopting) -> None:
    bucket.put("a.txt")
    adopt()
    file = adopted()["a.txt"]
    deliver(file.id)
    client("DELETE", f"/v1/files/{file.id}")
    report = adopt()
    assert (report["planned"]["files"], report["passed"]["already"]) == (0, 1)


def test_each_tenant_may_adopt_the_same_objects(bucket: Bucket, adopt: Adopting) -> None:
    bucket.put("a.txt")
    adopt()
    adopt(tenant="other")
    assert adopted("other").keys() == adopted().keys() == {"a.txt"}


def test_the_files_get_what_the_command_says(bucket: Bucket, adopt: Adopting) -> None:
    bucket.put("a.jpg", PHOTO)
    adopt("--tag", "old", "--tag", "2026", "--visibility", "public", "--recipe", "avatar", "--owner", "ada")
    file = adopted()["a.jpg"]
    assert (file.tags, file.visibility, file.recipe, file.owner) == (
        ["old", "2026"],
        Visibility.PUBLIC,
        "avatar",
        "ada",
    )
    assert file.last_change
    assert (file.last_change.actor.type, file.last_change.actor.id) == ("system", "adopt")


def test_the_default_recipe_is_the_tenants(bucket: Bucket, adopt: Adopting) -> None:
    tenants.put_tenant(Tenant("acme", default_recipe="avatar"))
    bucket.put("a.jpg", PHOTO)
    adopt()
    assert adopted()["a.jpg"].recipe == "avatar"


def test_globs_choose_by_the_key_behind_the_prefix(bucket: Bucket, adopt: Adopting) -> None:
    for key in ("p/a.jpg", "p/sub/b.jpg", "p/thumbs/c.jpg", "p/d.txt", "q/e.jpg"):
        bucket.put(key)
    report = adopt("--include", "*.jpg", "--exclude", "thumbs/*", prefix="p")
    assert adopted().keys() == {"a.jpg", "b.jpg"}
    assert report["passed"]["not_chosen"] == 2
    assert report["listed"] == 4


def test_a_dry_run_counts_and_estimates_and_changes_nothing(bucket: Bucket, adopt: Adopting) -> None:
    bucket.put("a.jpg", b"x" * 2000)
    bucket.put("b.txt", b"x" * 1000)
    bucket.put("folder/", b"")
    bucket.put("empty.txt", b"")
    report = adopt("--dry-run")
    assert report["planned"] == {"files": 2, "bytes": 3000, "by_kind": {"image": 1, "other": 1}}
    assert (report["passed"]["folders"], report["refused"]) == (1, {"empty": 1})
    assert report["cost"]["once"] > 0
    assert report["dry_run"] is True
    assert adopted() == {}
    assert "2 of 4 objects" in adopt.said
    assert "less than a cent a month" in adopt.said


def test_without_yes_somebody_is_asked(
    bucket: Bucket, adopt: Adopting, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.put("a.txt")
    words = ["adopt", f"s3://{BUCKET}", "--stage", "test", "--tenant", "acme"]
    assert main(words) == 1
    assert "Add --yes" in capsys.readouterr().err
    assert main([*words, "--json"]) == 1
    assert "Add --yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert main(words) == 1
    assert adopted() == {}


def test_what_cannot_become_a_file_is_named_and_the_others_do(bucket: Bucket, adopt: Adopting) -> None:
    bucket.put("empty.txt", b"")
    bucket.put("folder/", b"bytes")
    bucket.put("ice.txt", StorageClass="GLACIER")
    bucket.put("gone.txt")
    bucket.put("secret.txt")
    bucket.put("ours.txt")
    bucket.put("large.txt", b"x" * 1000)
    bucket.put("fine.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FILEMILL_MAX_UPLOAD_BYTES", "999")
        settings.cache_clear()
        with (
            answering("HeadObject", "403", 403, key="secret.txt", message="Forbidden"),
            answering("HeadObject", "400", 400, key="ours.txt"),
            answering("HeadObject", "404", 404, key="gone.txt"),
        ):
            report = adopt(code=1)
    settings.cache_clear()
    assert adopted().keys() == {"fine.txt"}
    assert {each["key"]: each["code"] for each in report["failures"]} == {
        "empty.txt": "empty",
        "folder/": "unnamed",
        "ice.txt": "archived",
        "gone.txt": "changed",
        "secret.txt": "forbidden",
        "ours.txt": "encrypted",
        "large.txt": "too_large",
    }
    assert "secret.txt: reading it is not allowed\n" in adopt.said
    assert report["done"]["adopted"] == 1
    assert adopt(code=1)["done"]["adopted"] == 4, "what was in the way is gone by now"


def test_an_archived_object_that_was_restored_is_copied(bucket: Bucket, adopt: Adopting) -> None:
    bucket.put("ice.txt", StorageClass="GLACIER")
    aws_client("s3").restore_object(Bucket=BUCKET, Key="ice.txt", RestoreRequest={"Days": 1})
    adopt()
    assert adopted().keys() == {"ice.txt"}


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("AccessDenied", 403, "forbidden"),
        ("InvalidObjectState", 403, "archived"),
        ("ObjectNotInActiveTierError", 403, "archived"),
        ("PreconditionFailed", 412, "changed"),
        ("SlowDown", 503, "aws"),
    ],
)
def test_a_copy_that_s3_refuses_is_tried_by_the_next_run_with_the_same_file(
    code: str, status: int, reason: str, bucket: Bucket, adopt: Adopting
) -> None:
    bucket.put("a.txt")
    with answering("CopyObject", code, status):
        report = adopt(code=1)
    assert report["failed"] == {reason: 1}
    begun = adopted()["a.txt"]
    assert versions() == []
    assert adopt()["done"]["resumed"] == 1
    assert adopted()["a.txt"].id == begun.id
    assert versions() == [f"acme/{begun.id}"]


def test_a_file_that_expired_meanwhile_lives_when_its_bytes_come(bucket: Bucket, adopt: Adopting) -> None:
    bucket.put("a.txt")
    with answering("CopyObject", "SlowDown", 503):
        adopt(code=1)
    file = adopted()["a.txt"]
    aws_client("dynamodb").update_item(
        TableName="filemill-test",
        Key={"pk": {"S": f"FILE#{file.id}"}, "sk": {"S": "FILE"}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": "expired"}},
    )
    assert adopt()["done"]["resumed"] == 1
    deliver(file.id)
    assert adopted()["a.txt"].status is Status.READY


def test_a_file_that_was_forgotten_before_its_bytes_came_is_begun_anew(bucket: Bucket, adopt: Adopting) -> None:
    bucket.put("a.txt")
    with answering("CopyObject", "SlowDown", 503):
        adopt(code=1)
    forgotten = adopted()["a.txt"].id
    key = {"pk": {"S": f"FILE#{forgotten}"}, "sk": {"S": "FILE"}}
    aws_client("dynamodb").delete_item(TableName="filemill-test", Key=key)
    assert adopt()["done"]["adopted"] == 1
    assert adopted()["a.txt"].id != forgotten
    assert adopt()["passed"]["already"] == 1


def test_the_quotas_of_the_tenant_hold_unless_they_are_ignored(bucket: Bucket, adopt: Adopting) -> None:
    tenants.put_tenant(Tenant("acme", quotas={"files": 2}))
    for number in range(5):
        bucket.put(f"{number}.txt")
    report = adopt("--jobs", "1", code=1)
    assert "leaves 2, and 5 are needed" in adopt.said
    assert len(adopted()) == report["done"]["adopted"] == 2
    assert report["out_of_quota"] == "files"
    assert report["failed"]["quota"] < 3, "it stops when there is no room for any"
    assert adopt("--ignore-quotas")["done"]["adopted"] == 3


def test_a_quota_of_bytes_passes_over_a_large_file_only(bucket: Bucket, adopt: Adopting) -> None:
    tenants.put_tenant(Tenant("acme", quotas={"stored_bytes": 100}))
    bucket.put("a.bin", b"x" * 1000)
    bucket.put("b.txt", b"x" * 50)
    report = adopt(code=1)
    assert adopted().keys() == {"b.txt"}
    assert report["failed"] == {"quota": 1}


def test_a_large_object_is_copied_in_parts_and_goes_on_with_those_that_are_missing(
    bucket: Bucket, adopt: Adopting, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = 5 * 1024**2
    monkeypatch.setattr(copying, "IN_PARTS_ABOVE", part)
    monkeypatch.setattr(copying, "part_bytes", lambda _: part)
    monkeypatch.setattr(copying, "PARTS_AT_ONCE", 1)
    body = bytes(range(256)) * (part // 256) * 3 + b"the end"
    bucket.put("film.mp4", body, ContentType="video/mp4")
    with answering("CompleteMultipartUpload", "InternalError", 500) as called:
        adopt(code=1)
    assert called.count("UploadPartCopy") == 4
    begun = adopted()["film.mp4"]
    with answering("Nothing", "", 0) as called:
        assert adopt()["done"]["resumed"] == 1
    assert called.count("UploadPartCopy") == called.count("CreateMultipartUpload") == 0
    data, reply = original(begun)
    assert data == body
    assert reply["ContentType"] == "video/mp4"
    assert aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads", []) == []


def test_an_upload_in_parts_that_has_ended_is_begun_again(
    bucket: Bucket, adopt: Adopting, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = 5 * 1024**2
    monkeypatch.setattr(copying, "IN_PARTS_ABOVE", part)
    monkeypatch.setattr(copying, "part_bytes", lambda _: part)
    bucket.put("film.mp4", b"x" * (part + 1))
    with answering("CompleteMultipartUpload", "InternalError", 500):
        adopt(code=1)
    begun = adopted()["film.mp4"]
    aws_client("s3").abort_multipart_upload(Bucket="originals", Key=f"acme/{begun.id}", UploadId=begun.upload_id)
    assert adopt()["done"]["resumed"] == 1
    assert len(original(begun)[0]) == part + 1


def test_nothing_of_the_object_but_its_bytes_and_type_comes_along(bucket: Bucket, adopt: Adopting) -> None:
    bucket.put(
        "a.txt",
        ContentType="text/plain",
        CacheControl="max-age=1",
        Metadata={"m": "1"},
        Tagging="GuardDutyMalwareScanStatus=NO_THREATS_FOUND",
    )
    adopt()
    file = adopted()["a.txt"]
    reply = original(file)[1]
    assert (reply["ContentType"], reply["Metadata"], reply.get("CacheControl")) == ("text/plain", {}, None)
    tags = aws_client("s3").get_object_tagging(Bucket="originals", Key=f"acme/{file.id}")["TagSet"]
    assert tags == [], "a tag could say that the bytes were scanned"


def test_in_a_bucket_with_versions_the_present_one_is_taken(bucket: Bucket, adopt: Adopting) -> None:
    s3 = aws_client("s3")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    bucket.put("a.txt", b"old")
    bucket.put("a.txt", b"new")
    bucket.put("b.txt")
    s3.delete_object(Bucket=BUCKET, Key="b.txt")
    adopt()
    [file] = adopted().values()
    assert original(file)[0] == b"new"
    newest = s3.head_object(Bucket=BUCKET, Key="a.txt")["VersionId"]
    assert file.metadata["adopted_version"] == newest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["adopt", "old-photos", "--tenant", "acme"], "names no bucket"),
        (["adopt", "s3://filemill-test-none", "--tenant", "acme"], "There is no bucket filemill-test-none"),
        (["adopt", "s3://originals", "--tenant", "acme"], "is the stage's own"),
        (["adopt", f"s3://{BUCKET}", "--tenant", "Acme"], "can't be a tenant's name"),
        (["adopt", f"s3://{BUCKET}", "--tenant", "acme", "--tag", ""], "--tag can't be that"),
        (["adopt", f"s3://{BUCKET}", "--tenant", "acme", "--owner", "a" * 129], "--owner can't be that"),
        (["adopt", f"s3://{BUCKET}", "--tenant", "acme", "--jobs", "65"], "--jobs can be 64"),
        (["adopt", f"s3://{BUCKET}", "--tenant", "gone"], "The tenant gone is suspended"),
    ],
)
@pytest.mark.usefixtures("adopt")
def test_a_wrong_argument_is_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    tenants.put_tenant(Tenant("gone", suspended=True))
    assert main([*words, "--stage", "test", "--yes"]) == 1
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1


def test_a_bucket_that_may_not_be_listed_is_named_with_what_helps(bucket: Bucket, adopt: Adopting) -> None:
    with answering("ListObjectsV2", "AccessDenied", 403):
        adopt(code=1)
    assert f"ops policy --adopt {BUCKET}" in adopt.said
    assert "--requester-pays" in adopt.said


def test_credentials_that_end_meanwhile_end_the_run(bucket: Bucket, adopt: Adopting) -> None:
    for number in range(50):
        bucket.put(f"{number:02}.txt")
    with answering("HeadObject", "400", 400), answering("GetObject", "ExpiredToken", 400) as called:
        adopt("--jobs", "1", code=1)
    assert called.count("HeadObject") < 5
    with answering("TransactWriteItems", "ExpiredTokenException", 400):
        adopt("--jobs", "1", code=1)
    assert "Sign in again" in adopt.said


def test_a_bucket_whose_requesters_pay_is_asked_as_one(bucket: Bucket, adopt: Adopting) -> None:
    bucket.put("a.txt")
    asked: dict[str, Any] = {}
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(client: Any, name: str, parameters: Any) -> Any:
        asked.setdefault(name, parameters.get("RequestPayer"))
        return call(client, name, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", noted)
        adopt("--requester-pays")
    assert {name: asked[name] for name in ("ListObjectsV2", "HeadObject", "CopyObject")} == {
        "ListObjectsV2": "requester",
        "HeadObject": "requester",
        "CopyObject": "requester",
    }


def test_a_bucket_whose_requesters_pay_is_listed_though_it_refuses_to_tell_its_region(
    bucket: Bucket, adopt: Adopting
) -> None:
    """HeadBucket has no parameter for the payer: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html"""
    bucket.put("a.txt")
    with answering("HeadBucket", "403", 403):
        adopt(code=1)
        assert "--requester-pays" in adopt.said
        assert adopt("--requester-pays")["done"]["adopted"] == 1


def test_the_region_of_a_bucket_that_refuses_its_head_is_in_the_refusal() -> None:
    headers = {"x-amz-bucket-region": "ap-south-1"}
    error: Any = {"Error": {}, "ResponseMetadata": {"HTTPStatusCode": 403, "HTTPHeaders": headers}}

    def refuse(client: Any, name: str, parameters: Any) -> Any:
        raise ClientError(error, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", refuse)
        found = open_source(f"s3://{BUCKET}", requester_pays=True)
    assert (found.region, found.client.meta.region_name) == ("ap-south-1", "ap-south-1")


def test_a_busy_queue_is_not_flooded() -> None:
    depth, slept, clock = iter([5, 3, 1]), [], [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ops.adopt.run.waiting", lambda: next(depth))
        brake = Brake(2, sleep, lambda: clock[0])
        brake.wait()
        assert len(slept) == 2
        brake.wait()  # within five seconds nobody looks again
        clock[0] = 6
        with pytest.raises(StopIteration):
            brake.wait()


def test_the_operators_policy_and_the_statement_for_the_bucket_are_enough(bucket: Bucket, adopt: Adopting) -> None:
    bucket.put("a.txt")
    with recording() as record:
        adopt()
    found = record.of(stages.OPERATOR)
    of_source = [need for need in found if f"s3:::{BUCKET}" in need.resource]
    assert {need.action for need in of_source} == {"s3:ListBucket", "s3:GetObject"}
    granted = rights(operator_policy.policy(operator_policy.adopting(BUCKET)))
    assert [need for need in of_source if not allowed_by(granted, need)] == []


def test_the_statement_for_the_bucket_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "--adopt", "old-photos"]) == 0
    printed = capsys.readouterr().out
    assert '"arn:aws:s3:::old-photos/*"' in printed
    assert "s3:Put" not in printed
    assert "s3:Delete" not in printed


def test_the_listing_is_read_in_pages(bucket: Bucket, adopt: Adopting, stage: Calls) -> None:
    for number in range(25):
        bucket.put(f"{number:02}.txt")
    pages = Source.pages
    sizes: list[int] = []

    def small(source: Source) -> Any:
        for page in pages(source):
            for start in range(0, len(page), 10):
                sizes.append(len(page[start : start + 10]))
                yield page[start : start + 10]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Source, "pages", small)
        assert adopt()["done"]["adopted"] == 25
    assert sizes[:3] == [10, 10, 5]
    assert len(adopted()) == 25
