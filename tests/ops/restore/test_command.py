"""Whole runs of `ops restore` on moto. CloudFormation, `chalice deploy` and Lambda are small stand-ins."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.catalog.files import records
from chalicelib.model import Status
from ops import __main__ as ops
from ops import package, provision
from ops.config import read_config, write_json
from ops.local import commands
from ops.restore import audit, command, hold, moments, switch, tables, takeover
from ops.restore.command import using_table
from ops.restore.moments import Window
from tests import images
from tests.client import Client
from tests.making import deliver, upload
from tests.stage import STAGE, Calls, aws_client

PHOTO = images.jpeg(64, 48)
PRESENT = "filemill-test"


@dataclass
class World:
    """The stage outside of moto: what its stack and its functions have, and whether these are held."""

    project: Path
    stack: str = PRESENT
    functions: str | None = PRESENT
    held: bool = False
    history: list[str] = field(default_factory=list)

    def recorded(self) -> dict[str, str]:
        found: dict[str, str] = read_config(self.project)["stages"]["test"]["environment_variables"]
        return found

    def provision(self, *_: Any, **__: Any) -> dict[str, str]:
        config = read_config(self.project)
        config["stages"]["test"]["environment_variables"]["FILEMILL_TABLE"] = self.stack
        write_json(self.project / ".chalice" / "config.json", config)
        return self.recorded()

    def chalice(self, words: Any, *_: Any) -> None:
        assert words[-3:] == ["deploy", "--stage", "test"]
        self.functions = self.recorded()["FILEMILL_TABLE"]
        self.history.append("deployed")

    def hold(self, *_: Any) -> None:
        assert self.functions == PRESENT, "nothing is held that has its table already"
        self.held = True

    def release(self, *_: Any) -> None:
        assert self.functions == self.stack, "a function with the former table must not be let go"
        self.held = False

    def switch(self, run: Any, table: tables.Table) -> None:
        assert self.held
        self.stack = table.name


@pytest.fixture
def world(stage: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("FILEMILL_TABLE", PRESENT)  # the command sets it; afterwards it is as before
    (tmp_path / ".chalice").mkdir()
    entry = {"environment_variables": dict(STAGE)}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps({"app_name": "filemill", "stages": {"test": entry}}))
    world = World(tmp_path)
    monkeypatch.setattr(provision, "provision", world.provision)
    monkeypatch.setattr(package, "write", lambda *_: None)
    monkeypatch.setattr(commands, "run", world.chalice)
    monkeypatch.setattr(switch, "table_of", lambda *_: world.stack)
    monkeypatch.setattr(switch, "switch", world.switch)
    for name in ("hold", "release", "hold_sweep"):
        monkeypatch.setattr(hold.Functions, name, getattr(world, name.removesuffix("_sweep")))
    monkeypatch.setattr(hold.Functions, "table", lambda _: world.functions)
    monkeypatch.setattr(hold.Functions, "held", lambda _: world.held)
    aws_client("dynamodb").update_continuous_backups(
        TableName=PRESENT, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    # moto's window has no length.
    ever = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1))
    real = moments.window
    monkeypatch.setattr(moments, "window", lambda *which: ever if real(*which) else None)
    yield world


def restore(world: World, *words: str) -> int:
    return ops.main(["restore", "--stage", "test", "--project-dir", str(world.project), *words])


def restored_tables() -> list[str]:
    return [name for name in aws_client("dynamodb").list_tables()["TableNames"] if name != PRESENT]


@pytest.fixture
def photo(client: Client, stage: Calls) -> str:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    stage.settle()
    return file_id


def test_the_stage_gets_a_table_with_everything_that_dynamodb_does_not_restore(
    world: World, photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dynamodb = aws_client("dynamodb")
    arn = dynamodb.describe_table(TableName=PRESENT)["Table"]["TableArn"]
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "web"}])
    assert restore(world, "--latest", "--yes") == 0
    (name,) = restored_tables()
    assert (world.stack, world.functions, world.held) == (name, name, False)
    table = dynamodb.describe_table(TableName=name)["Table"]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert {each["IndexName"] for each in table["GlobalSecondaryIndexes"]} == {"by_created", "by_due", "by_sha256"}
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "ttl")
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    tags = {tag["Key"]: tag["Value"] for tag in dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]}
    assert (tags["team"], tags["filemill:restored-from"], tags[tables.FINISHED]) == ("web", PRESENT, "yes")
    said = capsys.readouterr()
    assert f"aws dynamodb delete-table --table-name {PRESENT}" in said.err
    assert "records and buckets agree" in said.out


def test_the_report_as_json_has_everything(
    world: World, photo: str, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    aws_client("s3").delete_object(Bucket="originals", Key=f"acme/{photo}")
    assert restore(world, "--latest", "--yes", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["stage"], found["former_table"], found["table"]) == ("test", PRESENT, world.stack)
    assert found["records"]["newer"] == []
    assert set(found["records"]["fates"]) == {"keep", "raise", "resume", "copy", "set aside", "forget"}
    assert [(each["problem"], each["file_id"], each["mended"]) for each in found["findings"]] == [
        ("original_hidden", photo, True)
    ]


def test_a_dry_run_and_an_audit_change_nothing(
    world: World, photo: str, capsys: pytest.CaptureFixture[str], stage: Calls
) -> None:
    assert restore(world, "--latest", "--dry-run") == 0
    assert "would restore" in capsys.readouterr().err
    assert restore(world, "--audit-only") == 0
    assert "records and buckets agree" in capsys.readouterr().out
    aws_client("s3").delete_object(Bucket="originals", Key=f"acme/{photo}")
    assert restore(world, "--audit-only", "--json") == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["mended"] is False
    assert restored_tables() == []
    assert not world.history


def test_nothing_happens_to_the_stage_without_an_answer(
    world: World, photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(world, "--latest") == 1
    assert "Add --yes" in capsys.readouterr().err
    assert (world.stack, world.held, world.history) == (PRESENT, False, [])
    assert restore(world, "--latest", "--yes") == 0
    assert len(restored_tables()) == 1, "the table that the first run made is used"


def test_a_stage_whose_table_is_not_recorded_is_refused(
    world: World, photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    aws_client("dynamodb").update_continuous_backups(
        TableName=PRESENT, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    assert restore(world, "--latest", "--yes") == 1
    assert "recovery is off" in capsys.readouterr().err
    assert restore(world, "--at", "2020-01-01T00:00:00Z") == 1
    assert "recovery is off" in capsys.readouterr().err


def test_a_time_before_the_table_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore(world, "--at", "2020-01-01T00:00:00Z") == 1
    assert f"before the table {PRESENT} was made" in capsys.readouterr().err


def test_another_table_of_that_name_is_refused(world: World, photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    aws_client("dynamodb").create_table(
        TableName="filemill-test-restored-20261122T120000Z",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    assert restore(world, "--at", "2026-11-22T12:00:00Z", "--yes") == 1
    assert "was not made from" in capsys.readouterr().err


STEPS: list[tuple[Any, str]] = [
    (tables, "make"),
    (tables, "prepare"),
    (hold.Functions, "hold_sweep"),
    (hold.Functions, "hold"),
    (takeover.TakeOver, "carry_out"),
    (takeover, "index"),
    (takeover, "count"),
    (takeover, "send_again"),
    (switch, "switch"),
    (provision, "provision"),
    (commands, "run"),
    (hold.Functions, "release"),
    (audit, "audit"),
    (tables, "mark"),
]


INTERRUPTED = [
    *((step, after, "--latest") for step in STEPS for after in (False, True)),
    *((step, True, "--at") for step in STEPS if step[1] in ("make", "carry_out", "switch", "run", "audit")),
]


@pytest.mark.parametrize(
    ("step", "after", "which"), INTERRUPTED, ids=[f"{s[1]}-{'after' if a else 'before'}{w}" for s, a, w in INTERRUPTED]
)
def test_a_run_that_was_interrupted_anywhere_goes_on(
    world: World,
    client: Client,
    photo: str,
    step: tuple[Any, str],
    after: bool,
    which: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["--latest", "--yes"]
    if which == "--at":
        words = ["--at", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "--yes"]
    interrupted_once(monkeypatch, *step, after=after)
    assert restore(world, *words) == 130
    assert restore(world, *words) == 0
    (name,) = restored_tables()
    assert (world.stack, world.functions, world.held) == (name, name, False)
    with using_table(name):
        assert records([photo])[photo].status is Status.READY
        assert client("GET", f"/v1/files/{photo}").status == 200


def interrupted_once(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, *, after: bool) -> None:
    """The step is interrupted the first time, before it begins or after it has ended."""
    step: Callable[..., Any] = getattr(where, name)
    done: list[str] = []

    def once(*arguments: Any, **options: Any) -> Any:
        if not done and not after:
            done.append(name)
            raise KeyboardInterrupt
        result = step(*arguments, **options)
        if not done:
            done.append(name)
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(where, name, once)


def test_a_restore_can_be_given_up_until_the_stack_has_the_table(
    world: World, photo: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        interrupted_once(patch, takeover.TakeOver, "carry_out", after=True)
        assert restore(world, "--latest", "--yes") == 130
    assert world.held
    assert restore(world, "--abandon") == 0
    assert (world.held, world.functions) == (False, PRESENT)
    assert restored_tables() == [], "it was changed already, and the stage goes on without it"
    with monkeypatch.context() as patch:
        interrupted_once(patch, switch, "switch", after=True)
        assert restore(world, "--latest", "--yes") == 130
    assert restore(world, "--abandon") == 1
    assert "can no longer be given up" in capsys.readouterr().err
    assert world.held


def test_a_table_that_is_out_of_date_is_not_used(
    world: World, photo: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make deploy` lets the functions go as well."""
    with monkeypatch.context() as patch:
        interrupted_once(patch, takeover.TakeOver, "carry_out", after=True)
        assert restore(world, "--latest", "--yes") == 130
    world.held = False
    assert restore(world, "--latest", "--yes") == 1
    assert "out of date" in capsys.readouterr().err
    assert restore(world, "--abandon") == 0
    assert restore(world, "--latest", "--yes") == 0
    assert world.stack == restored_tables()[0]


def test_every_module_of_a_restore_is_named_where_one_looks_first() -> None:
    package_folder = Path(command.__file__).parent
    named = set(re.findall(r"`(\w+)`", (package_folder / "__init__.py").read_text()))
    assert {"command", "tables", "fates", "takeover", "switch", "audit"} <= named
