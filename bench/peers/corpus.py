"""`python -m bench.peers.corpus ARCHIVES OUT`: the image files of packages' archives, as a corpus.

ARCHIVES is a folder of source packages (tar and zip, such as `pip download --no-binary :all:` and `apt-get source
--download-only` bring). Each image file in them goes to OUT/ARCHIVE/path. Files with the bytes of an earlier one, above
`LARGEST` bytes, or without any are left out. Prints how many files came from each archive.
"""

from __future__ import annotations

import argparse
import hashlib
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bench.peers import files

LARGEST = 30 * 1024**2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers.corpus", description=__doc__)
    parser.add_argument("archives", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    seen = set[bytes]()
    for archive in sorted(path for path in options.archives.rglob("*") if path.is_file()):
        count = sum(_keep(options.out / _stem(archive.name), *each, seen) for each in _members(archive))
        if count:
            print(f"{count:6} {archive.name}")


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of an archive's regular files; none if it is no archive."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as whole:
            for entry in whole.infolist():
                if not entry.is_dir() and entry.file_size <= LARGEST:
                    yield entry.filename, whole.read(entry)
        return
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isreg() and member.size <= LARGEST and (data := tar.extractfile(member)):
                    yield member.name, data.read()
    except tarfile.ReadError:
        return


def _keep(folder: Path, name: str, data: bytes, seen: set[bytes]) -> bool:
    digest = hashlib.sha256(data).digest()
    if digest in seen or not files.is_picture(name, data):
        return False
    seen.add(digest)
    path = folder.joinpath(*(part for part in PurePosixPath(name).parts[1:] if part not in ("..", "/")))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return True


def _stem(name: str) -> str:
    for ending in (".tar.gz", ".tar.xz", ".tar.bz2", ".tgz", ".zip"):
        name = name.removesuffix(ending)
    return name


if __name__ == "__main__":
    main()
