"""The layer of the functions `media` and `stream`: FFmpeg, as PyAV brings it (requirements-media.txt).

Chalice puts all packages of requirements.txt into one layer, which every function gets. With FFmpeg it would be too
large to deploy, and every function would be larger. So this one is published here, for the stage's architecture, and
`lambda_functions.….layers` in .chalice/config.json names it. A version says in its description which packages it
has, so nothing is published twice.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import py_compile
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from chalicelib import wheels
from ops import package
from ops.errors import OpsError
from ops.stack.cloudformation import Progress
from ops.stack.patience import if_there, listed

LOCK = "requirements-media.txt"

# Lambda takes 50 MB in a request: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MOST_BYTES = 50 * 1000**2

# Unpacked, a function and all its layers have 250 MB at most, as the same page says. Lambda refuses a function that is
# to get more; no emulator counts. REST is what the code and Chalice's layer may have (tests/ops/test_package.py).
UNPACKED = 250 * 1024**2
REST = 110 * 1000**2

# Of zlib. The highest takes twice as long and saves 5 %.
LEVEL = 3

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the least that a zip archive can say
_FORMAT = 1  # raise it if the same packages are to be packed otherwise


def name_of(app: str, stage: str) -> str:
    return f"{app}-{stage}-media"


def ensure(client: Any, project_dir: Path, app: str, stage: str, architecture: str, progress: Progress) -> str:
    """The ARN of the layer's version with the locked packages. Publishes it if it is missing. `client` is Lambda's.

    Raises
    ------
    OpsError
        The packages can't be had; the message says what to do.
    """
    name, wanted = name_of(app, stage), description(project_dir, architecture)
    for version in versions(client, name):
        if version.get("Description") == wanted:
            return str(version["LayerVersionArn"])
    progress(f"publishing the layer with FFmpeg ({architecture}); FILEMILL_MEDIA=false leaves it out")
    made = client.publish_layer_version(
        LayerName=name,
        Description=wanted,
        Content={"ZipFile": archive(project_dir, architecture)},
        CompatibleRuntimes=[f"python{sys.version_info.major}.{sys.version_info.minor}"],
        CompatibleArchitectures=[architecture],
        LicenseInfo="GPL-3.0-or-later",
    )
    return str(made["LayerVersionArn"])


def versions(client: Any, name: str) -> list[dict[str, Any]]:
    """All versions of the layer, the newest first."""
    found = listed(client, "list_layer_versions", "LayerVersions", LayerName=name)
    return sorted(found, key=lambda version: int(version["Version"]), reverse=True)


def remove_unused(client: Any, name: str, used: Iterable[str]) -> int:
    """Deletes the versions whose ARNs are not in `used`, and counts them. Functions that have one go on with it."""
    kept = set(used)
    unused = [version for version in versions(client, name) if version["LayerVersionArn"] not in kept]
    for version in unused:
        client.delete_layer_version(LayerName=name, VersionNumber=version["Version"])
    return len(unused)


def layers_of(client: Any, function: str) -> list[str]:
    """The ARNs of the layers that a deployed function has; none if it is not there. `function` is its full name."""
    found = if_there(client.get_function_configuration, FunctionName=function) or {}
    return [str(layer["Arn"]) for layer in found.get("Layers", [])]


def description(project_dir: Path, architecture: str) -> str:
    """What is in a version: it differs if the packages, the architecture or Python's minor version differ."""
    pins = ", ".join(f"{name} {version}" for name, version in package.pinned(_lock(project_dir)).items())
    facts = [_FORMAT, architecture, sys.version_info[:2], _lock(project_dir).read_text(encoding="utf-8")]
    return f"FFmpeg for Filemill: {pins} ({architecture}, {hashlib.sha256(repr(facts).encode()).hexdigest()[:16]})"


def _lock(project_dir: Path) -> Path:
    lock = project_dir / LOCK
    if not lock.is_file():
        raise OpsError(f"There is no {lock}: take it back from version control, or set FILEMILL_MEDIA to false.")
    return lock


def archive(project_dir: Path, architecture: str) -> bytes:
    """The layer as a zip archive: the packages below `python/`, and their bytecode."""
    lock = _lock(project_dir)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as packed:
        for name, data in sorted(_files(lock, architecture)):
            _add(packed, f"python/{name}", data)
            if name.endswith(".py"):
                folder, _, module = name.rpartition("/")
                compiled = f"{module.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
                _add(packed, f"python/{folder}/__pycache__/{compiled}", _bytecode(name, data))
        unpacked = sum(entry.file_size for entry in packed.infolist())
    if out.tell() > MOST_BYTES:
        raise OpsError(f"The layer of {LOCK} has {out.tell()} bytes, and Lambda takes {MOST_BYTES}.")
    if unpacked > UNPACKED - REST:
        raise OpsError(
            f"The layer of {LOCK} has {unpacked} bytes when it is unpacked. With what else a function has, Lambda "
            f"takes {UNPACKED - REST}."
        )
    return out.getvalue()


def _add(packed: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = 0o755 << 16
    packed.writestr(entry, data, zipfile.ZIP_DEFLATED, LEVEL)


def _bytecode(name: str, source: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        module, target = Path(folder) / "module.py", Path(folder) / "module.pyc"
        module.write_bytes(source)
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(module), str(target), dfile=name, doraise=True, invalidation_mode=unchecked)
        return target.read_bytes()


def _files(lock: Path, architecture: str) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every file of the packages: of those installed here if they are the same, or else of PyPI."""
    here = (sys.platform, platform.machine()) == ("linux", wheels.PROCESSORS.get(architecture))
    pins = package.pinned(lock)
    if here and _installed(pins) == pins:
        for found in package.closure(pins).values():
            for name, file in package.files(found):
                yield name, file.read_bytes()
        return
    with tempfile.TemporaryDirectory() as folder:
        _download(lock, architecture, folder)
        for wheel in sorted(Path(folder).glob("*.whl")):
            with zipfile.ZipFile(wheel) as packed:
                yield from ((each.filename, packed.read(each)) for each in packed.infolist() if not each.is_dir())


def _installed(pins: Iterable[str]) -> dict[str, str]:
    try:
        found = package.closure(pins)
    except OpsError:
        return {}
    return {name: distribution.version for name, distribution in found.items()}


def _download(lock: Path, architecture: str, folder: str) -> None:
    """Fetches the wheels, each compared with the lock's hashes."""
    environment = {**os.environ, **wheels.pip_settings(architecture)}
    line = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-r", str(lock), "--dest", folder]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1].removeprefix("ERROR: ")
        raise OpsError(
            f"pip could not fetch the packages of {LOCK}: {reason}. Check the network and pip's settings "
            "(`pip config list`), or set FILEMILL_MEDIA to false in .chalice/config.json."
        )
