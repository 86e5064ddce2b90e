"""Writes several files so that they change together or not at all. The emulator's own Python imports this, too.

1. Each file is written beside the old one, as `NAME.new`, and forced to the disk.
2. The list of names is written to `commit`. From here on the new files count.
3. Each new file is renamed to its name, and `commit` is deleted.

A process that is killed before step 2 leaves the old files; `recover` then deletes the new ones. After step 2 `recover`
finishes step 3.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

COMMIT = "commit"
NEW = ".new"


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replaces these files of a folder. Those whose content has not changed are not written. Only the owner can read
    them."""
    changed = [name for name, content in files.items() if not _has(folder / name, content)]
    if not changed:
        return
    for name in changed:
        _write_through(folder / (name + NEW), files[name])
    _write_through(folder / (COMMIT + NEW), json.dumps(changed).encode())
    _sync(folder)
    (folder / (COMMIT + NEW)).replace(folder / COMMIT)
    _sync(folder)
    _finish(folder)


def recover(folder: Path) -> None:
    """Finishes a write that was interrupted after its commit, and deletes what one left that was interrupted before."""
    if (folder / COMMIT).exists():
        _finish(folder)
    for left in folder.glob("*" + NEW):
        left.unlink()


def _finish(folder: Path) -> None:
    for name in json.loads((folder / COMMIT).read_bytes()):
        new = folder / (name + NEW)
        if new.exists():  # otherwise it was renamed before the interruption
            new.replace(folder / name)
    _sync(folder)
    (folder / COMMIT).unlink()
    _sync(folder)


def _has(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except FileNotFoundError:
        return False


def _write_through(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)  # so that it gets this mode
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Forces the folder's entries (names of files) to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
