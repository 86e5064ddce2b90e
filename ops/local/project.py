"""The project's copy that is deployed locally: `chalice deploy` and `ops provision` write to it, to no tracked file."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.config import read_config, write_json

STAGE = "local"

# What a deployment is made of; those that exist are copied.
SOURCES = ("app.py", "requirements.txt", "chalicelib", "vendor", "console", "edge")
# What else changes what is deployed, and how.
TOOLS = ("ops", "ops/stack")


def sync(root: Path, copy: Path) -> None:
    """Bring the copy to what the project holds. Its own stage, deployed state and caches stay."""
    (copy / ".chalice").mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        source, target = root / name, copy / name
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, target)
    shutil.copy2(root / ".chalice" / "resources.yaml", copy / ".chalice" / "resources.yaml")
    config = read_config(root)
    config["stages"] = {}
    if (copy / ".chalice" / "config.json").exists():
        stage = read_config(copy).get("stages", {}).get(STAGE)
        config["stages"] = {STAGE: stage} if stage else {}
    write_json(copy / ".chalice" / "config.json", config)


def fingerprint(root: Path, *facts: object) -> str:
    """A hash of all that decides what gets deployed: the sources, the tools, the Python, and what else is given."""
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
    # The adapter decides what the emulator made of a deployment.
    yield from sorted((root / "ops" / "local" / "adapter").glob("*.py"))
    yield root / "ops" / "local" / "emulator.py"
    yield root / "ops" / "local" / "requirements.txt"


def remember(marker: Path, value: str) -> None:
    marker.write_text(json.dumps({"deployed": value}) + "\n")


def remembered(marker: Path) -> str | None:
    """What `remember` wrote, None if nothing that can be read."""
    try:
        value = json.loads(marker.read_text())["deployed"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(value)
