"""The folders that the system has for a program's configuration and state."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

_NAME = "filemill"


def config_folder() -> Path:
    """The folder of the sign-in that `filemill login` keeps."""
    return _folder("XDG_CONFIG_HOME", ".config")


def state_folder() -> Path:
    """The folder of uploads that may be resumed."""
    return _folder("XDG_STATE_HOME", ".local/state")


def make_private(folder: Path) -> None:
    """Makes the folder if it is not there, and lets nobody else look into it. Raises OSError if it can't be made."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tighten(folder, 0o700)


def make_file_private(path: Path) -> None:
    """Makes the file if it is not there, and lets nobody else read it. Raises OSError if it can't be made."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    tighten(path, 0o600)


def tighten(path: Path, mode: int) -> None:
    """Takes rights away from a file or folder that an earlier release made. It gives none."""
    with contextlib.suppress(OSError):  # somebody else's: its owner decides
        now = stat.S_IMODE(path.stat().st_mode)
        if now & ~mode:
            path.chmod(now & mode)


def _folder(variable: str, below_home: str) -> Path:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Local") / _NAME
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / _NAME
    base = os.environ.get(variable, "")
    return (Path(base) if base.startswith("/") else Path.home() / below_home) / _NAME
