"""Archives: how many entries, how large unpacked, encrypted or not, and dangers. `entries.json` lists what is inside.

A ZIP archive is listed from its directory. A tar archive is read from beginning to end, and unpacked on the way if it
is compressed; a file that is only compressed has one entry. 7z and RAR are recognised, and no more. Nothing is unpacked
to be kept, and nothing inside an entry is looked at.
"""

from __future__ import annotations

from typing import Any

from chalicelib.facts import ArchiveInfo
from chalicelib.model import ErrorCode, FileWarning, PermanentFault
from chalicelib.processing import entries
from chalicelib.processing.archive import tars, unpacking, zips
from chalicelib.processing.archive.listing import DamagedError, Listing, TooMuchError
from chalicelib.processing.archive.unpacking import Unpacked
from chalicelib.processing.content_types import one_name
from chalicelib.processing.entries import Entry
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.storage.ranged import TooMuchReadError

_ZIPS = {
    "application/zip": "zip",
    "application/java-archive": "jar",
    "application/vnd.android.package-archive": "apk",
}
_ONLY_RECOGNISED = {
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
}

_PIECE = 1024**2


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Raises PermanentFault `corrupt` where the archive's own format shows that it is damaged."""
    name = one_name(source.content_type)
    if order.only is not None:
        return Made()
    if name in _ONLY_RECOGNISED:
        message = "Archives of this format are stored, but not listed."
        return Made(
            ArchiveInfo(format=_ONLY_RECOGNISED[name]), warnings=(FileWarning(code="not_listed", message=message),)
        )
    listing, cut = _listed(source, _ZIPS.get(name))
    rendition, body, listed = entries.rendition(listing.entries)
    emit(rendition, body)
    if cut is None and listing.count != listed:
        cut = f"Only the first {listed} entries were listed."
    warnings = (FileWarning(code="entries_cut", message=cut),) if cut else ()
    info = ArchiveInfo(
        format=listing.format,
        entries=listing.count,
        unpacked_size=listing.unpacked_size,
        encrypted=listing.encrypted,
        flags=sorted(listing.flags),
    )
    return Made(info, text="\n".join(listing.names), warnings=warnings)


def _listed(source: Source, zip_format: str | None) -> tuple[Listing, str | None]:
    """The listing, and a sentence that says why it is not complete, if it is not."""
    listing = Listing(zip_format or "tar")
    try:
        if zip_format:
            zips.read(source.data, source.size, listing)
        else:
            _read_stream(source, listing)
    except DamagedError as damage:
        raise PermanentFault(ErrorCode.CORRUPT, str(damage)) from None
    except TooMuchError as much:
        return listing, str(much)
    except TooMuchReadError:
        return listing, "Only the first entries were listed, because the archive is very large."
    return listing, None


def _read_stream(source: Source, listing: Listing) -> None:
    source.data.seek(0)
    head = source.data.read(512)
    source.data.seek(0)
    packing = unpacking.format_of(head)
    if packing is None:
        tars.read(source.data, source.size, listing)
        return
    listing.format = packing
    unpacked: Any = Unpacked(source.data, packing)
    if tars.is_tar(unpacked.read(512)):
        listing.format = f"tar.{packing}"
        tars.read(Unpacked(source.data, packing), source.size, listing)
    else:
        _read_single(source, packing, listing, unpacked)


def _read_single(source: Source, packing: str, listing: Listing, unpacked: Unpacked) -> None:
    """A file that is only compressed: its length is known when all of it was unpacked."""
    name = source.filename.removesuffix(f".{packing}")
    flags = entries.flags_of_name(name)
    size: int | None = None
    try:
        while unpacked.read(_PIECE):
            pass
        size = unpacked.tell()
    finally:
        if entries.is_bomb(unpacked.tell(), source.size):
            flags.append("ratio")
        listing.add(Entry(entries.shown_name(name), size=size, packed_size=source.size, flags=tuple(flags)))
        listing.ends(1, size)
