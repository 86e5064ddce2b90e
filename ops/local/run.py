"""`python -m ops local` (and `make run`): runs the whole of Filemill on this computer until Ctrl-C."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ops import listen
from ops.errors import OpsError
from ops.local.stage import ROOT, LocalStage

GUIDE = """
Filemill is running. Its files are kept in {home}; Ctrl-C stops it.

  front door   {front_door}
  WebSocket    {socket}
  AWS          {endpoint}   (AWS_ENDPOINT_URL; access key test, secret test, region us-east-1)
  API key      {key}   (also in {home}/api-key)

Each event as it happens, over the WebSocket, in a terminal of its own (here, in this folder):

  {python} -m ops listen --stage local{project}

A first upload, to paste into another terminal (here, in this folder):

{proxy}  KEY=$(cat {home}/api-key)
  {python} -c 'import PIL.Image as p; p.effect_mandelbrot((1600, 1200), (-2, -1.2, .7, 1.2), 90).save("{picture}")'
  curl -sS {front_door}/v1/files -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
    -d '{{"filename":"picture.png","content_type":"image/png","visibility":"public",
         "size":'$(stat -c %s {picture})'}}' -o {home}/file.json
  from_file() {{ {python} -c "import json; f = json.load(open('{home}/file.json')); $1"; }}
  from_file 'u = f["upload"]; print("url =", u["url"])
for field in u["fields"].items(): print("form-string =", json.dumps("=".join(field)))' |
    curl -sS -K - -F file=@{picture}
  curl -sS {front_door}/v1/files/$(from_file 'print(f["id"])') -H "Authorization: Bearer $KEY"   # until it is "ready"
"""

# For curl, which would send the upload to a proxy that the environment names.
PAST_THE_PROXY = """\
  export NO_PROXY=localhost,127.0.0.1
"""


class Steps:
    """Prints each step with the time since the start, in seconds."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"{time.monotonic() - self.started:6.1f} s  {text}", flush=True)


EXAMPLES = (
    "local",
    "local --port 9000 --emulator-port 4600",
    "local --allow-origin http://localhost:3000",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home", type=Path, default=ROOT / ".local", help="folder that keeps everything (default: .local)"
    )
    for name, variable, default, what in (
        ("--port", "PORT", "8000", "the front door"),
        ("--emulator-port", "EMULATOR_PORT", "4566", "the AWS emulator"),
    ):
        chosen = os.environ.get(variable) or default
        parser.add_argument(
            name, type=port, default=chosen, metavar="N", help=f"port of {what} (default: ${variable}, or {default})"
        )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="origin of another web page that may upload, such as http://localhost:3000 (repeatable)",
    )


def port(text: str) -> int:
    """A port from the command line or the environment."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; use a number from 1 to 65535")
    return int(text)


def main(args: argparse.Namespace) -> int:
    """Runs until Ctrl-C or SIGTERM. Returns the exit code."""
    home: Path = args.home.resolve()
    steps = Steps()
    # A shell starts its background jobs with Ctrl-C ignored; this makes it work there, too.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, interrupt)
    with only_one(home):
        stage = LocalStage(
            home,
            port=args.port,
            emulator_port=args.emulator_port,
            allow_origins=args.allow_origin,
            progress=steps,
        )
        try:
            stage.start()
            print(guide(stage, stage.api_key()), flush=True)
            while stage.alive():
                time.sleep(0.5)
            last_words = stage.emulator.last_words()
        except KeyboardInterrupt:
            steps("stopping")
            return 0
        finally:
            # A second Ctrl-C must not stop the emulator while it saves its state.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            stage.stop()
        raise OpsError(
            f"The emulator ended unexpectedly: {last_words} Read its log, {stage.emulator.log}, then run this again."
        )


def guide(stage: LocalStage, key: str) -> str:
    """The text that tells a user what to do next."""
    return GUIDE.format(
        home=shown(stage.home),
        picture=shown(stage.home / "picture.png"),
        python=shown(Path(sys.executable)),
        front_door=stage.front_door,
        socket=listen.address(stage.front_door),
        # A stage in the usual folder is found without its name.
        project="" if stage.home == ROOT / ".local" else f" --project-dir {shown(stage.project_dir)}",
        endpoint=stage.endpoint_url,
        key=key,
        proxy=PAST_THE_PROXY if urllib.request.getproxies_environment() else "",
    )


def shown(path: Path) -> str:
    """A path, relative to the working directory if it is below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Locks the folder for this process. The kernel removes the lock when the process ends, in whatever way.

    Raises
    ------
    OpsError
        Another run has locked it, or it can't be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "lock").open("a+")
    except OSError as error:
        raise OpsError(
            f"{home} can't be written ({error.strerror}): change its owner, or choose another folder with --home."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise OpsError(
                f"Filemill already runs from {home} (process {lock.read().strip()}). "
                "Stop that one, or give this one its own --home, PORT and EMULATOR_PORT."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    try:
        add_arguments(parser)
        sys.exit(main(parser.parse_args()))
    except OpsError as error:
        sys.exit(f"filemill: {error}")
