"""`python -m ops local` (and `make run`): runs the whole of Filemill on this computer until Ctrl-C."""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ops.errors import OpsError
from ops.local import project
from ops.local.stage import ROOT, LocalStage
from ops.local.steps import Steps

LOG = "run.log"  # in the home folder

GUIDE = """
Filemill is running. Ctrl-C stops it; its files are kept in {home}.

  console    {front_door}
  API key    {key}   (also in {home}/api-key)
  requests   {front_door}/docs
  AWS        {endpoint}   (the emulator: docs/local.md#commands-and-settings)

To upload a file, in another terminal, here:

  {proxy}FILEMILL_URL={front_door} FILEMILL_KEY=$(cat {home}/api-key) {command} upload FILE --wait
"""

# For programs that would send the upload to a proxy that the environment names.
PAST_THE_PROXY = "NO_PROXY=localhost,127.0.0.1 "

ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.-]++|\[[0-9A-Fa-f:.]++\])(?::[0-9]{1,5})?")

EXAMPLES = (
    "local",
    "local --port 9000 --emulator-port 4600",
    "local --allow-origin https://app.example.com",
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
        type=origin,
        help="origin of a web page elsewhere that may upload, such as https://app.example.com; pages of this computer "
        "always may (repeatable)",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show every detail of each step")


def port(text: str) -> int:
    """A port from the command line or the environment."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; use a number from 1 to 65535")
    return int(text)


def origin(text: str) -> str:
    """An origin from the command line, as browsers write it: in lower case, without a slash at its end."""
    value = text.removesuffix("/")
    if not ORIGIN.fullmatch(value):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an origin; use a scheme and a host, such as https://app.example.com, and no path"
        )
    return value.lower()


def main(args: argparse.Namespace) -> int:
    """Runs until Ctrl-C or SIGTERM. Returns the exit code."""
    home: Path = args.home.resolve()
    # A shell starts its background jobs with Ctrl-C ignored; this makes it work there, too.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, interrupt)
    with only_one(home), Steps(home / LOG, verbose=args.verbose) as steps:
        stage = LocalStage(
            home,
            port=args.port,
            emulator_port=args.emulator_port,
            allow_origins=args.allow_origin,
            progress=steps,
            detail=steps.detail,
        )
        try:
            start(stage, steps)
            while stage.alive():
                time.sleep(0.5)
            last_words = stage.emulator.last_words()
        except KeyboardInterrupt:
            steps.say("Stopping: the emulator saves its state.")
            return 0
        except OpsError as error:
            steps.clear()
            raise OpsError(f"{error}\nAll that was done is in {shown(home / LOG)}.") from None
        finally:
            # A second Ctrl-C must not stop the emulator while it saves its state.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            stage.stop()
        raise OpsError(
            f"The emulator ended unexpectedly: {last_words} Read its log, {stage.emulator.log}, then run this again."
        )


def start(stage: LocalStage, steps: Steps) -> None:
    """Starts the stage and prints the guide."""
    steps.plan(stage.steps() + 1)
    stage.start()
    steps("waking the API and its key")
    key = stage.api_key()
    steps.clear()
    print(guide(stage, key), flush=True)


def guide(stage: LocalStage, key: str) -> str:
    """The text that tells a user what to do next."""
    return GUIDE.format(
        home=shown(stage.home),
        command=shown(Path(sys.executable).with_name("filemill")),
        front_door=stage.front_door,
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
        project.private_folder(home)
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
