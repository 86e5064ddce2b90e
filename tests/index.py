"""A package index on loopback with small packages, a lock file of them, and what can be wrong with either.

`millupper` runs everywhere. It needs `millarm`, whose wheels for this computer and for Lambda's arm64 differ.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

X86, ARM = "manylinux_2_17_x86_64", "manylinux_2_17_aarch64"
FOR_ARM = "made = 'aarch64'\n"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Index:
    """Its files are in `folder`: simple/NAME/WHEEL. A list of a folder is already the page that pip reads."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.environment = {
            "PIP_INDEX_URL": f"{url}/simple",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def add(self, name: str, needs: str = "", platform: str = "any", content: str = "made = 1\n") -> str:
        """Adds version 1.0 of a package, or replaces it, and returns its line for a lock file."""
        tag = f"py3-none-{platform}"
        files = {
            f"{name}/__init__.py": content,
            f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            + (f"Requires-Dist: {needs}\n" if needs else ""),
            f"{name}-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        record = f"{name}-1.0.dist-info/RECORD"
        listed = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
        wheel = self.folder / "simple" / name / f"{name}-1.0-{tag}.whl"
        wheel.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in {**files, record: f"{listed}{record},,\n"}.items():
                archive.writestr(path, text)
        return f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def fill(index: Index) -> str:
    """Adds both packages. Returns the lock file, which ends with the hash of the wheel for arm64."""
    lock = index.add("millupper", needs="millarm") + index.add("millarm", platform=X86, content="made = 'x86_64'\n")
    return f"{lock.rstrip()} \\\n{_hash_line(index.add('millarm', platform=ARM, content=FOR_ARM))}\n"


def _hash_line(lines: str) -> str:
    return lines.splitlines()[-1]


def _tampered(index: Index, lock: str) -> str:
    index.add("millarm", platform=ARM, content=FOR_ARM + "import os\n")
    return lock


def _tampered_everywhere(index: Index, lock: str) -> str:
    index.add("millupper", needs="millarm", content="import os\n")
    return lock


def _changed_hash(index: Index, lock: str) -> str:
    digest = _hash_line(lock).partition("sha256:")[2]
    return lock.replace(digest, hashlib.sha256(b"another").hexdigest())


def _not_locked(index: Index, lock: str) -> str:
    return lock[: lock.index("millarm==")]


def _without_hashes(index: Index, lock: str) -> str:
    return lock[: lock.index("millarm==")] + "millarm==1.0\n"


def _no_hashes_at_all(index: Index, lock: str) -> str:
    return "millupper==1.0\nmillarm==1.0\n"


def _no_wheel(index: Index, lock: str) -> str:
    (index.folder / f"simple/millarm/millarm-1.0-py3-none-{ARM}.whl").unlink()
    return lock


# By name: what damages the index or the lock file and returns the latter, and the package that must not be taken.
DAMAGES: dict[str, tuple[Callable[[Index, str], str], str]] = {
    "a tampered wheel for arm64": (_tampered, "millarm"),
    "a tampered wheel for all": (_tampered_everywhere, "millupper"),
    "a changed hash": (_changed_hash, "millarm"),
    "a needed package is not locked": (_not_locked, "millarm"),
    "a package without hashes": (_without_hashes, "millarm"),
    "no hashes at all": (_no_hashes_at_all, "millupper"),
    "no wheel for arm64": (_no_wheel, "millarm"),
}


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


@contextmanager
def serve(folder: Path) -> Iterator[Index]:
    """An empty index, until the block ends."""
    (folder / "simple").mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Index(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
