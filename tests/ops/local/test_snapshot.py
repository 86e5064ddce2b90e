"""Several files change together or not at all, wherever the process is killed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.local import snapshot

OLD = {"sqs.json": b"old queue", "dynamodb.json": b"old table", "lambda.json": b"the same"}
NEW = {"sqs.json": b"new queue", "dynamodb.json": b"new table", "lambda.json": b"the same", "ssm.json": b"new"}


class KilledError(Exception):
    pass


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ends the process before its step-th change of the disk. Gives the steps so far."""
    steps: list[str] = []

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def do(*args: Any, **options: Any) -> Any:
            if len(steps) == step:
                raise KilledError
            steps.append(name)
            return call(*args, **options)

        return do

    for owner, name in ((Path, "replace"), (Path, "unlink"), (os, "open"), (os, "fsync")):
        monkeypatch.setattr(owner, name, counted(name, getattr(owner, name)))
    return steps


def test_a_write_that_is_killed_anywhere_leaves_the_old_files_or_the_new_ones(tmp_path: Path) -> None:
    ends = []
    for step in range(100):
        folder = tmp_path / str(step)
        folder.mkdir()
        snapshot.write(folder, OLD)
        with pytest.MonkeyPatch.context() as monkeypatch:
            steps = killed_at(step, monkeypatch)
            try:
                snapshot.write(folder, NEW)
                killed = False
            except KilledError:
                killed = True
        # The next start may be killed, too.
        for again in range(3):
            with pytest.MonkeyPatch.context() as monkeypatch:
                killed_at(again, monkeypatch)
                try:
                    snapshot.recover(folder)
                except KilledError:
                    continue
        snapshot.recover(folder)
        ends.append(content(folder))
        assert ends[-1] in (OLD, NEW), f"killed before step {step} ({steps})"
        if not killed:
            break
    assert ends[0] == OLD
    assert ends[-1] == NEW
    assert {str(each == NEW) for each in ends} == {"True", "False"}
    assert len(ends) > 15


def test_files_that_have_not_changed_are_not_written(tmp_path: Path) -> None:
    snapshot.write(tmp_path, OLD)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    snapshot.write(tmp_path, {**OLD, "sqs.json": b"new queue"})
    changed = [file.name for file, moment in before.items() if file.stat().st_mtime_ns != moment]
    assert changed == ["sqs.json"]


def test_only_the_owner_can_read_them_whatever_the_umask_is(tmp_path: Path) -> None:
    (tmp_path / "sqs.json").write_bytes(b"from an earlier version")
    (tmp_path / "sqs.json").chmod(0o644)
    before = os.umask(0)
    try:
        snapshot.write(tmp_path, OLD)
    finally:
        os.umask(before)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
