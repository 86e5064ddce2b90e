"""API keys of the local stage, kept in files so that they can be pasted and used again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.errors import OpsError
from ops.keys import SCOPES
from ops.local import loopback, project

WAKING = 30  # seconds that the API's function gets to start


def create(tenant: str, project_dir: Path, root: Path, environment: Mapping[str, str]) -> str:
    """Makes a new key of this tenant, with `python -m ops keys create`."""
    made = _keys("create", ["--tenant", tenant, "--name", "made by make run"], project_dir, root, environment)
    if made.returncode:
        raise OpsError(f"No API key could be made: {made.stderr.strip()}")
    return str(json.loads(made.stdout)["key"])


def complete(key: str, project_dir: Path, root: Path, environment: Mapping[str, str]) -> None:
    """Gives a kept key the scopes that it lacks, with `python -m ops keys scopes`.

    An earlier version made it, when there were fewer scopes.
    """
    wanted = [argument for scope in SCOPES for argument in ("--add", scope)]
    made = _keys("scopes", [key.split("_")[1], *wanted], project_dir, root, environment)
    if made.returncode:
        raise OpsError(f"The API key's scopes could not be completed: {made.stderr.strip()}")


def _keys(
    verb: str, arguments: Sequence[str], project_dir: Path, root: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ops", "keys", verb, "--stage", project.STAGE, "--json"]
    command += ["--project-dir", str(project_dir), *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def store(file: Path, key: str) -> None:
    """Writes a key to a file that only its owner can read."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(key + "\n")


def accepted(front_door: str, key: str) -> bool:
    """True if the API accepts a key. Its function gets half a minute to start."""
    request = urllib.request.Request(  # noqa: S310 - the local front door
        f"{front_door}/v1/files?limit=1", headers={"Authorization": f"Bearer {key}"}
    )
    deadline = time.monotonic() + WAKING
    while True:
        try:
            with loopback.urlopen(request, timeout=30) as response:
                return bool(response.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (401, 403) or time.monotonic() > deadline:
                return False
        time.sleep(0.5)
