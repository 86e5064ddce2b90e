"""Resizes images. The first resize goes from decoded pixels to the largest size that is needed, in sRGB and upright.

Where cykooz-resizer (SIMD) is installed, it does the work in a seventh of Pillow's time. Elsewhere Pillow does, as on
arm64, for which there is no wheel. Both use Lanczos with three lobes, eight bits a channel, alpha premultiplied. They
round differently: by one level in at most a third of the samples, and by more (9 were seen) where the filter overshoots
black or white between its two passes. `engine.ENGINE_VERSION` tells them apart. SSE4.1, AVX2 and plain code give the
same bytes.

Without memory Pillow raises MemoryError, but Rust ends the process. decode.py has estimated what it needs.
"""

from __future__ import annotations

from concurrent.futures import Executor
from importlib import import_module
from itertools import pairwise
from typing import Any

from PIL import Image

from chalicelib.processing.image.color import to_srgb, transform_to_srgb
from chalicelib.processing.image.decode import as_seen
from chalicelib.renditions.engine import HAS_RESIZER

# Not in a `try`: if it is installed but could not be loaded, Pillow's pixels would get the addresses of its pixels.
SIMD: Any = import_module("cykooz_resizer") if HAS_RESIZER else None
_SIMD_MODES = frozenset({"L", "RGB", "RGBA", "RGBa", "CMYK"})

_LANCZOS = Image.Resampling.LANCZOS
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_STRIPS = 2  # Fixed, whatever the number of processors: at the seam the pixels may differ by one level.


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """The size with the longer side at most `side`, the shape kept, at least 1 x 1."""
    longest = max(width, height)
    if longest <= side:
        return width, height
    return max(1, round(width * side / longest)), max(1, round(height * side / longest))


def resized(image: Image.Image, size: tuple[int, int], rows: tuple[float, float] | None = None) -> Image.Image:
    """The image, or its `rows` from the first up to the second, at this size (pixels). The filter reads beyond rows."""
    top, bottom = rows or (0.0, float(image.height))
    if SIMD is None or image.mode not in _SIMD_MODES:
        return image.resize(size, _LANCZOS, (0.0, top, float(image.width), bottom))
    made = Image.new(image.mode, size, None)  # not filled, which would take as long as a copy
    options = SIMD.ResizeOptions(
        resize_alg=SIMD.ResizeAlg.convolution(SIMD.FilterType.lanczos3),
        crop_box=SIMD.CropBox(0.0, top, float(image.width), bottom - top),
    )
    try:
        SIMD.Resizer().resize_pil(image, made, options)  # one for each call, because it keeps its buffers
    except Exception:
        raise
    except BaseException as error:  # a panic in Rust, which no `except Exception` catches
        if type(error).__name__ != "PanicException":
            raise
        raise RuntimeError(f"the resizer gave up on {image.size} to {size}, {image.mode}") from error
    return made


def first_resize(
    source: Image.Image, orientation: int, profile: bytes | None, target: tuple[int, int], pool: Executor
) -> Image.Image:
    """Decoded pixels at the target size (as seen), upright, in L, RGB or RGBA, in sRGB, without metadata.

    `source` has one of the modes of `color.eight_bit`, and the colours of `profile` (ICC).
    """
    size = as_seen(target, orientation)
    transform = transform_to_srgb(profile, source.mode)
    mode = source.mode
    if mode in ("LA", "RGBA") and source.size != size:
        # Premultiplied, or clear pixels would bleed into edges. `resize` itself would do it for each strip.
        source = source.convert(mode[:-1] + "a")

    def strip(top: int, bottom: int) -> Image.Image:
        """These rows of the result. The filter reads beyond them, so that strips meet without a seam."""
        if source.size == size:
            rows = source.crop((0, top, size[0], bottom))
        else:
            borders = (top * source.height / size[1], bottom * source.height / size[1])  # exact at the image's end
            rows = resized(source, (size[0], bottom - top), borders)
        return to_srgb(rows if rows.mode == mode else rows.convert(mode), transform)

    edges = [size[1] * n // _STRIPS for n in range(_STRIPS + 1)]
    tops_and_bottoms = [(top, bottom) for top, bottom in pairwise(edges) if top < bottom]
    strips = list(pool.map(lambda rows: strip(*rows), tops_and_bottoms))
    result = Image.new(strips[0].mode, size, None)
    for (top, _), rows in zip(tops_and_bottoms, strips, strict=True):
        result.paste(rows, (0, top))
    return result.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else result
