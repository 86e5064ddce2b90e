"""`python -m bench.sniffing FOLDER… [--magika COMMAND]`: our types beside those that `file` and Google's magika find.

Prints how many files all agree on, and each sort of disagreement with a count and an example. Neither oracle is the
truth: magika guesses by a model, and `file` takes many texts for programs. A person judges the list; what is decided
becomes a small case in tests/processing/sniffing.

magika is no dependency of ours: put it into an environment of its own, and give the path of its command.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import batched
from pathlib import Path
from typing import Any

from chalicelib.model import Kind
from chalicelib.processing import sniff
from chalicelib.processing.content_types import one_name, settled
from chalicelib.processing.kinds import processor_of

_AT_ONCE = 500  # files of one run of an oracle

# Other names of the oracles for our types. An empty one: they say no more than "data".
_NAMES = {
    "application/gzip": "application/gzip",
    "application/x-rpm": "",
    "application/vnd.microsoft.portable-executable": "",
    "application/undefined": "",
    "inode/x-empty": "",
    "application/x-bytecode.python": "",
    "application/vnd.font-fontforge-sfd": "text/plain",
    "application/vnd.ms-opentype": "font/otf",
    "application/x-cdf": "application/x-ole-storage",
    "application/CDFV2": "application/x-ole-storage",
    "application/x-wine-extension-ini": "text/plain",
    "application/x-msi": "application/x-ole-storage",
    "message/news": "message/rfc822",
    "application/x-setupscript": "text/plain",
    "application/x-mswinurl": "text/plain",
    "application/x-bat": "text/plain",
    "application/x-gettext-translation": "",
    "image/x-xpixmap": "text/plain",
    "image/x-xbitmap": "text/plain",
    "application/postscript": "text/plain",
    "application/x-sh": "text/x-script",
    "audio/x-wav": "audio/wav",
    "application/x-lz4+json": "",
}


def ours(path: Path) -> str | None:
    """The type that a record would get if the client declared none."""
    with path.open("rb") as data:
        head = data.read(sniff.SNIFF_BYTES)
        found = sniff.inside(sniff.sniff(head), head, data)
    text = sniff.text_type(head, whole=path.stat().st_size <= len(head)) if found is None else None
    return settled("", found, text) or None


def kind_of(content_type: str | None) -> Kind:
    """The kind of a type; SVG, which has a processor of its own, is an image. Names of the oracles are translated."""
    if not content_type:
        return Kind.OTHER
    name = _NAMES.get(content_type, content_type)
    return Kind.IMAGE if one_name(name) == "image/svg+xml" else processor_of(name).kind


_SORTS = frozenset(
    {
        *("text/html", "application/xhtml+xml", "application/xml", "image/svg+xml", "application/json"),
        *("application/x-ndjson", "text/csv", "text/tab-separated-values", "message/rfc822", "text/vtt"),
        "application/x-subrip",
    }
)


def sort_of(content_type: str | None) -> str:
    """The sorts of text that contents tell; all others are `text/plain`."""
    name = one_name(content_type or "")
    return name if name in _SORTS else "application/xml" if name.endswith("+xml") else "text/plain"


def files(folders: list[Path], most: int) -> list[Path]:
    """Regular files below the folders, no two with the same name and size, at most `most` of one ending."""
    found: list[Path] = []
    seen, counted = set[tuple[str, int]](), defaultdict[str, int](int)
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file() or not os.access(path, os.R_OK):
                continue
            key = (path.name, path.stat().st_size)
            if key in seen or not key[1] or counted[path.suffix] >= most:
                continue
            seen.add(key)
            counted[path.suffix] += 1
            found.append(path)
    return found


def by_file(paths: list[Path]) -> Iterator[str]:
    for some in batched(paths, _AT_ONCE, strict=False):
        command = ["file", "--brief", "--mime-type", "--no-pad", "-E", *map(str, some)]
        yield from subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def by_magika(paths: list[Path], command: str) -> Iterator[str]:
    for some in batched(paths, _AT_ONCE, strict=False):
        answer = subprocess.run([command, "--jsonl", *map(str, some)], capture_output=True, text=True, check=True)
        for line in answer.stdout.splitlines():
            output = json.loads(line)["result"]["value"]["output"]
            plain = output["is_text"] and output["mime_type"].startswith(("application/", "text/"))
            named = one_name(output["mime_type"])
            yield "text/plain" if plain and processor_of(named).kind is Kind.OTHER else output["mime_type"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.sniffing", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--magika", help="the path of magika's command")
    parser.add_argument("--most", type=int, default=150, help="files of one ending (default: 150)")
    options = parser.parse_args()
    paths = files(options.folders, options.most)
    mine = [ours(path) for path in paths]
    oracles = [list(by_file(paths))]
    if options.magika:
        oracles.append(list(by_magika(paths, options.magika)))
    rows = list(zip(paths, mine, *oracles, strict=True))
    print("ours · file" + (" · magika" if options.magika else ""))
    _show("the kind", kind_of, rows)
    _show("the sort of text", sort_of, [row for row in rows if kind_of(row[1]) in (Kind.TEXT, Kind.EMAIL)])
    return 0


def _show(what: str, view: Callable[[str | None], str], rows: list[tuple[Any, ...]]) -> None:
    """The files on which not all agree, by what each one says."""
    differ = defaultdict[tuple[str, ...], list[Path]](list)
    for path, *names in rows:
        if len({view(name) for name in names}) > 1:
            differ[tuple(name or "-" for name in names)].append(path)
    many = sum(map(len, differ.values()))
    print(f"\n{len(rows)} files: all agree on {what} of {len(rows) - many}; {len(differ)} sorts of disagreement")
    for said, examples in sorted(differ.items(), key=lambda each: -len(each[1])):
        print(f"{len(examples):5} {' · '.join(said)}  {examples[0]}")


if __name__ == "__main__":
    raise SystemExit(main())
