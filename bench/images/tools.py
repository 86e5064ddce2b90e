"""Installs the programs that are compared, and those that score, in a venv and a node_modules, from lock files."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
HOME = ROOT / ".local" / "bench"
PYTHON = HOME / "venv" / "bin" / "python"
# The first has the locked setuptools that builds derpconf and pyvips, the only packages of the second without a wheel.
PYTHON_LOCKS = ("requirements-build.txt", "requirements.txt")
BUILT = ("--no-binary", "derpconf,pyvips", "--no-build-isolation")


def ensure() -> None:
    """Installs programs that are missing or older than their lock file. Raises SystemExit that says what to do."""
    node = shutil.which("node")
    npm = shutil.which("npm")
    if not node or not npm:
        raise SystemExit("The image bench compares with sharp: install Node.js 20 or newer, with npm.")
    ensure_python()
    if _changed("node", b"", "package.json", "package-lock.json"):
        _say("installing sharp into .local/bench/node_modules")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(BENCH / name, HOME / name)
        subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=HOME, check=True)
        _remember("node", b"", "package.json", "package-lock.json")


def ensure_python() -> None:
    """Installs the bench's own venv, if it is missing or older than its lock files."""
    if _changed("venv", sys.version.encode(), *PYTHON_LOCKS):
        _say("installing thumbor and the scores into .local/bench/venv")
        venv.create(HOME / "venv", with_pip=True, clear=True)
        pip = ["-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input", "--require-hashes"]
        for lock in PYTHON_LOCKS:
            line = [*pip, "--only-binary", ":all:", *BUILT, "-r", str(BENCH / lock)]
            subprocess.run([str(PYTHON), *line], check=True)
        _remember("venv", sys.version.encode(), *PYTHON_LOCKS)


def output_of(*command: str) -> str:
    environment = {**os.environ, "NODE_PATH": str(HOME / "node_modules")}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


def _stamp(seed: bytes, names: tuple[str, ...]) -> str:
    return hashlib.sha256(seed + b"".join((BENCH / name).read_bytes() for name in names)).hexdigest()


def _changed(what: str, seed: bytes, *names: str) -> bool:
    HOME.mkdir(parents=True, exist_ok=True)
    stamp = HOME / f"{what}.stamp"
    return not stamp.is_file() or stamp.read_text() != _stamp(seed, names)


def _remember(what: str, seed: bytes, *names: str) -> None:
    (HOME / f"{what}.stamp").write_text(_stamp(seed, names))


def _say(text: str) -> None:
    print(f"bench: {text} (a minute, the first time)", file=sys.stderr)
