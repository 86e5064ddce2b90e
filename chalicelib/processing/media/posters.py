"""The pictures of films and sounds: a poster in the recipe's widths and formats, and a moving preview.

Each has a master, the rendition `poster`, of which all pictures of the ladder are made: those at once, and those that
the function `render`, which has no FFmpeg, makes when they are first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.model import FileWarning, PermanentFault, Preview, Rendition
from chalicelib.processing import child
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.kinds import Emit, Order, Source
from chalicelib.processing.media import engine, words
from chalicelib.processing.pictures import emit_pictures
from chalicelib.renditions.places import MASTER
from chalicelib.settings import settings
from chalicelib.storage.ranged import Ranged

if TYPE_CHECKING:
    from PIL import Image

# Key frames at seven places, and two runs of MOST_DECODED pixels: about 10 s of one processor.
LIMITS = Limits(memory=1024**3, seconds=20)

# Bounds of the master: pixels across, if the recipe asks for no less, and pixels in all. 1920 x 3413 is within them.
MAX_WIDTH = 2560
MAX_PIXELS = 2560 * 2560

# The moving preview: pixels across and in all, and bytes.
PREVIEW_WIDTH = 320
PREVIEW_PIXELS = 320 * 320
PREVIEW_BYTES = 1024**2

# Bytes of a large film that may be read until its pictures are made. The reader allows a few more (kinds.PROCESSORS).
ALL_BYTES = 9_000_000
LEAST_BYTES = 4_000_000  # the plan is made before, and may have needed all others
IN_MEMORY = 1024**3  # that of a small one cost nothing

_CHILD = "chalicelib.processing.media.pictures_child"
_WEBP = "image/webp"


@dataclass(frozen=True)
class Pictures:
    """What became of a film's pictures. `time` of the frame that the poster is, in seconds."""

    preview: Preview | None = None
    time: float | None = None
    warnings: tuple[FileWarning, ...] = ()


def of_film(source: Source, found: words.Found, order: Order, emit: Emit) -> Pictures:
    """The poster and the moving preview. `found` is what `engine.facts` says. A film without a picture has its cover.

    A film that can't be shown has a warning.
    """
    picture = found.get("video")
    if not settings().has_media or (picture and "decoded" not in picture):
        return Pictures()  # there is no FFmpeg, or the film was too much for it; a warning says so already
    if not picture:
        preview = cover(source, found, order, emit)
        return Pictures(preview, warnings=() if preview or not found.get("cover") else (_none("The cover"),))
    width, height = words.shown(picture)
    if not (width and height):
        return Pictures(warnings=(_none("This film"),))
    try:
        header, body = child.run_on(
            _CHILD, source.data, source.size, _wanted(source, found, order, (width, height)), LIMITS
        )
        if not header:
            return Pictures(warnings=(_none("This film"),))
        return _shown(header, body, picture, order, emit)
    except (ChildDiedError, PermanentFault):
        return Pictures(warnings=(_none("This film"),))


def cover(source: Source, found: words.Found, order: Order, emit: Emit) -> Preview | None:
    """The pictures of the cover in a film or a sound; None if it has none, or none that can be shown."""
    if not found.get("cover") or not settings().has_media:
        return None
    try:
        wanted = {**engine.opening(source), "cover": True}
        _, picture = child.run_on(_CHILD, source.data, source.size, wanted, LIMITS)
        return of_file(picture, order, emit) if picture else None
    except (ChildDiedError, PermanentFault):
        return None


def of_file(picture: bytes, order: Order, emit: Emit) -> Preview:
    """The master and the pictures of an image file, which may be hostile. Raises PermanentFault."""
    from chalicelib.processing.image import master

    image = master.of_file(picture, memory=order.memory, width=_width(order), pixels=MAX_PIXELS)
    return _emitted(image, order, emit)


def _wanted(source: Source, found: words.Found, order: Order, shown: tuple[int, int]) -> dict[str, Any]:
    from chalicelib.processing.image.master import bounded

    turned = found["video"]["rotation"] in (90, 270)
    poster = bounded(*shown, _width(order), MAX_PIXELS)
    small = bounded(*shown, PREVIEW_WIDTH, PREVIEW_PIXELS) if order.recipe.widths else None
    return {
        **engine.opening(source),
        "cover": False,
        "bytes": _bytes(source),
        "poster": poster[::-1] if turned else poster,
        "preview": small[::-1] if small and turned else small,
        # Without an index a moment can only be found from its restarts.
        "duration": words.duration(found) if found.get("restarts") or not found.get("unindexed") else None,
        "bit_rate": found.get("bit_rate"),
        "frame_rate": found["video"].get("frame_rate"),
        "interlaced": found["video"]["interlaced"],
        "time": order.poster_time,
        "unindexed": found.get("unindexed", False),
        "index": found["index"],
        "track": found["video"]["track"],
        "restarts": found.get("restarts"),
        "size": source.size,
    }


def _width(order: Order) -> int:
    """Pixels across of the master: no more than the recipe's pictures need. A crop may need more than its width."""
    return MAX_WIDTH if order.recipe.aspect else min(MAX_WIDTH, max(order.recipe.widths, default=MAX_WIDTH))


def _bytes(source: Source) -> int:
    if not isinstance(source.data, Ranged):
        return IN_MEMORY
    return max(LEAST_BYTES, ALL_BYTES - source.data.read_bytes)


def _shown(header: dict[str, Any], body: bytes, film: dict[str, Any], order: Order, emit: Emit) -> Pictures:
    from chalicelib.processing.image import master

    images: list[tuple[Image.Image, float]] = []
    at, mode = 0, header["mode"]
    for width, height, milliseconds in header["frames"]:
        end = at + width * height * len(mode)
        image = master.of_pixels(body[at:end], mode, (width, height), film["rotation"], mirrored=film["mirrored"])
        images.append((image, milliseconds))
        at = end
    (poster, _), *moving = images
    preview = _emitted(poster, order, emit)
    warnings = () if len(moving) < 2 or _emit_moving(moving, emit) else (_none("The moving preview"),)
    return Pictures(preview, header["time"], warnings)


def _emitted(image: Image.Image, order: Order, emit: Emit) -> Preview:
    from chalicelib.processing.image import master

    encoded = master.stored(image)
    preview = emit_pictures(encoded, order, emit)
    if order.recipe.widths:
        emit(_rendition(MASTER, image, encoded), encoded)
    return preview


def _emit_moving(frames: list[tuple[Image.Image, float]], emit: Emit) -> bool:
    from chalicelib.processing.image import master

    if (encoded := master.moving(frames, PREVIEW_BYTES)) is None:
        return False
    seconds = round(sum(milliseconds for _, milliseconds in frames) / 1000, 3)
    emit(_rendition("preview", frames[0][0], encoded).model_copy(update={"duration": seconds}), encoded)
    return True


def _rendition(name: str, image: Image.Image, encoded: bytes) -> Rendition:
    width, height = image.size
    return Rendition(name=name, format="webp", content_type=_WEBP, width=width, height=height, size=len(encoded))


def _none(what: str) -> FileWarning:
    return FileWarning(code="no_preview", message=f"{what} can't be shown.")
