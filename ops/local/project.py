"""The copy of the project that is deployed locally: `chalice deploy` and `ops provision` change it, nothing else.

A fingerprint tells whether something that decides about the deployment has changed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.config import read_config, write_json
from ops.errors import OpsError

STAGE = "local"

# Settings that only the local stage has: webhooks may go to receivers on this computer, by http.
SETTINGS = {"FILEMILL_WEBHOOK_NETWORKS": "127.0.0.0/8, ::1/128"}

# The sources of a deployment. Those that exist are copied.
SOURCES = (
    "app.py",
    "requirements.txt",
    "requirements-media.txt",
    "chalicelib",
    "vendor",
    "console",
    "browser/filemill.js",
    "edge",
)
# Folders with the tools that decide how they are deployed. The adapter decides what the emulator makes of it.
TOOLS = ("ops", "ops/stack", "ops/local/adapter")


def private_folder(folder: Path) -> None:
    """Makes a folder that only its owner can open, or closes one that others can open, whatever the umask is.

    Raises
    ------
    OpsError
        It is a folder that all users share, such as /tmp.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & stat.S_ISVTX:
        raise OpsError(f"{folder} is shared by all users of this computer. Choose a folder of your own with --home.")
    folder.chmod(0o700)


def sync(root: Path, copy: Path) -> None:
    """Brings the copy up to date with the project. The copy keeps its own stage, deployed state and caches.

    A setting of `SETTINGS` that somebody changed in the copy stays as it is.
    """
    private_folder(copy)
    private_folder(copy / ".chalice")
    for name in SOURCES:
        source, target = root / name, copy / name
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            target.parent.mkdir(exist_ok=True)
            shutil.copy2(source, target)
    shutil.copy2(root / ".chalice" / "resources.yaml", copy / ".chalice" / "resources.yaml")
    config = read_config(root)
    stage = {}
    if (copy / ".chalice" / "config.json").exists():
        stage = read_config(copy).get("stages", {}).get(STAGE, {})
    stage["environment_variables"] = {**SETTINGS, **stage.get("environment_variables", {})}
    config["stages"] = {STAGE: stage}
    write_json(copy / ".chalice" / "config.json", config)
    (copy / ".chalice" / "config.json").chmod(0o600)  # a setting of the stage may be a secret


def fingerprint(root: Path, *facts: object) -> str:
    """A hash of everything that decides what is deployed: the sources, the tools, the Python version, and `facts`."""
    common = {name: value for name, value in read_config(root).items() if name != "stages"}
    digest = hashlib.sha256(json.dumps([sys.version_info[:2], common, facts], default=str, sort_keys=True).encode())
    for file in _deciding_files(root):
        digest.update(f"\n{file.relative_to(root)}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _deciding_files(root: Path) -> Iterator[Path]:
    yield root / ".chalice" / "resources.yaml"
    for name in SOURCES:
        path = root / name
        if path.is_dir():
            yield from sorted(f for f in path.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
        elif path.exists():
            yield path
    for name in TOOLS:
        yield from sorted((root / name).glob("*.py"))
    yield root / "ops" / "local" / "emulator.py"
    yield root / "ops" / "local" / "requirements.txt"


def remember(marker: Path, value: str) -> None:
    """Notes the fingerprint of what is deployed now."""
    marker.write_text(json.dumps({"deployed": value}) + "\n")


def remembered(marker: Path) -> str | None:
    """The fingerprint that `remember` wrote, or None if it can't be read."""
    try:
        value = json.loads(marker.read_text())["deployed"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(value)
