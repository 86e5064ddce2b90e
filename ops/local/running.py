"""The local stage that is running, so that `python -m ops … --stage local` finds it from any terminal.

`make run` writes `.local/running.json` when the stage is ready, and deletes it at the end. If `make run` was killed,
the file names a process that is gone, and is not believed.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ops import config
from ops.errors import OpsError
from ops.local import loopback, project
from ops.local.emulator_process import ADAPTER, CREDENTIALS, REGION, EmulatorProcess

FILE = "running.json"
ACCOUNT = "000000000000"  # the emulator's


@dataclass(frozen=True)
class Running:
    """A stage that runs on this computer. `pid` is its emulator's process id."""

    endpoint_url: str
    front_door: str
    project_dir: str
    state: str
    pid: int


def announce(home: Path, emulator: EmulatorProcess, front_door: str) -> None:
    """Writes down that the stage of this folder runs."""
    assert emulator.process
    stage = Running(emulator.url, front_door, str(home / "app"), str(emulator.state), emulator.process.pid)
    (home / FILE).write_text(json.dumps(asdict(stage)) + "\n")


def withdraw(home: Path) -> None:
    """Takes that back."""
    (home / FILE).unlink(missing_ok=True)


def find(project_dir: Path) -> Running | None:
    """The running stage of a project folder, or of its deployed copy (`.local/app`)."""
    folder = project_dir.resolve()
    return _read(folder / ".local" / FILE) or _read(folder.parent / FILE)


def _read(file: Path) -> Running | None:
    try:
        stage = Running(**json.loads(file.read_bytes()))
        command = Path(f"/proc/{stage.pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, TypeError):
        return None
    return stage if str(ADAPTER).encode() in command and stage.state.encode() in command else None


def environment(endpoint_url: str) -> dict[str, str]:
    """This process's environment with the emulator in place of AWS, for `chalice`, `python -m ops` and tests."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "FILEMILL_"))}
    return (
        ours
        | CREDENTIALS
        | {
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        | loopback.without_proxy(ours)
    )


def attach(project_dir: Path) -> Running | None:
    """Points this process to the running local stage: its environment variables are then those of the emulator.

    Returns None where there is nothing to point to: the caller names an endpoint itself (AWS_ENDPOINT_URL), or the
    project records a stage of this name on AWS.

    Raises
    ------
    OpsError
        No local stage is running.
    """
    if found := find(project_dir):
        values = environment(found.endpoint_url)
        os.environ.clear()
        os.environ.update(values)
        return found
    if os.environ.get("AWS_ENDPOINT_URL") or _is_on_aws(project_dir):
        return None
    raise OpsError(
        "`make run` is not running, and `local` is the name of the stage that it makes. Start `make run` in another "
        "terminal, then run this again. A stage on AWS needs another name."
    )


def _is_on_aws(project_dir: Path) -> bool:
    variables = config.stage_variables(config.read_config(project_dir), project.STAGE)
    queue_arn = variables.get("FILEMILL_INGEST_QUEUE_ARN", "")
    return bool(queue_arn) and f":{ACCOUNT}:" not in queue_arn
