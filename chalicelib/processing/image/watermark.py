"""Sets a recipe's mark on its renditions: a picture of the operator's, or a line of text."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from chalicelib.renditions.recipes import WATERMARKS, Watermark

_FONT_SIZE = 96  # pixels, at which text is drawn before it is scaled


def marked(image: Image.Image, watermark: Watermark | None) -> Image.Image:
    """A copy with the mark on it; the image itself without a watermark, or if it is too small for one.

    `image` is L, RGB or RGBA. The mark has colour, so L becomes RGB. The mark also shows over clear pixels.
    """
    if watermark is None or min(image.size) < watermark.min_side:
        return image
    stamp = _stamp(watermark, *image.size)
    across, down = _place(watermark, image.size, stamp.size)
    if image.mode == "RGBA":
        return _over(image, stamp, (across, down))
    result = image.convert("RGB") if image.mode != "RGB" else image.copy()
    result.paste(stamp.convert("RGB"), (across, down), stamp.getchannel("A"))
    return result


def _over(image: Image.Image, stamp: Image.Image, at: tuple[int, int]) -> Image.Image:
    result = image.copy()
    result.alpha_composite(stamp, at)
    return result


@lru_cache(maxsize=16)
def _stamp(watermark: Watermark, width: int, height: int) -> Image.Image:
    """The mark for an image of this size (pixels), in RGBA; its opacity is in its alpha."""
    drawn = _text(watermark.text) if watermark.text else _picture(watermark.image)
    margin = _margin(watermark, (width, height))
    room = max(1, round(watermark.width * width)), max(1, height - 2 * margin)
    scale = min(room[0] / drawn.width, room[1] / drawn.height)
    size = max(1, round(drawn.width * scale)), max(1, round(drawn.height * scale))
    stamp = drawn.resize(size, Image.Resampling.LANCZOS)
    stamp.putalpha(stamp.getchannel("A").point(lambda alpha: round(alpha * watermark.opacity)))
    return stamp


def _picture(name: str) -> Image.Image:
    with Image.open(WATERMARKS / name, formats=("PNG", "WEBP")) as picture:
        return picture.convert("RGBA")


def _text(text: str) -> Image.Image:
    """White with a dark rim, so that it can be read on any picture; in the font that comes with Pillow."""
    font = ImageFont.load_default(_FONT_SIZE)
    rim = _FONT_SIZE // 24
    left, top, right, bottom = font.getbbox(text, stroke_width=rim)
    drawn = Image.new("RGBA", (max(1, round(right - left)), max(1, round(bottom - top))), (0, 0, 0, 0))
    ImageDraw.Draw(drawn).text((-left, -top), text, "white", font, stroke_width=rim, stroke_fill="black")
    return drawn


def _margin(watermark: Watermark, size: tuple[int, int]) -> int:
    return round(watermark.margin * min(size))


def _place(watermark: Watermark, size: tuple[int, int], stamp: tuple[int, int]) -> tuple[int, int]:
    """Left and top of the mark, inside the image."""
    margin = _margin(watermark, size)
    words = watermark.position.split("-")
    left = margin if "left" in words else size[0] - stamp[0] - margin if "right" in words else (size[0] - stamp[0]) // 2
    top = margin if "top" in words else size[1] - stamp[1] - margin if "bottom" in words else (size[1] - stamp[1]) // 2
    return max(0, min(left, size[0] - stamp[0])), max(0, min(top, size[1] - stamp[1]))
