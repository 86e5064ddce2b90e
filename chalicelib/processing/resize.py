"""The first resize: from decoded pixels to the largest that is needed of them, in sRGB and upright."""

from __future__ import annotations

from concurrent.futures import Executor
from itertools import pairwise

from PIL import Image

from chalicelib.processing.color import to_srgb, transform_to_srgb
from chalicelib.processing.decode import as_seen

LANCZOS = Image.Resampling.LANCZOS
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_STRIPS = 2  # Fixed, not by the processors: the seam may differ by one level from one strip's


def first_resize(
    source: Image.Image, orientation: int, profile: bytes | None, target: tuple[int, int], pool: Executor
) -> Image.Image:
    """Decoded pixels at the target size (as seen), upright, in L, RGB or RGBA, their colours sRGB, no metadata.

    `source` has one of the modes of `color.eight_bit`, its colours those of `profile` (ICC).
    """
    size = as_seen(target, orientation)
    transform = transform_to_srgb(profile, source.mode)
    mode = source.mode
    if mode in ("LA", "RGBA") and source.size != size:
        source = source.convert(
            mode[:-1] + "a"
        )  # premultiplied, as `resize` would for each strip; else clear bleeds into edges

    def strip(top: int, bottom: int) -> Image.Image:
        """These rows of the result. The filter reads across the box's border, so strips meet without a seam."""
        box = (0.0, top * source.height / size[1], float(source.width), bottom * source.height / size[1])
        rows = (
            source.resize((size[0], bottom - top), LANCZOS, box)
            if source.size != size
            else source.crop((0, top, size[0], bottom))
        )
        return to_srgb(rows if rows.mode == mode else rows.convert(mode), transform)

    edges = [size[1] * n // _STRIPS for n in range(_STRIPS + 1)]
    tops_and_bottoms = [(top, bottom) for top, bottom in pairwise(edges) if top < bottom]
    strips = list(pool.map(lambda rows: strip(*rows), tops_and_bottoms))
    result = Image.new(strips[0].mode, size)
    for (top, _), rows in zip(tops_and_bottoms, strips, strict=True):
        result.paste(rows, (0, top))
    return result.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else result
