"""`python -m ops demo` (and `make demo`): uploads files of all kinds to the local stage, for the console to show.

The files are made once, in .local/samples. The command `filemill` uploads those that the stage does not have.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

from ops.errors import OpsError
from ops.local import loopback, project, running
from ops.local.stage import ROOT
from ops.local.steps import Steps

TAG = "demo"
MAKERS = ("ops/demo/documents.py", "ops/demo/media.py", "ops/demo/pictures.py", "ops/demo/samples.py")
EXAMPLES = ("demo", "demo --project-dir .local/app", "demo --verbose")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--project-dir", type=Path, default=ROOT, metavar="DIR", help="folder of the project (default: this one)"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show every detail of each step")


def main(args: argparse.Namespace) -> int:
    """Uploads the samples that are not there yet. Returns the exit code of `filemill upload`."""
    stage = running.find(args.project_dir)
    if stage is None:
        raise OpsError("Nothing runs here: start `make run` in another terminal, then run this again.")
    home = Path(stage.project_dir).parent
    key = (home / "api-key").read_text(encoding="utf-8").strip()
    folder = ROOT / ".local" / "samples"
    samples(folder, verbose=args.verbose)
    present = names(stage.front_door, key)
    missing = [file for file in sorted(folder.iterdir()) if file.name not in present]
    if not missing:
        print(f"All {len(present)} samples are there already: {stage.front_door}")
        return 0
    environment = {**os.environ, **loopback.without_proxy(os.environ)}
    environment |= {"FILEMILL_URL": stage.front_door, "FILEMILL_KEY": key}
    code = upload(missing, environment)
    if code == 0:
        print(f"Look at them: {stage.front_door} (the key is in {home / 'api-key'})")
    return code


def upload(files: list[Path], environment: Mapping[str, str]) -> int:
    """Runs `filemill upload`, which shows how far it is. Returns its exit code."""
    command = Path(sys.executable).with_name("filemill")
    if not command.exists():
        raise OpsError(f"The command filemill is not installed ({command} is missing): run `make venv`.")
    line = [str(command), "upload", "--wait", "--tag", TAG, *map(str, files)]
    return subprocess.run(line, env=environment, check=False).returncode


def samples(folder: Path, *, verbose: bool) -> None:
    """Makes the samples, unless they are there, as the present code makes them.

    Raises
    ------
    OpsError
        They can't be made; the message has the last lines of what was said.
    """
    marker = folder.with_name("samples.json")
    wanted = project.digest([ROOT / name for name in (*MAKERS, "ops/demo/requirements.txt", "docs/flow.svg")])
    if folder.is_dir() and project.remembered(marker) == wanted:
        return
    if subprocess.run([ROOT / "ops/setup.sh", "demo"], check=False).returncode:
        raise OpsError("The samples need some packages, which could not be installed: look at what it says above.")
    with Steps(folder.with_name("samples.log"), verbose=verbose) as steps:
        command = [str(ROOT / ".local/demo/bin/python"), "-m", "ops.demo.samples", str(folder)]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout
            said = []
            for line in map(str.rstrip, process.stdout):
                said.append(line)
                begin(line, steps)
        if process.returncode:
            raise OpsError("The samples could not be made:\n" + "\n".join(f"    {line}" for line in said[-5:]))
    project.remember(marker, wanted)


def begin(line: str, steps: Steps) -> None:
    """Shows a line `3/12 NAME` of ops/demo/samples.py as a step, and another one as a detail."""
    count, _, name = line.partition(" ")
    done, _, total = count.partition("/")
    if name and done.isdecimal() and total.isdecimal():
        steps.plan(int(total))
        steps(f"making the sample {name}")
    else:
        steps.detail(line)


def names(front_door: str, key: str) -> set[str]:
    """Names of the files with the demo's tag that the stage has."""
    return {item["filename"] for item in _items(front_door, key)}


def _items(front_door: str, key: str) -> Iterator[Mapping[str, str]]:
    cursor: str | None = ""
    while cursor is not None:
        query = {"tag": TAG, "fields": "filename,status", "limit": "100"} | ({"cursor": cursor} if cursor else {})
        request = urllib.request.Request(  # noqa: S310 - the local front door
            f"{front_door}/v1/files?{urlencode(query)}", headers={"Authorization": f"Bearer {key}"}
        )
        try:
            with loopback.urlopen(request, timeout=30) as response:
                page = json.load(response)
        except urllib.error.HTTPError as error:
            raise OpsError(f"The stage did not list its files ({error.code}). Look at `make run`.") from None
        yield from (item for item in page["items"] if item["status"] not in ("expired", "failed", "awaiting_upload"))
        cursor = page.get("next_cursor")
