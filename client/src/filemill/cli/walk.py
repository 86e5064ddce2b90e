"""Walks through a folder without keeping it in memory, and says what it leaves out."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

_KINDS = (
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISFIFO, "it is a named pipe"),
    (stat.S_ISCHR, "it is a device"),
    (stat.S_ISBLK, "it is a device"),
)


@dataclass(frozen=True)
class Local:
    """A file that can be sent."""

    path: str
    """as it can be opened"""
    name: str
    """its path below the folder, with `/`; for a file that was named, its own name"""
    size: int
    modified: int
    """nanoseconds"""
    inode: int
    mounts: int = 0
    """other file systems that begin between the folder that is walked and the file"""


@dataclass(frozen=True)
class Skipped:
    """Something that is not sent."""

    path: str
    reason: str
    fault: bool = False
    """it should have been sent, but can't be read"""


Found = Local | Skipped


def named(path: str) -> Found:
    """A path that the user named: links are followed, and a folder is a fault."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError) as error:
        return Skipped(path, reason(error), fault=True)
    if stat.S_ISDIR(status.st_mode):
        return Skipped(path, "it is a folder; add --recursive to send what is in it", fault=True)
    found = _file(path, Path(path).absolute().name, status)
    return Skipped(found.path, found.reason, fault=True) if isinstance(found, Skipped) else found


def walk(folder: str, excluded: tuple[str, ...] = ()) -> Iterator[Found]:
    """Each file below the folder. Memory grows with the number of folders that wait, not with that of files.

    Links to files are followed. Links to folders are left out, so no loop can catch the walk. `excluded` are patterns
    such as `*.tmp`, compared with the name and with the path below the folder.
    """
    waiting: list[tuple[str, str, int | None, int]] = [("", folder, None, 0)]
    while waiting:
        inside, path, outer, mounts = waiting.pop()
        try:
            entries = os.scandir(path)
        except OSError as error:
            yield Skipped(path, reason(error), fault=True)
            continue
        device = _device(path)
        mounts += None not in (outer, device) and outer != device
        with entries:
            for each in _entries(entries, inside, path, excluded):
                if isinstance(each, Local):
                    yield replace(each, mounts=mounts) if mounts else each
                elif isinstance(each, Skipped):
                    yield each
                else:
                    waiting.append((*each, device, mounts))


def _device(folder: str) -> int | None:
    """The file system on which the folder lies; None if the folder is gone again."""
    try:
        return Path(folder).stat().st_dev
    except OSError:
        return None


def _entries(
    entries: Iterator[os.DirEntry[str]],
    inside: str,
    folder: str,
    excluded: tuple[str, ...],
) -> Iterator[Found | tuple[str, str]]:
    """What is in one folder; of each folder in it the name below the walked one, and the path."""
    while True:
        try:
            entry = next(entries)
        except StopIteration:
            return
        except OSError as error:
            yield Skipped(folder, reason(error), fault=True)
            return
        name = f"{inside}/{entry.name}" if inside else entry.name
        if any(fnmatchcase(entry.name, pattern) or fnmatchcase(name, pattern) for pattern in excluded):
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                yield name, entry.path
                continue
            status = entry.stat()  # of a link: its target
        except OSError as error:
            yield Skipped(entry.path, reason(error), fault=True)
            continue
        if stat.S_ISDIR(status.st_mode):
            yield Skipped(entry.path, "it is a link to a folder")
        else:
            yield _file(entry.path, name, status)


def _file(path: str, name: str, status: os.stat_result) -> Found:
    for is_kind, words in _KINDS:
        if is_kind(status.st_mode):
            return Skipped(path, words)
    if status.st_size == 0:
        return Skipped(path, "it is empty")
    return Local(path, name, status.st_size, status.st_mtime_ns, status.st_ino)


def reason(error: OSError | ValueError) -> str:
    """An error of the file system as words."""
    code = getattr(error, "errno", None)
    if code == errno.ELOOP:
        return "its symbolic links lead in a circle"
    if code == errno.ENOENT:
        return "it does not exist (any more)"
    if code in {errno.EACCES, errno.EPERM}:
        return "you may not read it"
    return getattr(error, "strerror", None) or str(error)
