"""Runs the command that scans files, `FILEMILL_SCAN_COMMAND`: ClamAV's `clamscan`, or another with its exit codes.

It gets one file, by its path or on standard input, and answers with its exit code: 0 for a clean file, 1 for an
infected one, anything else for a scan that failed. An infected file's line ends in `: NAME FOUND`.
https://docs.clamav.net/manual/Usage/Scanning.html
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from chalicelib.model import Scan, ScanStatus, now
from chalicelib.settings import settings
from chalicelib.storage import originals

CHUNK = 1024**2  # bytes
ANSWER = 64 * 1024  # bytes of the command's output that are read
MAX_SIGNATURE = 200  # characters

CLEAN, INFECTED = 0, 1

_FOUND = re.compile(r": (\S.*) FOUND\s*$", re.MULTILINE)

# ClamAV reports a file so that it could not look into. It is no malware.
_NOT_LOOKED_INTO = ("Heuristics.Limits.Exceeded", "Heuristics.Encrypted")


class ScanFailedError(Exception):
    """The command gave no verdict. A later try may."""


def scan(key: str, version_id: str) -> Scan:
    """The verdict on one version of an original. Raises ScanFailedError, and OriginalMissingError."""
    with TemporaryDirectory(prefix="filemill-scan-") as folder:
        path = Path(folder, "file")
        if not _fetch(key, version_id, path):
            return verdict(ScanStatus.UNSCANNABLE)
        code, answer = _run(path, Path(folder, "answer"))
    if code == CLEAN:
        return verdict(ScanStatus.CLEAN)
    if code != INFECTED:
        raise ScanFailedError(f"The scan command ended with exit code {code}.")
    found = _FOUND.search(answer)
    name = found[1] if found else None
    if name and name.startswith(_NOT_LOOKED_INTO):
        return verdict(ScanStatus.UNSCANNABLE)
    return verdict(ScanStatus.INFECTED, name)


def verdict(status: ScanStatus, signature: str | None = None) -> Scan:
    """A verdict of this moment. The scanner's own word is made fit for a record."""
    # Its module imports the facts of all kinds, and an image does not wait for those.
    from chalicelib.processing.names import clean

    return Scan(status=status, signature=clean(signature, MAX_SIGNATURE), scanned_at=now())


def _fetch(key: str, version_id: str, path: Path) -> bool:
    """Writes the original into a file. False if it is larger than the command takes."""
    original = originals.open_version(key, version_id)
    with original.body as body, path.open("wb") as file:
        if original.size > settings().scan_bytes:
            return False
        while chunk := body.read(CHUNK):
            file.write(chunk)
    return True


def _run(path: Path, output: Path) -> tuple[int, str]:
    """The command's exit code, and the beginning of what it printed. It gets no variable of ours, and no credential."""
    words = shlex.split(settings().scan_command)
    by_path = any("{}" in word for word in words)
    argv = [word.replace("{}", str(path)) for word in words]
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG") if name in os.environ}
    with path.open("rb") as source, output.open("w+b") as answer:
        try:
            code = _wait(argv, None if by_path else source, answer, {**environment, "HOME": str(path.parent)})
        except OSError as error:
            raise ScanFailedError(f"The scan command can't be started: {error.strerror}.") from None
        answer.seek(0)
        return code, answer.read(ANSWER).decode("utf-8", "replace")


def _wait(argv: list[str], source: IO[bytes] | None, answer: IO[bytes], environment: dict[str, str]) -> int:
    """Raises ScanFailedError when the time is over. Then the command and all its children are ended."""
    child = subprocess.Popen(  # noqa: S603 - the operator's own command, without a shell
        argv,
        stdin=source or subprocess.DEVNULL,
        stdout=answer,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    try:
        return child.wait(settings().scan_seconds)
    except subprocess.TimeoutExpired:
        raise ScanFailedError(f"The scan command took more than {settings().scan_seconds} seconds.") from None
    finally:
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
