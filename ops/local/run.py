"""`python -m ops local` (and `make run`): the whole of Filemill on this computer, until Ctrl-C."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ops.errors import OpsError
from ops.local.stage import ROOT, LocalStage

GUIDE = """
Filemill is running. Its files are kept in {home}; Ctrl-C stops it.

  front door   {front_door}
  AWS          {endpoint}   (AWS_ENDPOINT_URL; access key test, secret test, region us-east-1)
  API key      {key}   (also in {home}/api-key)

A first upload, to paste into another terminal (here, in this folder):

  KEY=$(cat {home}/api-key)
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


class Steps:
    """Prints each step with the seconds since the start."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"{time.monotonic() - self.started:6.1f} s  {text}", flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", type=Path, default=ROOT / ".local", help="where everything is kept (default: .local)")
    for name, variable, default, what in (
        ("--port", "PORT", "8000", "the front door"),
        ("--emulator-port", "EMULATOR_PORT", "4566", "the AWS emulator"),
    ):
        chosen = os.environ.get(variable) or default
        parser.add_argument(
            name, type=port, default=chosen, metavar="N", help=f"port of {what} (default: {variable} or {default})"
        )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a web page's origin that may upload, besides the front door's: http://localhost:3000 (repeatable)",
    )


def port(text: str) -> int:
    """A port from the command line or the environment."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 1 to 65535")
    return int(text)


def main(args: argparse.Namespace) -> int:
    """Runs until Ctrl-C or SIGTERM; the exit code."""
    home: Path = args.home.resolve()
    steps = Steps()
    # Also where a shell started us with Ctrl-C ignored, as it does what runs in its background.
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
            # A second Ctrl-C must not keep the emulator from saving its state.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            stage.stop()
        raise OpsError(f"The emulator ended by itself: {last_words} (its log: {stage.emulator.log}).")


def guide(stage: LocalStage, key: str) -> str:
    """What to do with what runs."""
    return GUIDE.format(
        home=shown(stage.home),
        picture=shown(stage.home / "picture.png"),
        python=shown(Path(sys.executable)),
        front_door=stage.front_door,
        endpoint=stage.endpoint_url,
        key=key,
    )


def shown(path: Path) -> str:
    """A path as short as it can be written here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the folder for this process; the kernel lets go of it however the process ends.

    Raises
    ------
    OpsError
        Another run holds it.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "lock").open("a+")
    except OSError as error:
        raise OpsError(f"{home} can't be written ({error.strerror}): make it yours, or choose a --home.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise OpsError(
                f"Filemill already runs from {home} (process {lock.read().strip()}): "
                "stop that one, or give this one a --home, PORT and EMULATOR_PORT of its own."
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
