"""Writes the folder `vendor`, which `chalice deploy` adds to the layer: packages in another form than pip's.

It holds botocore with only the data that the functions need (botocore_data.py) and without its documentation; Python
finds it before the runtime's own copy. It also holds bytecode (.pyc) of botocore and of the packages in
requirements.txt. Wheels have no bytecode, and a function can't write to its layer, so every start would compile every
module again.

For x86_64 functions it also holds the SIMD resizer, if this computer has such a processor. It is not in
requirements.txt, because pip would look for a wheel for arm64, which does not exist.
"""

from __future__ import annotations

import hashlib
import json
import platform
import py_compile
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ops import botocore_data
from ops.errors import OpsError

MARKER = "filemill-package.json"

# Files that pip added to an installed distribution on this computer.
_PIPS_OWN = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}
# Replaced parts of botocore: its data by a smaller version, and the code for `help()` of a client's methods by nothing.
_LEFT_OUT = ("botocore/data/", "botocore/docs/")
_STILL_IMPORTED = ("botocore/docs/utils.py",)
# Modules whose source in the wheels for arm64 and x86_64 differs in the docstring only. Their bytecode is not compared
# with the source, which would be compiled again at every start of the other architecture. A test compares the code.
SAME_CODE = frozenset({"pypdfium2_raw/bindings.py"})
_NO_DOCSTRINGS = """\
class _Empty(str):
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)


ClientMethodDocstring = PaginatorDocstring = WaiterDocstring = _Empty
"""


def write(project_dir: Path, architecture: str, progress: Callable[[str], None] = print) -> None:
    """Brings `vendor`, and the bytecode in `chalicelib`, up to date with what is installed here.

    `architecture` is the functions': `arm64` or `x86_64`. The bytecode is for this Python's minor version, which is
    also the runtime that Chalice chooses. Other versions ignore it.

    Raises
    ------
    OpsError
        `vendor` holds files of somebody else, or a package of requirements.txt is not installed.
    """
    _compile_own(project_dir / "chalicelib")
    vendor = project_dir / "vendor"
    marker = vendor / MARKER
    if vendor.exists() and any(vendor.iterdir()) and not marker.exists():
        raise OpsError(
            f"{vendor} holds files that Filemill did not write, and it would delete them. Move them to another folder."
        )
    shipped = closure(_required(project_dir / "requirements.txt"))
    ours = {
        name: found for name, found in closure(["botocore", *_resizer(architecture)]).items() if name not in shipped
    }
    wanted = _inputs([*shipped.values(), *ours.values()])
    if marker.exists() and json.loads(marker.read_text()) == {"inputs": wanted, "files": digest(vendor)}:
        return
    progress("compiling the functions' packages (vendor)")
    shutil.rmtree(vendor, ignore_errors=True)
    vendor.mkdir()
    _copy(ours, vendor)
    for source in sorted(vendor.rglob("*.py")):  # source and bytecode stay together, so no start has to compare them
        name = source.relative_to(vendor).as_posix()
        _bytecode(source, source.parent, name, py_compile.PycInvalidationMode.UNCHECKED_HASH)
    for found in shipped.values():  # Chalice downloads the source itself, so Python compares it by its hash
        _compile(found, vendor, py_compile.PycInvalidationMode.CHECKED_HASH)
    marker.write_text(json.dumps({"inputs": wanted, "files": digest(vendor)}) + "\n")


def remove(project_dir: Path) -> None:
    """Deletes what `write` has made. A folder `vendor` of somebody else stays."""
    vendor = project_dir / "vendor"
    if (vendor / MARKER).exists():
        shutil.rmtree(vendor)
    for made in list((project_dir / "chalicelib").rglob("__pycache__")):
        shutil.rmtree(made)


def _copy(ours: Mapping[str, Distribution], vendor: Path) -> None:
    """Copies the distributions to `vendor`, botocore with its smaller data and without its documentation."""
    for found in ours.values():
        for name, source in files(found):
            if name in _STILL_IMPORTED or not name.startswith(_LEFT_OUT):
                (vendor / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, vendor / name)
    botocore_data.write(Path(str(ours["botocore"].locate_file("botocore/data"))), vendor / "botocore" / "data")
    (vendor / "botocore" / "docs" / "__init__.py").touch()
    (vendor / "botocore" / "docs" / "docstring.py").write_text(_NO_DOCSTRINGS, encoding="utf-8")


def _resizer(architecture: str) -> list[str]:
    if (sys.platform, platform.machine(), architecture) == ("linux", "x86_64", "x86_64"):
        return ["cykooz-resizer"]
    return []


def digest(folder: Path) -> str:
    """SHA-256 of all names and contents except the marker's. It does not depend on times."""
    total = hashlib.sha256()
    for file in sorted(f for f in folder.rglob("*") if f.is_file() and f.name != MARKER):
        total.update(f"{file.relative_to(folder).as_posix()}\n".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _inputs(found: Iterable[Distribution]) -> str:
    packages = sorted(f"{each.name}=={each.version}" for each in found)
    text = json.dumps([sys.version, packages]) + "".join(
        Path(str(module.__file__)).read_text(encoding="utf-8") for module in (sys.modules[__name__], botocore_data)
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _required(requirements: Path) -> list[str]:
    """The names in requirements.txt. As for Chalice, there are none if the file is missing."""
    return [canonicalize_name(each.name) for each in read(requirements)]


def pinned(requirements: Path) -> dict[str, str]:
    """The versions in requirements.txt by name, without packages that are not pinned to one version."""
    found = {canonicalize_name(each.name): str(each.specifier) for each in read(requirements)}
    return {name: version[2:] for name, version in found.items() if version.startswith("==")}


def read(requirements: Path) -> list[Requirement]:
    """The packages in a lock file that this computer needs. None if the file is missing."""
    if not requirements.exists():
        return []
    lines = requirements.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    texts = (re.split(r"\s(?:#|--hash=)", line.strip())[0].strip() for line in lines)
    found = [Requirement(text) for text in texts if text and not text.startswith(("#", "-"))]
    return [each for each in found if each.marker is None or each.marker.evaluate()]


def closure(names: Iterable[str]) -> dict[str, Distribution]:
    """The installed distributions of these names and of everything that they need, by name, without optional extras."""
    found: dict[str, Distribution] = {}
    needed = [(name, True) for name in names]
    while needed:
        name, must = needed.pop()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            if must:
                raise OpsError(f"{name} is not installed in {sys.prefix}: run `make venv`.") from None
            continue  # it is needed only on other systems or versions
        needed += [
            (canonicalize_name(Requirement(each).name), False)
            for each in found[name].requires or []
            if "extra ==" not in each
        ]
    return dict(sorted(found.items()))


def files(found: Distribution) -> Iterator[tuple[str, Path]]:
    """(name below site-packages, file) of every file in the wheel, without commands and bytecode."""
    for file in sorted(found.files or [], key=str):
        path = PurePosixPath(file)
        if ".." not in path.parts and "__pycache__" not in path.parts and path.name not in _PIPS_OWN:
            yield str(path), Path(str(found.locate_file(file)))


def _compile(found: Distribution, vendor: Path, mode: py_compile.PycInvalidationMode) -> None:
    for name, source in files(found):
        if name.endswith(".py"):
            unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
            _bytecode(source, (vendor / name).parent, name, unchecked if name in SAME_CODE else mode)


def _compile_own(package: Path) -> None:
    """Compiles our own package into the usual place, which Chalice packs, too. The source may change later."""
    for stale in list(package.rglob("__pycache__")):
        shutil.rmtree(stale)
    for source in sorted(package.rglob("*.py")):
        name = f"{package.name}/{source.relative_to(package).as_posix()}"
        _bytecode(source, source.parent, name, py_compile.PycInvalidationMode.CHECKED_HASH)
    if package.exists():
        _compile_router(package / "__pycache__")


def _compile_router(folder: Path) -> None:
    """Compiles the module that Chalice packs as source only. chalicelib/bytecode.py makes Python find the result."""
    (source,) = (source for name, source in files(distribution("chalice")) if name == "chalice/app.py")
    target = folder / f"chalice.app.{sys.implementation.cache_tag}.pyc"
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    py_compile.compile(str(source), str(target), dfile="chalice/app.py", doraise=True, invalidation_mode=mode)


def _bytecode(source: Path, folder: Path, name: str, mode: py_compile.PycInvalidationMode) -> None:
    target = folder / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(str(source), str(target), dfile=name, doraise=True, invalidation_mode=mode)
