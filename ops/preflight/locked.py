"""The check that the package index serves the very packages that requirements.txt locks.

When Chalice packs the functions, pip compares them again (chalicelib/wheels.py). That is after the stack is made, and
pip's message then stands below a traceback.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from chalicelib import wheels
from ops import config
from ops.errors import OpsError
from ops.preflight.site import Site, Verdict, fine, refused, unknown

# pip's words, in the version that requirements-dev.txt locks.
_DIFFERS = re.compile(r"^ {4}(\S+) from (\S+).*?:\n +Expected .*?^ +Got +(\w+)", re.MULTILINE | re.DOTALL)
_NOT_LOCKED = re.compile(r"^ERROR: In --require-hashes mode, .* versions pinned .*\n +(\S+)", re.MULTILINE)
_NO_HASH = re.compile(r"^ERROR: Hashes are required .*\n +(\S+)", re.MULTILINE)
_NOT_FOUND = re.compile(r"^ERROR: No matching distribution found for (\S+)", re.MULTILINE)


def check(site: Site) -> Verdict:
    architecture = site.recorded.get("stages", {}).get(site.stage, {}).get("lambda_architecture", "arm64")
    if architecture not in wheels.PROCESSORS or not (site.project_dir / "requirements.txt").exists():
        return fine()  # the check of the architecture reports the first
    failed = download(site.project_dir / "requirements.txt", architecture)
    if not failed:
        return fine()
    if reason := refusal(failed):
        return refused(reason)
    if found := _NOT_FOUND.search(failed):  # pip says the same if the network fails
        return unknown(
            f"pip finds no wheel of {found[1]} for Lambda; check the network and pip's settings (`pip config list`), "
            "or choose another version in requirements.in and run `make lock`"
        )
    return unknown(f"pip could not fetch them: {failed.strip().splitlines()[-1].removeprefix('ERROR: ')}")


def explain(project_dir: Path, stage: str) -> None:
    """After packing has failed: fetches the packages again and raises OpsError if a hash was the reason."""
    architecture = wheels.architecture_of(config.read_config(project_dir), stage)
    if reason := refusal(download(project_dir / "requirements.txt", architecture)):
        raise OpsError(reason)


def download(requirements: Path, architecture: str) -> str:
    """Fetches the functions' packages as Chalice does, and keeps none. Returns pip's message if it fails, or ""."""
    environment = {**os.environ, **wheels.pip_settings(architecture)}
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "pip", "download", "-q", "-r", str(requirements), "--dest", folder]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def refusal(message: str) -> str:
    """The sentence about a package that is not the locked one, from pip's message. "" if that is not what it says."""
    if found := _DIFFERS.search(message):
        return (
            f"{found[1]} from {found[2]} is not the file that requirements.txt locks (its SHA-256 is {found[3]}). "
            "Somebody may have changed it, so don't deploy it. If you have reason to trust it, run `make lock`"
        )
    if found := _NOT_LOCKED.search(message):
        return f"{found[1]} is needed, but is not in requirements.txt; run `make lock`"
    if found := _NO_HASH.search(message):
        return f"{found[1]} has no hash in requirements.txt; run `make lock`"
    return ""
