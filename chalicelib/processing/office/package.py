"""A zip archive of XML parts, which most Office files are. Parts are read within bounds, and nothing is unpacked."""

from __future__ import annotations

import posixpath
import zlib
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import unquote
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile, ZipInfo

from chalicelib.processing.office.found import DamagedError, EncryptedError, UnreadableError

MAX_ENTRIES = 10_000

# Bytes of a part that is parsed here. Above RATIO_FROM bytes it may be at most MAX_RATIO times as long as compressed.
MAX_PART = 50 * 1024**2
RATIO_FROM = 1024**2
MAX_RATIO = 200

MAX_PICTURE = 10 * 1024**2

CHUNK = 64 * 1024

_BROKEN = (BadZipFile, zlib.error, EOFError, OSError, ValueError, OverflowError)
_SEPARATOR = " "  # between an element's namespace and its name


class Package:
    def __init__(self, data: bytes) -> None:
        """Raises DamagedError, and UnreadableError for more than MAX_ENTRIES entries."""
        try:
            self._archive = ZipFile(BytesIO(data))
        except _BROKEN as error:
            raise DamagedError("its zip archive has no directory") from error
        except NotImplementedError as error:
            raise UnreadableError("its zip archive needs a newer program") from error
        self.infos = {info.filename: info for info in self._archive.infolist()}
        if len(self._archive.filelist) > MAX_ENTRIES:
            raise UnreadableError(f"it has more than {MAX_ENTRIES:,} parts")

    def __contains__(self, name: str) -> bool:
        return name in self.infos

    def chunks(self, name: str, most: int = MAX_PART) -> Generator[bytes]:
        """A part's bytes. Raises DamagedError, EncryptedError, and UnreadableError for more than `most` bytes."""
        info = self.infos.get(name)
        if info is None:
            raise DamagedError(f"its part {_shown(name)} is missing")
        self.check(info, most)
        try:
            with self._archive.open(info) as part:
                while chunk := part.read(CHUNK):
                    yield chunk
        except _BROKEN as error:
            raise DamagedError(f"its part {_shown(name)} can't be unpacked") from error
        except (NotImplementedError, LookupError) as error:
            raise UnreadableError(f"its part {_shown(name)} is compressed in an unknown way") from error
        except RuntimeError as error:  # so zipfile says that it wants a password
            raise EncryptedError from error

    def check(self, info: ZipInfo, most: int) -> None:
        """Raises UnreadableError for a part that is too large, or larger than its compressed bytes should be."""
        if info.file_size > most:
            raise UnreadableError(f"its part {_shown(info.filename)} has more than {most // 1024**2} MiB")
        if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * info.compress_size:
            raise UnreadableError(f"its part {_shown(info.filename)} is compressed more than {MAX_RATIO} times")

    def picture(self, name: str) -> bytes:
        """The bytes of a PNG or JPEG; nothing if there is none, or it can't be read. Nobody decodes it here."""
        if name not in self:
            return b""
        with suppress(DamagedError, UnreadableError, EncryptedError):
            data = b"".join(self.chunks(name, MAX_PICTURE))
            if data.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff")):
                return data
        return b""

    def parse(self, name: str, handler: Handler, *, doctype: bool = False) -> None:
        """Reads a part as XML. Raises as `chunks` does, and DamagedError for what is no XML."""
        parse(self.chunks(name), handler, _shown(name), doctype=doctype)

    def parse_prolog(self, name: str, most: int, *, doctype: bool = False) -> None:
        """Checks the size of a part that another library reads, and what stands before its first element.

        A document type declaration can stand there only. Raises as `parse` does.
        """
        with closing(self.chunks(name, most)) as chunks:
            parse(chunks, _Prolog(), _shown(name), doctype=doctype)

    def glance(self, name: str, handler: Handler, *, doctype: bool = False) -> None:
        """Reads a part without which the file is sound. One that is missing or can't be read is passed over."""
        if name in self:
            with suppress(DamagedError, UnreadableError):
                self.parse(name, handler, doctype=doctype)


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:100])


class StopParsing(Exception):  # noqa: N818 - no error: a handler has seen enough
    pass


class Handler:
    """Takes the events of a parser. Names are local ones, without a namespace; so are the names of attributes.

    An attribute with a namespace is also there as `namespace name`. A handler raises StopParsing to see no more.
    """

    def start(self, name: str, attributes: dict[str, str]) -> None:
        pass

    def end(self, name: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass

    def skipped(self, entity: str) -> None:
        """A named entity that the document does not declare: HTML's `nbsp`, for example."""


class _Prolog(Handler):
    def start(self, name: str, attributes: dict[str, str]) -> None:
        raise StopParsing


def parse(chunks: Iterable[bytes], handler: Handler, name: str, *, doctype: bool) -> None:
    """No entity is ever replaced, and no other file is read.

    Raises DamagedError for what is no XML. Open XML forbids document type declarations (ECMA-376 part 2, 6.2.5), so
    without `doctype` they are damage; with it, declared entities raise UnreadableError.
    """
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler = _start_of(handler.start)
    parser.EndElementHandler = lambda full: handler.end(full.rpartition(_SEPARATOR)[2])
    parser.CharacterDataHandler = handler.text
    parser.SkippedEntityHandler = lambda entity, is_parameter: None if is_parameter else handler.skipped(entity)
    parser.StartDoctypeDeclHandler = None if doctype else _refuse_doctype(name)
    parser.EntityDeclHandler = _refuse_entities(name)
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except StopParsing:
        pass
    # LookupError and ValueError: an encoding that nobody knows, or that expat can't read.
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise DamagedError(f"its part {name} is no XML") from error


def _start_of(start: Callable[[str, dict[str, str]], None]) -> Callable[[str, dict[str, str]], None]:
    def called(full: str, attributes: dict[str, str]) -> None:
        for key in [key for key in attributes if _SEPARATOR in key]:
            attributes.setdefault(key.rpartition(_SEPARATOR)[2], attributes[key])
        start(full.rpartition(_SEPARATOR)[2], attributes)

    return called


def _refuse_doctype(name: str) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise DamagedError(f"its part {name} has a document type declaration, which Open XML forbids")

    return refuse


def _refuse_entities(name: str) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise UnreadableError(f"its part {name} declares entities")

    return refuse


# --- parts that name other parts, as Open XML has them


@dataclass(frozen=True)
class Relation:
    """One part names another: by `id`, as what `kind` it is, and where it stands in the archive."""

    id: str
    kind: str
    target: str


class _Relations(Handler):
    def __init__(self, folder: str) -> None:
        self.folder, self.found = folder, list[Relation]()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            kind = attributes.get("Type", "").rpartition("/")[2]
            target = resolved(self.folder, attributes.get("Target", ""))
            self.found.append(Relation(attributes.get("Id", ""), kind, target))


def relations(package: Package, part: str) -> list[Relation]:
    """The parts that a part names; `""` is the package itself."""
    folder, name = posixpath.split(part)
    path = posixpath.join(folder, "_rels", f"{name}.rels")
    if path not in package:
        return []
    handler = _Relations(folder)
    package.parse(path, handler)
    return handler.found


def resolved(folder: str, target: str) -> str:
    """The entry's name of a target that is relative to a folder of the archive."""
    path = target.partition("#")[0]
    return posixpath.normpath(posixpath.join("/", folder, unquote(path))).lstrip("/")


class Leaves(Handler):
    """Collects the text of elements without children, by their names: properties of a document."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self._text: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._text = []

    def end(self, name: str) -> None:
        value = "".join(self._text).strip()[:4000]
        if value and len(self.values) < 200:
            self.values.setdefault(name, value)
        self._text = []

    def text(self, data: str) -> None:
        self._text.append(data[:4000])


def number(text: str | None) -> int | None:
    """A count that a file says of itself."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
