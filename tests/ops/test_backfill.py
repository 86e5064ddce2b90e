from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.catalog.files import records
from chalicelib.catalog.index import counts
from chalicelib.model import Kind, Status
from chalicelib.processing import pipeline
from chalicelib.renditions import engine, recipes
from ops import backfill, reindex
from ops.backfill import Wanted
from ops.errors import OpsError
from ops.progress import Pace
from tests import images
from tests.client import Client, new_client
from tests.making import deliver, sqs_event, upload
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
