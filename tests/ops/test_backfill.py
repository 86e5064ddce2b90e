from __future__ import annotations

import argparse
import dataclasses
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from chalicelib.catalog.dynamodb import attributes, read
from chalicelib.catalog.files import records
from chalicelib.catalog.index import counts
from chalicelib.model import Kind, Status
from chalicelib.processing import pipeline
from chalicelib.renditions import engine, places, recipes
from ops import backfill, reindex, selection
from ops.backfill import Wanted
from ops.backfill_choices import Behind, Bounds, Unasked
from ops.errors import OpsError
from ops.progress import Pace
from tests import images, making, pdfs
from tests.client import Client, new_client
from tests.making import deliver, file, item, sqs_event, take_messages, upload
from tests.serving import asks
from tests.stage import STAGE, Calls, aws_client, lambda_context

PHOTO = images.jpeg(64, 48)
PACE = Pace(1000)


@pytest.fixture
def files(client: Client) -> list[str]:
    """Two photos, a text, a broken image, an upload that waits, and another tenant's photo."""
    made = [upload(client, PHOTO) for _ in range(2)]
    made.append(upload(client, b"words\n", content_type="text/plain"))
    made.append(upload(client, PHOTO[:100]))
    for file_id in made:
        deliver(file_id)
    client("POST", "/v1/files", {"filename": "a.jpg", "content_type": "image/jpeg", "size": 10})
    other = upload(new_client("other"), PHOTO, tenant="other")
    deliver(other, tenant="other")
    return [*made, other]


@pytest.fixture
def changed(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe is another one than the files were made by."""
    other = dataclasses.replace(recipes.RECIPES["photo"], widths=(16, 32))
    monkeypatch.setitem(recipes.RECIPES, "photo", other)


def record(file_id: str) -> Any:
    return records([file_id], consistent=True)[file_id]


def work_off() -> int:
    url, done = STAGE["FILEMILL_INGEST_QUEUE_URL"], 0
    while batch := aws_client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            pipeline.handle(sqs_event(message["Body"]), lambda_context())
            aws_client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            done += 1
    return done


HERE = (engine.ENGINE_VERSION,)
WANTED = Wanted("photo", "photo", HERE, kind=Kind.IMAGE)


def test_files_that_the_recipe_has_made_already_are_left_alone(files: list[str]) -> None:
    assert backfill.matching(WANTED, None) == []


@pytest.mark.usefixtures("changed")
def test_a_changed_recipe_is_applied_to_every_picture(files: list[str]) -> None:
    found = backfill.matching(WANTED, None)
    assert {file.id for file in found} == {files[0], files[1], files[4]}
    done = backfill.backfill(WANTED, found, PACE)
    assert done == {"sent": 3}
    assert record(files[0]).renditions, "what is served stays until then"
    assert work_off() == 3
    for file_id in (files[0], files[1], files[4]):
        after = record(file_id)
        assert (after.status, {each.width for each in after.renditions}) == (Status.READY, {16, 32})
    assert backfill.matching(WANTED, None) == []


@pytest.mark.usefixtures("changed")
def test_a_second_run_continues_and_two_runs_at_once_process_each_file_once(files: list[str]) -> None:
    found = backfill.matching(WANTED, None)
    backfill.backfill(WANTED, found[:1], PACE)
    assert {file.id for file in backfill.matching(WANTED, None)} == {file.id for file in found[1:]}
    assert backfill.backfill(WANTED, found, PACE) == {"sent": 2, "passed": 1}
    assert work_off() == 3


@pytest.mark.usefixtures("changed")
def test_the_files_of_one_tenant_and_one_time_can_be_chosen(files: list[str]) -> None:
    assert {file.id for file in backfill.matching(WANTED, "other")} == {files[4]}
    moment = record(files[1]).created_at
    since = dataclasses.replace(WANTED, since=moment)
    until = dataclasses.replace(WANTED, until=moment)
    assert {file.id for file in backfill.matching(since, "acme")} == {files[1]}
    assert {file.id for file in backfill.matching(until, "acme")} == {files[0]}


def test_files_move_from_the_named_recipe_to_another(files: list[str]) -> None:
    assert backfill.matching(Wanted("avatar", "avatar", HERE, kind=Kind.IMAGE), None) == []
    found = backfill.matching(Wanted("avatar", "photo", HERE, kind=Kind.IMAGE), "acme")
    assert {file.id for file in found} == {files[0], files[1]}
    backfill.backfill(Wanted("avatar", "photo", HERE), found, PACE)
    work_off()
    assert record(files[0]).recipe == "avatar"


@pytest.mark.usefixtures("changed")
def test_a_file_without_its_original_is_named_and_left_alone(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    version = record(files[0]).version_id
    aws_client("s3").delete_object(Bucket="originals", Key=f"acme/{files[0]}", VersionId=version)
    found = backfill.matching(WANTED, "acme")
    assert backfill.backfill(WANTED, found, PACE) == {"sent": 1, "missing": 1}
    assert files[0] in capsys.readouterr().out
    assert record(files[0]).status is Status.READY


def test_a_file_that_failed_by_its_own_fault_is_not_tried_again(files: list[str]) -> None:
    assert backfill.matching(Wanted("photo", "photo", HERE, Status.FAILED), None) == []


def arguments(project_dir: Path, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    backfill.add_arguments(parser)
    return parser.parse_args(["--stage", "test", "--project-dir", str(project_dir), *words])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return project_of(tmp_path)


def project_of(folder: Path, **more: str) -> Path:
    (folder / ".chalice").mkdir(exist_ok=True)
    config = {"stages": {"test": {"environment_variables": STAGE, **more}}}
    (folder / ".chalice" / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.usefixtures("changed")
def test_the_number_of_files_and_the_cost_are_shown_before_the_question(
    files: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backfill.main(arguments(project, "--recipe", "photo", "--kind", "image", "--dry-run")) == 0
    said = capsys.readouterr().out
    assert "3 files to process" in said
    assert "Less than a cent at 3 s per file" in said
    with pytest.raises(OpsError, match="--yes"):
        backfill.main(arguments(project, "--recipe", "photo"))
    assert work_off() == 0
    assert backfill.main(arguments(project, "--recipe", "photo", "--kind", "image", "--yes")) == 0
    assert work_off() == 3
    with pytest.raises(OpsError, match="no recipe 'sepia'"):
        backfill.main(arguments(project, "--recipe", "sepia"))


PLAIN, SIMD = "3+plain", "3+plain+resizer"


@pytest.mark.parametrize(
    ("architecture", "there", "here"),
    [("arm64", PLAIN, SIMD), ("x86_64", SIMD, PLAIN), ("x86_64", PLAIN, SIMD), ("arm64", PLAIN, PLAIN)],
)
def test_the_stages_engine_counts_and_not_this_computers(
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    architecture: str,
    there: str,
    here: str,
) -> None:
    project = project_of(tmp_path, lambda_architecture=architecture)
    monkeypatch.setattr(engine, "_PLAIN", PLAIN)
    monkeypatch.setattr(engine, "_SIMD", SIMD)

    def run(*words: str) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(engine, "ENGINE_VERSION", here)
            assert backfill.main(arguments(project, "--recipe", "photo", *words)) == 0
        return capsys.readouterr().out

    monkeypatch.setattr(engine, "ENGINE_VERSION", there)
    file_id = upload(client, PHOTO)
    deliver(file_id)
    assert "0 files" in run("--dry-run")
    monkeypatch.setitem(recipes.RECIPES, "photo", dataclasses.replace(recipes.RECIPES["photo"], widths=(16, 32)))
    assert "1 files" in run("--yes")
    assert work_off() == 1
    assert "0 files" in run("--dry-run")


def test_a_file_from_another_architecture_is_made_again(client: Client) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    made = record(file_id).model_copy(update={"made_with": recipes.RECIPES["photo"].fingerprint_by(engine._SIMD)})
    assert made in Wanted("photo", "photo", engine.engines_of("arm64"))
    assert made not in Wanted("photo", "photo", engine.engines_of("x86_64"))


# --- new processors over files of old


PDF = pdfs.pages(["Geology of the Alps"])
EVERY = Bounds()


def of_old(file_id: str, **values: Any) -> None:
    """Writes a record as the former release did, which stored and hashed what was no image. None removes a value."""
    gone = dict.fromkeys(
        ["newer_kind", "pdf", "text", "preview", "warnings", "words", "other_renditions", "newer_renditions"]
    )
    old = {**read(item(file_id)), **gone, "kind": "other", "renditions": [], **values}
    aws_client("dynamodb").put_item(TableName=STAGE["FILEMILL_TABLE"], Item=attributes(old))


def kept(client: Client, body: bytes, name: str, content_type: str) -> str:
    file_id = upload(client, body, name=name, content_type=content_type)
    deliver(file_id)
    take_messages()
    return file_id


@pytest.fixture
def old(client: Client) -> dict[str, str]:
    """Files as the former release left them, by what they are."""
    found = {
        "pdf": kept(client, PDF, "a.pdf", "application/pdf"),
        "declared as nothing": kept(client, PDF, "b.bin", "application/octet-stream"),
        "text": kept(client, b"words\n", "a.txt", "text/plain"),
        "unknown": kept(client, b"\x00\x01\x02", "a.bin", "application/x-thing"),
        "not readable": kept(client, b"a\x00\x01\x02" * 9, "c.bin", "application/octet-stream"),
    }
    for what, file_id in found.items():
        declared = {"content_type": "application/octet-stream"} if what == "declared as nothing" else {}
        of_old(file_id, **declared)
    return found


def test_files_of_old_get_the_processors_that_there_are_by_now(old: dict[str, str]) -> None:
    wanted = Behind(EVERY)
    found = backfill.matching(wanted, "acme")
    assert {file.id for file in found} == {old["pdf"], old["declared as nothing"], old["text"]}
    assert backfill.backfill(wanted, found, PACE) == {"sent": 3}
    assert work_off() == 3
    kinds = {what: str(record(file_id).kind) for what, file_id in old.items()}
    assert kinds == {
        "pdf": "pdf",
        "declared as nothing": "pdf",
        "text": "text",
        "unknown": "other",
        "not readable": "other",
    }
    assert record(old["pdf"]).pdf.pages == 1
    assert backfill.matching(Behind(EVERY), "acme") == []


def test_a_second_run_goes_on_where_the_first_was_stopped(old: dict[str, str]) -> None:
    wanted = Behind(EVERY)
    found = backfill.matching(wanted, "acme")
    backfill.backfill(wanted, found[:1], PACE)
    assert {file.id for file in backfill.matching(Behind(EVERY), "acme")} == {file.id for file in found[1:]}
    assert backfill.backfill(wanted, found, PACE) == {"sent": 2, "passed": 1}


def test_old_files_of_one_kind_or_type_can_be_chosen(old: dict[str, str]) -> None:
    def chosen(**bounds: Any) -> set[str]:
        return {file.id for file in backfill.matching(Behind(Bounds(**bounds)), "acme")}

    assert chosen(kind=Kind.PDF) == {old["pdf"], old["declared as nothing"]}
    assert chosen(content_type="application/pdf") == {old["pdf"]}
    assert chosen(kind=Kind.FONT) == set()
    assert chosen(since=record(old["text"]).created_at) == {old["text"]}


def test_a_file_that_could_not_be_processed_again_is_left_alone(client: Client) -> None:
    file_id = kept(client, b"%PDF-1.7\nbroken", "a.pdf", "application/pdf")
    of_old(file_id, status="ready", error=None, source_version="0" * 16, content_type="application/pdf")
    wanted = Behind(EVERY)
    assert backfill.backfill(wanted, backfill.matching(wanted, "acme"), PACE) == {"sent": 1}
    work_off()
    after = record(file_id)
    assert (after.status, after.error.code) == (Status.READY, "corrupt")
    assert backfill.matching(Behind(EVERY), "acme") == []


def test_a_file_whose_recipe_there_is_no_more_is_counted_and_left_alone(
    old: dict[str, str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_old(old["pdf"], recipe="gone")
    assert backfill.main(arguments(project, "--processors", "--tenant", "acme", "--dry-run")) == 0
    said = capsys.readouterr().out
    assert "1 files have a recipe that there is no more" in said
    assert "2 files to process" in said


def test_files_that_an_older_processor_made_are_made_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = kept(client, PDF, "a.pdf", "application/pdf")
    assert backfill.matching(Behind(EVERY), "acme") == []
    monkeypatch.setattr(places, "VERSIONS", {Kind.PDF: 2})
    wanted = Behind(EVERY)
    assert [file.id for file in backfill.matching(wanted, "acme")] == [file_id]
    moved = client("PATCH", f"/v1/files/{file_id}", {"visibility": "public"})
    assert moved.status == 200
    assert places.processor_version(record(file_id)) == 1, "a move keeps what it knows of the processor"
    assert backfill.backfill(wanted, backfill.matching(wanted, "acme"), PACE) == {"sent": 1}
    work_off()
    client("PATCH", f"/v1/files/{file_id}", {"visibility": "private"})
    assert backfill.matching(Behind(EVERY), "acme") == []
    assert places.processor_version(record(file_id)) == 2


# --- services over files of old


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> Unasked:
    asks(monkeypatch, "labels")
    return Unasked(backfill.service_of("labels"), EVERY)


def test_a_service_is_asked_about_the_files_that_it_suits(files: list[str], labels: Unasked) -> None:
    take_messages()
    found = backfill.matching(labels, "acme")
    assert {file.id for file in found} == {files[0], files[1]}
    assert backfill.backfill(labels, found[:1], PACE) == {"sent": 1}
    assert record(found[0].id).services["labels"].status == "waiting"
    assert [file.id for file in backfill.matching(labels, "acme")] == [found[1].id]
    assert backfill.backfill(labels, found, PACE) == {"sent": 1, "passed": 1}
    assert work_off() == 2
    assert {str(record(file.id).services["labels"].status) for file in found} == {"failed"}, "48 pixels are too few"
    assert backfill.matching(labels, "acme") == []
    assert len(backfill.matching(dataclasses.replace(labels, failed=True), "acme")) == 2


@pytest.mark.parametrize(
    ("status", "version", "wanted"),
    [
        *(("done", 1, False), ("waiting", 1, False), ("running", 1, False), ("failed", 1, False)),
        *(("timed_out", 1, True), ("done", 0, True), ("failed", 0, True), ("running", 0, False)),
    ],
)
def test_a_service_is_asked_for_what_it_has_no_result_of_its_version(
    labels: Unasked, status: str, version: int, wanted: bool
) -> None:
    asked = file(1, version_id="v", services={"labels": {"status": status, "version": version}})
    assert (asked in labels) is wanted


def test_the_cost_of_a_service_is_told(
    files: list[str], tmp_path: Path, labels: Unasked, capsys: pytest.CaptureFixture[str]
) -> None:
    project = project_of(tmp_path)
    config = json.loads((project / ".chalice/config.json").read_text())
    config["stages"]["test"]["environment_variables"] |= {"FILEMILL_SERVICES": "labels"}
    (project / ".chalice/config.json").write_text(json.dumps(config))
    assert backfill.main(arguments(project, "--service", "labels", "--dry-run", "--seconds", "1")) == 0
    said = capsys.readouterr().out
    assert "3 files to process" in said
    found = backfill.matching(labels, None)
    assert backfill.cost(3, 0, 1) + 3 * backfill.ASKED["labels"] == pytest.approx(0.0031, abs=0.0002)
    assert len(found) == 3
    with pytest.raises(OpsError, match="does not run the service 'function'"):
        backfill.main(arguments(project, "--service", "function", "--dry-run"))


@pytest.mark.parametrize(
    "words",
    [
        *(["--processors", "--from", "avatar"], ["--processors", "--status", "failed"]),
        *(["--recipe", "photo", "--type", "image/png"], ["--processors", "--failed"]),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(project: Path, words: list[str]) -> None:
    with pytest.raises(OpsError, match="can only be used together with"):
        backfill.main(arguments(project, *words))


def test_the_cost_of_a_million_files_is_the_sum_of_its_parts() -> None:
    # 3 s of 1769 MB each: $69; 12 PUTs each: $60; 40 write units each: $25; the rest: $2.20
    assert backfill.cost(1_000_000, 12_000_000, 3) == pytest.approx(156.3, abs=0.5)


def test_reindex_adds_the_files_that_the_index_has_missed(stage: Calls, files: list[str]) -> None:
    assert counts.stats("acme").by_status == {}
    assert reindex.reindex(None, PACE, dry_run=True) == (6, 0)
    assert reindex.reindex(None, PACE) == (6, 6)
    assert {name: count.files for name, count in counts.stats("acme").by_status.items()} == {
        "ready": 3,
        "failed": 1,
        "awaiting_upload": 1,
    }
    assert reindex.reindex(None, PACE) == (6, 0)
    stage.settle()
    assert counts.stats("acme").by_status["ready"].files == 3


def test_ten_million_chosen_files_take_less_than_200_mb() -> None:
    """Their ids and numbers of renditions, which is all that is needed of them before they are read again."""
    some = [making.file(number, renditions=making.RENDITIONS) for number in range(1000)]
    tracemalloc.start()
    chosen = selection.Files(some)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / 1000 * 10_000_000 < 200 * 1024**2 * 1.25  # arrays grow by an eighth at a time
    assert [(each.id, each.renditions) for each in chosen] == [(each.id, 2) for each in some]
    assert chosen[-1] == chosen[999:][0]
    assert chosen.size == sum(each.size or 0 for each in some)


def test_a_reindex_says_how_long_ten_million_files_take_and_what_they_cost() -> None:
    said = reindex.estimate(10_000_000, 1000)
    assert said.startswith("At 1000/s that takes 2 h 46 min. About $3.12 if the index has them all, about $96.88 if it")
