"""The scan gate: what is read when, whatever comes first, twice or never, and what becomes of each file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.catalog import scans
from chalicelib.model import ErrorCode, File, FileError, now, timestamp
from chalicelib.observability import Metric
from chalicelib.processing import pipeline, scanner, scanning
from chalicelib.queues import ingest
from chalicelib.settings import settings
from chalicelib.upkeep import sweep
from tests import scans as gate
from tests.client import Client
from tests.making import PHOTO, deliver, derived, item, message, put, ready_photo, set_item, sqs_event, upload
from tests.scans import EICAR, hear, policy_of_originals, result, tag, tags_of, zipped
from tests.stage import Calls, aws_client, lambda_context

CLEAN, FOUND = "NO_THREATS_FOUND", "THREATS_FOUND"


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    yield
    settings.cache_clear()


@pytest.fixture
def guardduty(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The gate by GuardDuty, on an S3 that refuses originals without its tag. Gives what GuardDuty was asked."""
    gate.turn_on(monkeypatch, "guardduty")
    with gate.guardduty() as asked, policy_of_originals():
        yield asked


@pytest.fixture
def command(client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The gate by a command."""
    gate.turn_on(monkeypatch, "command", scan_command=gate.command(tmp_path))


def version_of(file_id: str) -> str:
    page = aws_client("s3").list_object_versions(Bucket="originals", Prefix=f"acme/{file_id}")
    return str(page["Versions"][0]["VersionId"])


def verdict(file_id: str, status: str, *threats: str) -> None:
    """GuardDuty's tag, and then its event."""
    tag(file_id, version_of(file_id), status)
    hear(result(file_id, version_of(file_id), status, *threats))


def shown(client: Client, file_id: str) -> dict[str, Any]:
    record: dict[str, Any] = client("GET", f"/v1/files/{file_id}").json
    return record


def queue() -> list[dict[str, Any]]:
    """The messages that wait in the ingest queue. They are taken out."""
    url = settings().ingest_queue_url
    found = aws_client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for each in found:
        aws_client("sqs").delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return [json.loads(each["Body"]) for each in found]


def work_off() -> None:
    """Delivers what waits in the ingest queue."""
    for body in queue():
        pipeline.handle(sqs_event(json.dumps(body)), lambda_context())


def later(file_id: str, minutes: int = 10) -> None:
    """Lets time pass for a record: its lease is over, and it is due."""
    then = now() - timedelta(minutes=minutes)
    set_item(file_id, "lease_until", {"S": timestamp(then)})
    set_item(file_id, "due_sk", {"S": timestamp(then) + "#" + file_id})


# --- GuardDuty


def test_a_file_waits_for_its_verdict_and_nothing_of_it_is_read(client: Client, guardduty: list[Any]) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    record = shown(client, file_id)
    assert record["status"] == "processing"
    assert record["scan"] == {"status": "pending", "signature": None, "scanned_at": None}
    assert derived() == []
    verdict(file_id, CLEAN)
    record = shown(client, file_id)
    assert (record["status"], record["scan"]["status"], record["kind"]) == ("ready", "clean", "image")
    assert record["scan"]["scanned_at"]
    assert client("GET", f"/v1/files/{file_id}/original").status == 302


def test_a_verdict_that_comes_first_waits_for_s3s_event(client: Client, guardduty: list[Any]) -> None:
    file_id = upload(client, PHOTO)
    verdict(file_id, CLEAN)
    assert shown(client, file_id)["status"] == "awaiting_upload"
    deliver(file_id)
    assert shown(client, file_id)["status"] == "ready"


def test_an_event_without_its_tag_is_enough(client: Client, guardduty: list[Any]) -> None:
    """GuardDuty may be unable to tag. Our own tag then lets the file be read."""
    file_id = upload(client, PHOTO)
    deliver(file_id)
    hear(result(file_id, version_of(file_id), CLEAN))
    assert shown(client, file_id)["status"] == "ready"
    assert tags_of(file_id, version_of(file_id)) == {"filemill-scan": "clean"}


@pytest.mark.parametrize("first", ["event", "verdict"])
def test_an_infected_file_fails_with_its_signature_and_stays_in_quarantine(
    client: Client, guardduty: list[Any], first: str
) -> None:
    file_id = upload(client, PHOTO)
    if first == "event":
        deliver(file_id)
    verdict(file_id, FOUND, "EICAR-Test-File")
    if first == "verdict":
        deliver(file_id)
    record = shown(client, file_id)
    assert record["status"] == "failed"
    assert record["error"] == {
        "code": "infected",
        "message": "The scan found malware in the file: EICAR-Test-File.",
    }
    assert (record["scan"]["status"], record["scan"]["signature"]) == ("infected", "EICAR-Test-File")
    assert derived() == []
    refused = client("GET", f"/v1/files/{file_id}/original")
    assert (refused.status, refused.json["code"]) == (409, "infected")
    again = client("POST", f"/v1/files/{file_id}/reprocess", {"force": True})
    assert (again.status, again.json["code"]) == (409, "infected")
    assert client("GET", f"/v1/files/{file_id}/entries").status == 409
    assert tags_of(file_id, version_of(file_id))["filemill-scan"] == "infected"
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    assert "Versions" not in aws_client("s3").list_object_versions(Bucket="originals")


# The codes of the release before this one, which could not read a record with another one.
KNOWN_BEFORE = {
    *("checksum_mismatch", "corrupt", "empty", "internal", "size_mismatch", "source_refused", "source_unreachable"),
    *("too_large", "too_many_pixels", "type_mismatch", "unsupported_type"),
}


@pytest.mark.pure
@pytest.mark.parametrize("code", ErrorCode)
def test_the_release_before_can_read_every_error(code: ErrorCode) -> None:
    error = FileError(code=code, message="why")
    assert error.stored()["code"] in KNOWN_BEFORE
    assert FileError.model_validate(error.stored()) == error


def test_a_ready_file_that_is_found_infected_later_loses_all_that_was_made_of_it(
    client: Client, guardduty: list[Any], stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: dict[Metric, float] = {}
    monkeypatch.setattr(scanning, "count", counted.update)
    file_id = upload(client, PHOTO, visibility="public")
    deliver(file_id)
    verdict(file_id, CLEAN)
    assert len(derived()) >= 4
    verdict(file_id, FOUND, "Late.Find")
    record = shown(client, file_id)
    assert (record["status"], record["error"]["code"]) == ("failed", "infected")
    assert (record["renditions"], record["image"]) == ([], None)
    assert client("GET", f"/v1/files/{file_id}?include=delivery").json["delivery"] is None
    assert derived() == []
    assert counted == {Metric.FILES_INFECTED: 1}
    later(file_id)
    set_item(file_id, "updated_at", {"S": timestamp(now() - timedelta(minutes=10))})
    stage.clear()
    sweep.run()
    assert "cloudfront.CreateInvalidation" in stage.names, "the edges may have copies of a public file"
    assert "leftovers" not in item(file_id)


def test_a_verdict_is_never_taken_back_by_an_older_event(client: Client, guardduty: list[Any]) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    verdict(file_id, FOUND, "Bad")
    revision = shown(client, file_id)["revision"]
    for status in (CLEAN, "UNSUPPORTED", FOUND):
        hear(result(file_id, version_of(file_id), status))
    record = shown(client, file_id)
    assert (record["status"], record["scan"]["signature"], record["revision"]) == ("failed", "Bad", revision)


@pytest.mark.parametrize("status", ["ACCESS_DENIED", "FAILED"])
def test_a_failed_scan_is_no_verdict_and_the_sweep_asks_again(
    client: Client, guardduty: list[Any], status: str
) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    verdict(file_id, status)
    assert shown(client, file_id)["scan"]["status"] == "pending"
    later(file_id)
    sweep.run()
    (asked,) = queue()
    assert asked["scan"]["id"] == file_id
    pipeline.handle(sqs_event(json.dumps(asked)), lambda_context())
    assert guardduty == [{"bucket": "originals", "key": f"acme/{file_id}", "versionId": version_of(file_id)}]


def test_a_lost_verdict_is_read_from_the_tag(client: Client, guardduty: list[Any]) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    tag(file_id, version_of(file_id), CLEAN)
    later(file_id)
    sweep.run()
    work_off()
    assert shown(client, file_id)["status"] == "ready"
    assert guardduty == []


@pytest.mark.parametrize(("rule", "status"), [("refuse", "failed"), ("accept", "ready")])
def test_a_file_without_a_verdict_is_unscannable_in_the_end(
    client: Client, guardduty: list[Any], rule: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_UNSCANNABLE", rule)
    settings.cache_clear()
    file_id = upload(client, PHOTO)
    deliver(file_id)
    for _ in range(scans.MOST_ASKED + 1):
        later(file_id)
        sweep.run()
        work_off()
    record = shown(client, file_id)
    assert (record["status"], record["scan"]["status"]) == (status, "unscannable")
    assert len(guardduty) == scans.MOST_ASKED
    if rule == "accept":
        assert tags_of(file_id, version_of(file_id)) == {"filemill-scan": "accepted"}
        assert client("GET", f"/v1/files/{file_id}/original").status == 302
    else:
        assert record["error"]["code"] == "unscannable"
        refused = client("GET", f"/v1/files/{file_id}/original")
        assert (refused.status, refused.json["code"]) == (409, "not_scanned")


def test_a_tenant_has_a_rule_of_its_own(client: Client, guardduty: list[Any]) -> None:
    from chalicelib.catalog.tenants import Tenant, put_tenant

    put_tenant(Tenant("acme", unscannable="accept"))
    file_id = upload(client, PHOTO)
    deliver(file_id)
    verdict(file_id, "UNSUPPORTED")
    assert shown(client, file_id)["status"] == "ready"


def test_a_verdict_after_the_file_was_given_up_still_counts(client: Client, guardduty: list[Any]) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    verdict(file_id, "UNSUPPORTED")
    assert shown(client, file_id)["error"]["code"] == "unscannable"
    verdict(file_id, CLEAN)
    work_off()
    assert shown(client, file_id)["status"] == "ready"


def test_results_of_other_objects_are_dropped(client: Client, guardduty: list[Any]) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    hear(result(file_id, version_of(file_id), CLEAN, bucket="another"))
    hear(result("file_01K8Z0000000000000000000ZZ", "v", CLEAN))
    hear(result(file_id, "another-version", CLEAN))
    hear(result("malware-protection-resource-validation-object", "v", CLEAN))
    assert shown(client, file_id)["scan"]["status"] == "pending"


def test_a_late_upload_of_a_stranger_neither_helps_nor_harms(client: Client, guardduty: list[Any]) -> None:
    """The second version's verdict comes before the first version is claimed."""
    file_id = upload(client, PHOTO)
    first = version_of(file_id)
    put(file_id, b"other bytes")
    hear(result(file_id, version_of(file_id), CLEAN))
    pipeline.handle(message(f"acme/{file_id}", first, len(PHOTO)), lambda_context())
    assert shown(client, file_id)["scan"]["status"] == "pending"
    tag(file_id, first, CLEAN)
    hear(result(file_id, first, CLEAN))
    assert shown(client, file_id)["status"] == "ready"


def test_a_tag_of_a_later_scan_outweighs_an_event(client: Client, guardduty: list[Any]) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    tag(file_id, version_of(file_id), FOUND)
    hear(result(file_id, version_of(file_id), CLEAN))
    assert shown(client, file_id)["error"]["code"] == "infected"


def test_a_deleted_file_that_is_found_infected_can_be_restored_only_to_quarantine(
    client: Client, guardduty: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
    settings.cache_clear()
    for body, kind in ((PHOTO, "image/jpeg"), (b"\x00\x01plain", "application/octet-stream")):
        file_id = upload(client, body, content_type=kind)
        deliver(file_id)
        verdict(file_id, CLEAN)
        assert client("DELETE", f"/v1/files/{file_id}").status == 204
        verdict(file_id, FOUND, "Late")
        assert client("GET", f"/v1/files/{file_id}").status == 404
        assert client("POST", f"/v1/files/{file_id}/restore").status in (200, 202)
        assert client("GET", f"/v1/files/{file_id}/original").status == 409
        work_off()
        assert shown(client, file_id)["error"]["code"] == "infected"


# --- a file from before the gate


def test_a_file_of_before_the_gate_is_not_downloaded_until_it_is_scanned(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready_photo(client)
    assert "scan" not in shown(client, file_id)
    gate.turn_on(monkeypatch, "guardduty")
    with gate.guardduty() as asked, policy_of_originals():
        refused = client("GET", f"/v1/files/{file_id}/original")
        assert (refused.status, refused.json["code"]) == (409, "not_scanned")
        ingest.send_scan(_record(file_id))
        work_off()
        assert [each["versionId"] for each in asked] == [version_of(file_id)]
        verdict(file_id, CLEAN)
        record = shown(client, file_id)
        assert (record["status"], record["scan"]["status"]) == ("ready", "clean")
        assert client("GET", f"/v1/files/{file_id}/original").status == 302
        assert client("POST", f"/v1/files/{file_id}/reprocess", {"force": True}).status == 202
        work_off()
        assert shown(client, file_id)["status"] == "ready"


def _record(file_id: str) -> File:
    from chalicelib.catalog import files

    found = files.get("acme", file_id)
    assert found
    return found


def test_a_gate_that_is_turned_off_lets_waiting_files_through_but_no_infected_one(
    client: Client, guardduty: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, infected = upload(client, PHOTO), upload(client, PHOTO)
    deliver(waiting)
    deliver(infected)
    verdict(infected, FOUND)
    tag(waiting, version_of(waiting), CLEAN)  # the bucket's policy goes with the gate
    gate.turn_on(monkeypatch, "off")
    deliver(waiting)
    record = shown(client, waiting)
    assert (record["status"], record.get("scan")) == ("ready", None)
    assert client("GET", f"/v1/files/{infected}/original").status == 409
    assert client("POST", f"/v1/files/{infected}/reprocess", {}).status == 409


# --- a command


def test_a_clean_file_is_scanned_once_it_is_claimed(client: Client, command: None) -> None:
    with policy_of_originals(exempt=True):
        file_id = upload(client, PHOTO)
        deliver(file_id)
    record = shown(client, file_id)
    assert (record["status"], record["scan"]["status"]) == ("ready", "clean")
    assert tags_of(file_id, version_of(file_id)) == {"filemill-scan": "clean"}
    assert client("GET", f"/v1/files/{file_id}/original").status == 302


@pytest.mark.parametrize("body", [EICAR, zipped(EICAR), PHOTO + EICAR])
def test_eicar_is_found_also_in_a_zip(client: Client, command: None, body: bytes) -> None:
    file_id = upload(client, body, name="a.bin", content_type="application/octet-stream")
    deliver(file_id)
    record = shown(client, file_id)
    assert (record["status"], record["error"]["code"]) == ("failed", "infected")
    assert gate.SIGNATURE in record["scan"]["signature"]
    assert gate.SIGNATURE in record["error"]["message"]
    assert derived() == []


def test_a_file_on_standard_input_is_scanned_as_well(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gate.turn_on(monkeypatch, "command", scan_command=gate.command(tmp_path, by_path=False))
    bad, good = upload(client, EICAR, content_type="text/plain"), upload(client, PHOTO)
    deliver(bad)
    deliver(good)
    assert [shown(client, each)["scan"]["status"] for each in (bad, good)] == ["infected", "clean"]


@pytest.mark.parametrize("broken", ["false_with_2", "missing", "slow"])
def test_a_command_that_fails_is_tried_again_and_then_the_file_is_unscannable(
    client: Client, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    commands = {"false_with_2": "sh -c 'exit 2'", "missing": "/no/such/scanner {}", "slow": "sleep 60"}
    gate.turn_on(monkeypatch, "command", scan_command=commands[broken], scan_seconds="10")
    if broken == "slow":
        monkeypatch.setattr(scanner, "_wait", _hurried(scanner._wait))
    file_id = upload(client, PHOTO)
    for receives in range(1, 5):
        with pytest.raises(scanner.ScanFailedError):
            deliver(file_id, receives=receives)
        assert shown(client, file_id)["status"] == "processing"
    deliver(file_id, receives=5)
    record = shown(client, file_id)
    assert (record["status"], record["error"]["code"]) == ("failed", "unscannable")
    assert derived() == []


def _hurried(wait: Any) -> Any:
    def hurried(*args: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scanner, "settings", lambda: settings().model_copy(update={"scan_seconds": 0.2}))
            return wait(*args)

    return hurried


def test_a_file_that_is_too_large_for_the_command_is_unscannable(
    client: Client, command: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_SCAN_BYTES", str(len(PHOTO) - 1))
    settings.cache_clear()
    file_id = upload(client, PHOTO)
    deliver(file_id)
    assert shown(client, file_id)["error"]["code"] == "unscannable"


def test_clamavs_own_bounds_are_no_malware(client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = "echo '/f: Heuristics.Limits.Exceeded.MaxFileSize FOUND'; exit 1"
    gate.turn_on(monkeypatch, "command", scan_command=f'sh -c "{said}"', unscannable="accept")
    file_id = upload(client, PHOTO)
    deliver(file_id)
    record = shown(client, file_id)
    assert (record["status"], record["scan"]["status"]) == ("ready", "unscannable")


def test_the_command_gets_no_credential_and_no_setting(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = tmp_path / "environment"
    gate.turn_on(monkeypatch, "command", scan_command=f"sh -c 'env > {seen}'")
    file_id = upload(client, PHOTO)
    deliver(file_id)
    names = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert not {name for name in names if name.startswith(("AWS_", "FILEMILL_"))}


def test_an_old_file_is_scanned_by_the_command_when_it_is_asked_for(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bad = upload(client, EICAR, name="a.txt", content_type="text/plain")
    deliver(bad)
    good = ready_photo(client)
    gate.turn_on(monkeypatch, "command", scan_command=gate.command(tmp_path))
    for each in (bad, good):
        ingest.send_scan(_record(each))
    work_off()
    assert [shown(client, each)["status"] for each in (bad, good)] == ["failed", "ready"]
    assert [shown(client, each)["scan"]["status"] for each in (bad, good)] == ["infected", "clean"]


def test_the_message_that_asks_for_a_scan_is_dropped_where_nothing_is_scanned(client: Client) -> None:
    file_id = ready_photo(client)
    ingest.send_scan(_record(file_id))
    work_off()
    assert "scan" not in shown(client, file_id)
