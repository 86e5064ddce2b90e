"""The folders that the system has for a program's configuration and state."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NAME = "filemill"


def config_folder() -> Path:
    """The folder of the sign-in that `filemill login` keeps."""
    return _folder("XDG_CONFIG_HOME", ".config")


def state_folder() -> Path:
    """The folder of uploads that may be resumed."""
    return _folder("XDG_STATE_HOME", ".local/state")


def _folder(variable: str, below_home: str) -> Path:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Local") / _NAME
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / _NAME
    base = os.environ.get(variable, "")
    return (Path(base) if base.startswith("/") else Path.home() / below_home) / _NAME
