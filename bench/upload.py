"""How long `filemill upload` takes beside `aws s3 cp`, for one large file and for many small ones, on the same stack.

The stack must be running: `make run`. FILEMILL_URL and FILEMILL_KEY name it, FILEMILL_S3 is the address of its S3 (the
emulator's), and AWS_CLI the program `aws` (PyPI's awscli, in a virtual environment of its own).
FILEMILL_UPLOAD_BYTES and FILEMILL_UPLOAD_FILES change the sizes. Both programs send the same files over the same
connection, one after the other; the ratio is that of their times. `filemill` also has each file registered, signed and
hashed, which `aws s3 cp` does not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BYTES = int(os.environ.get("FILEMILL_UPLOAD_BYTES", 2 * 1000**3))
FILES = int(os.environ.get("FILEMILL_UPLOAD_FILES", 200))
GOAL = 1.2  # of the time that `aws s3 cp` takes, for the large file
_BUCKET = "filemill-bench-upload"
_BLOCK = 1 << 20


def run() -> None:
    missing = [name for name in ("FILEMILL_URL", "FILEMILL_KEY", "FILEMILL_S3", "AWS_CLI") if not os.environ.get(name)]
    if missing:
        print(f"not measured: set {', '.join(missing)} (bench/upload.py says what they are)")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = folder / "large.bin"
        _write(large)
        many = folder / "many"
        many.mkdir()
        for number in range(FILES):
            (many / f"{number}.txt").write_bytes(f"{time.time()} {number} ".encode().ljust(1000, b"."))
        _aws("s3", "mb", f"s3://{_BUCKET}", check=False)
        print("| | filemill | aws s3 cp | ratio |\n|---|---|---|---|")
        _row(f"one file of {BYTES / 1e9:g} GB", folder, large, [])
        _row(f"{FILES} files of 1 kB", folder, many, ["--recursive"])
        _aws("s3", "rb", f"s3://{_BUCKET}", "--force")


def _write(path: Path) -> None:
    """Bytes that no earlier run has sent, in blocks that differ."""
    block = os.urandom(_BLOCK)
    with path.open("wb") as file:
        for number in range(-(-BYTES // _BLOCK)):
            file.write(number.to_bytes(8, "big") + block[8:])
        file.truncate(BYTES)


def _row(what: str, folder: Path, path: Path, options: list[str]) -> None:
    env = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
    command = [sys.executable, "-m", "filemill.cli", "upload", str(path), "--quiet", "--again", *options]
    begun = time.monotonic()
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)
    ours = time.monotonic() - begun
    begun = time.monotonic()
    _aws("s3", "cp", str(path), f"s3://{_BUCKET}/{path.name}", "--only-show-errors", *options)
    theirs = time.monotonic() - begun
    print(f"| {what} | {ours:.1f} s | {theirs:.1f} s | {ours / theirs:.2f} |", flush=True)


def _aws(*arguments: str, check: bool = True) -> None:
    credentials = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "*",
    }
    command = [os.environ["AWS_CLI"], "--endpoint-url", os.environ["FILEMILL_S3"], *arguments]
    subprocess.run(command, check=check, env={**os.environ, **credentials}, stdout=subprocess.DEVNULL)
