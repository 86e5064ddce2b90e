"""The child's part of the font processor: FreeType opens the font and draws with it, where it may crash (child.py).

The header that `main` returns has `family`, `style`, `glyphs` (a count) and `scripts`; the body is the specimen as PNG,
empty if none could be drawn.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from io import BytesIO
from itertools import batched, chain, islice
from typing import Any

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1280, 720  # pixels
MARGIN = 64
INK, PAPER, GREY = (32, 34, 37), (255, 255, 255), (110, 114, 120)

# ISO 15924 code → letters that every font of the script has.
SCRIPTS = {
    "Latn": "Aag",
    "Cyrl": "Жбя",
    "Grek": "Ωδλ",
    "Armn": "Աբգ",
    "Geor": "აბგ",
    "Hebr": "אבש",
    "Arab": "ابس",
    "Syrc": "ܐܒܓ",
    "Thaa": "ހށނ",
    "Deva": "अकम",
    "Beng": "অকম",
    "Guru": "ਅਕਮ",
    "Gujr": "અકમ",
    "Orya": "ଅକମ",
    "Taml": "அகம",
    "Telu": "అకమ",
    "Knda": "ಅಕಮ",
    "Mlym": "അകമ",
    "Sinh": "අකම",
    "Thai": "กขค",
    "Laoo": "ກຂຄ",
    "Tibt": "ཀཁག",
    "Mymr": "ကခဂ",
    "Khmr": "កខគ",
    "Mong": "ᠠᠡᠢ",
    "Ethi": "ሀለሐ",
    "Cher": "ᎾᏆᏉ",
    "Cans": "ᐁᐊᐅ",
    "Hang": "가나한",
    "Hira": "あかさ",
    "Kana": "アカサ",
    "Bopo": "ㄅㄆㄇ",
    "Hani": "一人日",
}
# Signs that are shown of a font without letters of these scripts: well-known ones first, then where fonts of symbols
# have theirs, then whatever there is.
_EMOJI = "😀😂😍🤔👍👋❤⭐🔥🎉🌍🌈🐶🐱🍎🍕⚽🚗✈🏠💡📷🎵✅"
_PLACES = (
    *(range(0xF000, 0xF100), range(0xE000, 0xE080), range(0x2600, 0x2640)),
    *(range(0x21, 0xD800), range(0xE000, 0x10000), range(0x1F300, 0x1FB00)),
)
_MOST_SIGNS = 48

# Pixels. Fonts of pictures have one size only, mostly the first of the others.
_SIZES = (40, 109, 136, 128, 160, 96, 72, 64, 48, 32, 20, 16)

_LATIN = (
    (44, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    (44, "abcdefghijklmnopqrstuvwxyz"),
    (44, "0123456789 !?&@%.,:;()"),
    (30, "The quick brown fox jumps over the lazy dog."),
    (20, "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich."),
)


def main(data: bytes, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Raises OSError for a font that FreeType can't open."""
    font, size = _opened(data)
    family, style = font.getname()
    scripts = [code for code, letters in SCRIPTS.items() if _has(font, letters)]
    header = {"family": family, "style": style, "glyphs": font.font.glyphs, "scripts": scripts}
    lines = _lines(font, scripts, family or "")
    if size != _SIZES[0]:
        letters = "".join(text for _, text in lines).replace(" ", "")
        lines = [(size, "".join(row)) for row in batched(letters, (WIDTH - 2 * MARGIN) * 4 // (size * 5))]
    try:
        return header, _drawn(data, lines) if lines else b""
    except (OSError, ValueError, MemoryError, Image.DecompressionBombError):
        return header, b""


def _opened(data: bytes) -> tuple[Any, int]:
    """The font, and the size that it has, in pixels. Raises OSError."""
    for size in _SIZES:
        try:
            return ImageFont.truetype(BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC), size
        except OSError as error:
            refused = error
    raise refused


def _small(font: Any) -> Any:
    """The same font, whose letters are drawn faster; a font of one size as it is."""
    try:
        return font.font_variant(size=8)
    except OSError:
        return font


def _has(font: Any, letters: str) -> bool:
    """True if the font has a glyph with ink for each of the letters."""
    return len(_found(font, letters, len(letters))) == len(letters)


def _found(font: Any, letters: Iterable[str], most: int) -> str:
    """The first of the letters that have a glyph with ink."""
    missing = _ink(font, "\U0010fffe")
    there = (each for each in letters if (ink := _ink(font, each)) is not None and any(ink) and ink != missing)
    return "".join(islice(there, most))


def _ink(font: Any, letter: str) -> bytes | None:
    try:
        return bytes(font.getmask(letter))
    except (OSError, ValueError, MemoryError, Image.DecompressionBombError):
        return None


def _lines(font: Any, scripts: list[str], family: str) -> list[tuple[int, str]]:
    """(size in pixels, text) of each line of the specimen; none for a font without any sign that is known here."""
    lines: list[tuple[int, str]] = []
    if "Latn" in scripts:
        name = "".join(letter for letter in family[:40] if letter.isprintable())
        lines = [(84, name)] if name else []
        lines += [(size, text) for size, text in _LATIN if text.isascii() or _has(font, text.replace(" ", ""))]
    others = [SCRIPTS[code] for code in scripts if code != "Latn"]
    rows = [others[at : at + 8] for at in range(0, len(others), 8)]
    lines += [(44 if lines else 72, "  ".join(row)) for row in rows[: 2 if lines else 5]]
    if not lines:
        alone = (each for each in map(chr, chain.from_iterable(_PLACES)) if unicodedata.category(each)[0] != "M")
        signs = dict.fromkeys(_found(_small(font), chain(_EMOJI, alone), _MOST_SIGNS))
        lines = [(72, " ".join(row)) for row in batched(signs, 12)]
    return lines


def _drawn(data: bytes, lines: list[tuple[int, str]]) -> bytes:
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    fonts: dict[int, Any] = {}
    top = float(MARGIN)
    for number, (size, text) in enumerate(lines):
        if size not in fonts:
            fonts[size] = ImageFont.truetype(BytesIO(data), size)
        ink = INK if number == 0 or size > 20 else GREY
        draw.text((MARGIN, top), text, fill=ink, font=fonts[size], embedded_color=True)
        top += size * 1.45
        if top > HEIGHT - MARGIN:
            break
    if image.getextrema() == tuple((shade, shade) for shade in PAPER):
        return b""
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
