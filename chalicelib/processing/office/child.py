"""The child's side: reads an Office file (see `processing.child`).

The header that `main` returns has `facts`, `headings`, `encrypted`, `unread` (why the text is not whole), or `damaged`:
the reason why nobody can read the file. The body is the text in UTF-8, and after `text` bytes the file's own picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.processing.compound import SIGNATURE
from chalicelib.processing.office import epub, opendocument, openxml, rtf
from chalicelib.processing.office.found import DamagedError, EncryptedError, Found, UnreadableError
from chalicelib.processing.office.ole import read_properties


def main(data: bytes, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """`arguments`: the `reader` of the file's format, and `cells`, false to leave out the cells of sheets."""
    found, header = Found(), dict[str, Any]()
    try:
        _read(data, arguments["reader"], arguments["cells"], found)
    except DamagedError as error:
        return {"damaged": str(error)}, b""
    except EncryptedError:
        header["encrypted"] = True
    except UnreadableError as error:
        found.unread = f"The text was not read, because {error}."
    # RTF has characters above 0xFFFF in two halves.
    text = found.text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    body = text.encode("utf-8", "replace")
    header |= {"facts": found.facts, "headings": found.headings, "unread": found.unread, "text": len(body)}
    return header, body + found.picture


def _read(data: bytes, reader: str, cells: bool, found: Found) -> None:
    if data.startswith(SIGNATURE) and reader not in ("xls", "old"):
        reader = "old"  # the encrypted wrapping of a modern file
    if reader in _READERS:
        _READERS[reader](data, found)
        return
    # calamine and the types of columns take a moment to import.
    from chalicelib.processing.office import sheets

    by_name = {
        "xlsx": sheets.read_open_xml,
        "xlsb": sheets.read_binary_xml,
        "ods": sheets.read_open_document,
        "xls": sheets.read_old,
    }
    by_name[reader](data, found, cells=cells)


def _read_old(data: bytes, found: Found) -> None:
    read_properties(data, found)
    raise UnreadableError("only the properties of this old format are read")


_READERS: dict[str, Callable[[bytes, Found], None]] = {
    "docx": openxml.read_document,
    "pptx": openxml.read_deck,
    "odt": opendocument.read_document,
    "odp": opendocument.read_deck,
    "epub": epub.read_book,
    "rtf": rtf.read_document,
    "old": _read_old,
}
