"""State files: which upload of a file is under way, so that the same call goes on with it after a crash.

One small JSON file for each upload, written as a whole or not at all. It holds no credential.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from filemill import _folders, _json

_VERSION = 1
_KEPT = 8 * 24 * 3600  # seconds; an upload in parts lives for a week by default
_MOST_BYTES = 64 * 1024

_active: set[Path] = set()
_lock = threading.Lock()


class UploadState:
    """The state file of one upload. Without a folder that can be written there is no state, and no error."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def claim(cls, folder: Path | str | None, url: str, identity: dict[str, Any], body: Any) -> UploadState | None:
        """The state of uploading this file to this stage as `body` says. None if this process does that already."""
        whole = json.dumps([url, identity, body], sort_keys=True)
        name = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        try:
            base = Path(folder) if folder is not None else _folders.state_folder() / "uploads"
        except RuntimeError:  # no home folder
            return None
        if folder is None:
            with contextlib.suppress(OSError):
                for each in (base.parent, base):
                    _folders.make_private(each)
        path = base / f"{name}.json"
        with _lock:
            if path in _active:
                return None
            _active.add(path)
        return cls(path)

    def release(self) -> None:
        """Lets another upload of this process have the state."""
        with _lock:
            _active.discard(self._path)

    def load(self) -> dict[str, Any] | None:
        """The state that an earlier run left, or None. A damaged file counts as none."""
        try:
            with self._path.open("rb") as file:
                found = _json.parse(file.read(_MOST_BYTES))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and found.get("version") == _VERSION else None

    def save(self, **fields: Any) -> None:
        """Replaces the state. A crash leaves the old one or the new one."""
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._forget_old()
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"version": _VERSION, **fields}, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()

    def remove(self) -> None:
        """The upload has ended."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _forget_old(self) -> None:
        """Removes states of uploads that have expired."""
        for path in self._path.parent.glob("*.json*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _KEPT:
                    path.unlink()
