"""The record's facts about an image: those of the file, and what can be seen in its pixels."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from PIL import Image

from chalicelib.processing.image import fingerprints, placeholders
from chalicelib.processing.image.blurhash import blurhash
from chalicelib.processing.image.color import color_space, on_paper
from chalicelib.processing.image.decode import Decoded
from chalicelib.processing.image.resize import fitted, resized


def of_file(decoded: Decoded) -> dict[str, Any]:
    """Facts that need no look at the pixels."""
    return {
        "width": decoded.width,
        "height": decoded.height,
        "format": decoded.format,
        "exif": decoded.exif,
        "frames": decoded.frames,
        "duration": decoded.animation.duration if decoded.animation and decoded.frames > 1 else None,
        "megapixels": round(decoded.width * decoded.height / 1e6, 2),
        "color_space": color_space(decoded.profile, decoded.pixels.mode),
        "has_alpha": decoded.pixels.mode in ("LA", "RGBA"),
        **decoded.words,
    }


def of_pixels(smallest: Image.Image, overview: Image.Image | None) -> dict[str, Any]:
    """Placeholders and palette from the smallest size, which shows what the recipe shows; fingerprints from `overview`.

    `overview` is the whole image, and large enough for `fingerprints.SHARPNESS_SIDE` where the image itself is. Without
    it, only the fields are found that every `ImageInfo` has.
    """
    small = resized(smallest, fitted(*smallest.size, placeholders.MAX_SIDE)).convert("RGBA")
    rgba = small.tobytes()
    found = {
        "thumbhash": b64encode(placeholders.thumbhash(*small.size, rgba)).decode(),
        "dominant_color": placeholders.dominant_color(rgba),
    }
    if overview is None:
        return found
    grey = (on_paper(overview) if overview.mode == "RGBA" else overview).convert("L")
    return found | {
        "blurhash": blurhash(*small.size, on_paper(small).tobytes()),
        "palette": fingerprints.palette(rgba),
        "phash": fingerprints.phash(grey),
        "sharpness": fingerprints.sharpness(grey),
    }
