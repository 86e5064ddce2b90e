"""The function `render`: makes one rendition of a file's ladder, or gets one entry's bytes, when it is first asked for.

`first_requests` has the rest: who asks, how it is answered, and that each rendition is made only once.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from typing import Any

from chalicelib.catalog import actors
from chalicelib.delivery import missing
from chalicelib.delivery.disposition import content_disposition
from chalicelib.delivery.missing import Entry, Picture, Wanted
from chalicelib.model import ErrorCode, File, PermanentFault, Rendition, original_key
from chalicelib.processing import entry_bytes, first_requests, kinds
from chalicelib.processing.kinds import OfNoKindError, Order, Processor, Source
from chalicelib.processing.pipeline import memory_bytes
from chalicelib.processing.reading import open_by_ranges
from chalicelib.renditions import places
from chalicelib.renditions.ladder import Size
from chalicelib.renditions.recipes import Encoding, Recipe
from chalicelib.storage import derived, originals

# Bytes. A master of 6.5 megapixels can't have more, whatever it shows.
MAX_MASTER = 32 * 1024**2


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A viewer's request, or an address, as `first_requests.handle` says. `stream` makes what lies below `av/`."""
    actors.begin(context.aws_request_id)
    return first_requests.handle(event, context, RENDER)


def _store(address: missing.Address, file: File, wanted: Wanted) -> derived.Derived:
    """Makes a picture or an entry, and stores it."""
    if isinstance(wanted, Entry):
        entry = entry_bytes.read(file, wanted.number)
        return derived.put_for_a_day(address.key, entry.body, content_disposition(entry.filename, inline=False))
    assert isinstance(wanted, Picture)
    source = _source(file)
    rendition, encoded = render_one(
        kinds.processor_of(source.content_type),
        source,
        places.served_recipe(file),
        wanted.size,
        wanted.encoding,
        wanted.page,
    )
    return derived.put(address.key, encoded, rendition.content_type)


def _source(file: File) -> Source:
    """What the file's pictures are made of: the original, or the master of a film or a sound."""
    if master := places.master_of(file):
        stored = derived.read(places.key_of(file, master), MAX_MASTER)
        if stored is None or stored.body is None:
            raise originals.OriginalMissingError(master.basename)
        return Source(master.content_type, len(stored.body), BytesIO(stored.body), file.filename)
    return source_of(file, kinds.processor_of(file.content_type))


def source_of(file: File, processor: Processor) -> Source:
    """The file's original, in memory or by ranges. Raises OriginalMissingError."""
    key, version_id, size = original_key(file.tenant, file.id), file.version_id or "", file.size or 0
    if size > processor.in_memory:
        return Source(file.content_type, size, open_by_ranges(processor, key, version_id, size), file.filename)
    with originals.open_version(key, version_id).body as body:
        return Source(file.content_type, size, BytesIO(body.read(processor.in_memory)), file.filename)


def render_one(
    processor: Processor, source: Source, recipe: Recipe, size: Size, encoding: Encoding, page: int = 1
) -> tuple[Rendition, bytes]:
    """Makes one size in one encoding, with exactly the pixels that the file's other formats of that size have.

    So the processor goes through all sizes from the largest down, and encodes only this one. Resizing straight to a
    small size would be quicker, but it would be another picture, and another cut-out, than its WebP.

    Raises PermanentFault.
    """
    made: list[tuple[Rendition, bytes]] = []
    alone = replace(recipe, encodings=(encoding,), on_demand=())
    order = Order(alone, memory_bytes(), only=size.name, page=page)
    with suppress(OfNoKindError):
        processor.process(source, order, lambda *each: made.append(each))
    if not made:
        raise PermanentFault(ErrorCode.UNSUPPORTED_TYPE, f"No {size.name} is made of {source.content_type} any more.")
    return made[0]


RENDER = first_requests.Function("render", missing.find, _store)
