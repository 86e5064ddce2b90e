"""Why a missing file may not be gone: its disk may not be mounted, or its folder may be something else now."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def is_gone(path: str) -> bool:
    """True only if the system says that there is nothing: a disk that fails or vanishes says something else."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def doubt(root: str, path: str, mounts: int) -> str | None:
    """The reason why nobody may take a missing file below `root` for deleted, as a piece of a sentence; or None.

    `mounts`: file systems that began between `root` and the file when it was last seen.
    """
    at, borders = Path(root), 0
    try:
        device = at.lstat().st_dev
        for part in Path(path).relative_to(root).parts[:-1]:
            inner = at / part
            try:
                found = inner.lstat()
            except FileNotFoundError:
                break
            if stat.S_ISLNK(found.st_mode):
                return f"{inner} is a link now"
            if not stat.S_ISDIR(found.st_mode):
                return f"{inner} is a folder no more"
            borders += found.st_dev != device
            at, device = inner, found.st_dev
        if borders < mounts:
            return f"a disk that was mounted at or below {at} is not there"
        if at != Path(root) and _is_empty(at):
            return f"{at} is empty, and may be a disk that is not mounted"
    except (OSError, ValueError) as error:
        return f"{at} can't be looked at ({getattr(error, 'strerror', None) or error})"
    return None


def _is_empty(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is None
