"""Colours that a file says by other means than a profile. The levels were read from a canvas of Chromium 156."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import pytest
from PIL import Image

from chalicelib.model import ErrorCode
from chalicelib.processing.image.boxes import profile
from chalicelib.processing.image.color import color_space, transform_to_srgb
from chalicelib.processing.image.colorimetry import coded_profile, gamma_profile
from chalicelib.processing.image.decode import decode
from chalicelib.processing.image.mending import mended
from tests import avifs, images, pngs
from tests.delta_e import delta_e, lab
from tests.processing.image.checks import fault, process

RAMP = [(n / 16,) * 3 for n in range(17)]
FINE = [(n / 64,) * 3 for n in range(65)]
COLORS = [(200 / 255, 60 / 255, 60 / 255), (0.2, 0.7, 0.3), (0.1, 0.2, 0.9)]
SRGB = [0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255]
LINEAR = [0, 71, 99, 120, 137, 152, 165, 177, 188, 197, 207, 216, 224, 233, 240, 248, 255]
BT_709 = [0, 4, 20, 37, 54, 70, 87, 104, 121, 137, 154, 171, 187, 204, 221, 238, 255]


def shown(data: bytes) -> list[tuple[int, ...]]:
    """The colours of the first row, in sRGB."""
    source = mended(BytesIO(data))
    found = decode(source, memory=2**31, wanted=lambda width, height: (width, height))
    transform = transform_to_srgb(found.profile, found.pixels.mode)
    image = transform.apply(found.pixels.convert(transform.mode)) if transform else found.pixels
    row = image.convert("RGB").crop((0, 0, image.width, 1)).tobytes()
    return [tuple(row[n : n + 3]) for n in range(0, len(row), 3)]


def worst(found: Sequence[tuple[int, ...]], expected: Sequence[Sequence[int]]) -> float:
    return max(delta_e(lab(*a), lab(*b)) for a, b in zip(found, expected, strict=True))


def greys(levels: list[int]) -> list[tuple[int, ...]]:
    return [(level,) * 3 for level in levels]


TRANSFERS = {
    **dict.fromkeys((0, 2, 3, 9, 10, 12, 13, 19, 255), SRGB),
    **dict.fromkeys((1, 6, 11, 14, 15), BT_709),
    4: [0, 7, 26, 44, 62, 79, 96, 113, 129, 144, 160, 176, 192, 208, 224, 239, 255],
    5: [0, 1, 10, 24, 40, 56, 72, 89, 106, 123, 141, 159, 178, 197, 216, 235, 255],
    7: [0, 34, 50, 66, 81, 97, 112, 126, 141, 155, 169, 184, 198, 213, 227, 241, 255],
    8: LINEAR,
    16: [0, 1, 5, 15, 30, 48, 70, 98, 132, 172, 212, 235, 254, 255, 255, 255, 255],
    17: [0, 3, 15, 32, 48, 65, 83, 100, 118, 135, 153, 172, 190, 209, 227, 246, 255],
    18: [0, 3, 14, 29, 43, 57, 71, 85, 99, 114, 134, 158, 187, 211, 227, 242, 255],
}


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_every_curve_of_a_png_is_that_of_browsers(transfer: int) -> None:
    found = shown(pngs.row(RAMP, pngs.cicp(1, transfer)))
    assert worst(found, greys(TRANSFERS[transfer])) < 2


PRIMARIES = {
    **{known: [(200, 60, 60), (51, 178, 76), (26, 51, 230)] for known in (0, 1, 2, 3, 13, 255)},
    4: [(236, 50, 49), (0, 175, 67), (0, 84, 237)],
    5: [(204, 60, 60), (33, 178, 78), (24, 51, 229)],
    6: [(195, 66, 59), (66, 176, 75), (38, 60, 231)],
    7: [(195, 66, 59), (66, 176, 75), (38, 60, 231)],
    8: [(226, 39, 51), (0, 183, 63), (0, 39, 238)],
    9: [(247, 0, 53), (0, 187, 53), (0, 48, 241)],
    10: [(255, 0, 79), (0, 236, 0), (0, 83, 244)],
    11: [(212, 42, 53), (0, 181, 59), (15, 49, 239)],
    12: [(217, 42, 52), (0, 181, 59), (16, 52, 239)],
    22: [(202, 67, 59), (41, 174, 76), (27, 68, 230)],
}


@pytest.mark.parametrize("primaries", PRIMARIES)
def test_all_primaries_of_a_png_are_those_of_browsers(primaries: int) -> None:
    assert worst(shown(pngs.row(COLORS, pngs.cicp(primaries, 13))), PRIMARIES[primaries]) < 1.5


PQ = (
    "0 0 0 0 1 1 2 3 5 7 9 12 15 19 22 26 30 34 38 43 47 52 58 64 70 76 "
    "82 90 97 105 113 122 131 141 151 162 173 185 197 205 212 219 225 230 236 241 246 250 255 255 255 255 "
    "255 255 255 255 255 255 255 255 255 255 255 255 255"
)
HLG = (
    "0 0 1 1 3 5 7 11 14 18 21 25 28 32 35 39 43 46 50 53 57 60 64 67 71 74 "
    "78 81 85 88 92 95 99 103 107 111 115 119 124 129 134 140 146 152 158 165 172 180 188 195 201 206 "
    "211 215 220 224 227 231 235 239 242 245 249 252 255"
)
PQ_4000 = (
    "0 0 0 0 1 1 2 3 5 7 9 12 15 19 22 26 30 34 38 43 47 52 58 64 70 76 "
    "82 90 97 105 113 122 131 141 151 162 173 185 196 200 202 205 208 211 214 217 219 222 225 228 231 234 "
    "237 240 243 246 249 253 255 255 255 255 255 255 255"
)
TONES = {
    "PQ": (pngs.cicp(9, 16), PQ),
    "PQ of P3": (pngs.cicp(12, 16), PQ),
    "HLG": (pngs.cicp(9, 18), HLG),
    "PQ of 1000 cd/m²": (pngs.cicp(9, 16) + pngs.light(1000), PQ),
    "PQ of 4000 cd/m²": (pngs.cicp(9, 16) + pngs.light(4000), PQ_4000),
}


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("name", TONES)
def test_what_is_brighter_than_paper_is_tone_mapped_as_in_browsers(name: str, depth: int) -> None:
    before, levels = TONES[name]
    found = shown(pngs.row(FINE, before, depth))
    assert worst(found, greys([int(level) for level in levels.split()])) < 3


BRIGHT = {  # RGB of 16 bits: as PQ and as HLG of Rec. 2020
    (1, 0, 0): ((255, 0, 0), (255, 0, 0)),
    (0.75, 0, 0): ((255, 0, 0), (209, 0, 0)),
    (0.5, 0.2, 0.1): ((165, 0, 0), (111, 17, 4)),
    (0.7, 0.3, 0.6): ((255, 0, 163), (183, 27, 125)),
    (0.6, 0.6, 0.2): ((206, 201, 0), (129, 126, 0)),
    (0.5, 0, 0): ((165, 0, 0), (111, 0, 0)),
    (0, 0.5, 0): ((0, 139, 0), (0, 101, 0)),
    (0, 0, 0.5): ((0, 0, 138), (0, 0, 80)),
    (0.58, 0.58, 0.58): ((187, 187, 187), (120, 120, 120)),
}


@pytest.mark.parametrize("transfer", [16, 18])
def test_bright_colors_keep_their_hue_as_in_browsers(transfer: int) -> None:
    found = shown(pngs.row(list(BRIGHT), pngs.cicp(9, transfer), 16))
    assert worst(found, [levels[transfer == 18] for levels in BRIGHT.values()]) < 3


D65 = (0.3127, 0.329)
P3 = pngs.chromaticities(*D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
POWER = [0, 7, 26, 44, 62, 79, 96, 113, 129, 144, 160, 176, 192, 208, 224, 239, 255]
AS_SRGB = [(200, 60, 60), (51, 178, 76), (26, 51, 230)]
GAMMAS = {
    "1/2.2": (pngs.gamma(0.45455), SRGB, AS_SRGB),
    "almost 1/2.2": (pngs.gamma(0.44), SRGB, AS_SRGB),
    "linear": (pngs.gamma(1), LINEAR, [(229, 133, 133), (124, 218, 148), (90, 124, 244)]),
    "dark": (
        pngs.gamma(0.3),
        [0, 0, 3, 12, 25, 40, 55, 72, 89, 106, 126, 145, 166, 187, 209, 232, 255],
        [(178, 22, 22), (15, 149, 36), (2, 15, 219)],
    ),
    "1/2.2 and P3": (pngs.gamma(0.45455) + P3, POWER, [(219, 37, 49), (0, 183, 57), (5, 48, 240)]),
    "another white": (
        pngs.gamma(0.45455) + pngs.chromaticities(0.3457, 0.3585, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
        POWER,
        [(210, 59, 61), (0, 179, 80), (0, 44, 227)],
    ),
    "P3 without a gamma": (P3, SRGB, AS_SRGB),
    "no colours": (pngs.gamma(0.45455) + pngs.chromaticities(*[0] * 8), SRGB, AS_SRGB),
    "colours on one line": (pngs.gamma(0.45455) + pngs.chromaticities(*D65, *[0.3] * 6), SRGB, AS_SRGB),
    "colours that cannot be": (
        pngs.gamma(0.45455) + pngs.chromaticities(*D65, 1.7, 0.32, 0.265, 0.69, 0.15, 0.06),
        SRGB,
        AS_SRGB,
    ),
    "no gamma": (pngs.gamma(0), SRGB, AS_SRGB),
    "sRGB wins": (pngs.gamma(1) + pngs.chunk(b"sRGB", b"\0"), SRGB, AS_SRGB),
    "code points win": (pngs.gamma(1) + pngs.cicp(1, 13), SRGB, AS_SRGB),
    "code points of a narrow range do not": (
        pngs.gamma(1) + pngs.cicp(12, 13, 0, 0),
        LINEAR,
        [(229, 133, 133), (124, 218, 148), (90, 124, 244)],
    ),
    "code points with a matrix do not": (
        pngs.gamma(1) + pngs.cicp(12, 13, 1),
        LINEAR,
        [(229, 133, 133), (124, 218, 148), (90, 124, 244)],
    ),
}


@pytest.mark.parametrize("name", GAMMAS)
def test_gamma_and_chromaticities_count_as_a_profile(name: str) -> None:
    before, levels, colors = GAMMAS[name]
    assert worst(shown(pngs.row(RAMP + COLORS, before)), [*greys(levels), *colors]) < 1.5


def test_greys_and_files_of_alpha_are_converted_too() -> None:
    grey = pngs.png(8, 0, lambda x, _: [round(x * 255 / 16)], size=(17, 1), before=pngs.gamma(1))
    with_alpha = pngs.png(8, 4, lambda x, _: [round(x * 255 / 16), 255], size=(17, 1), before=pngs.gamma(1))
    assert worst(shown(grey), greys(LINEAR)) < 1
    assert worst(shown(with_alpha), greys(LINEAR)) < 1
    _, out = process(pngs.png(8, 0, lambda *_: [55], before=pngs.gamma(1)))
    with Image.open(BytesIO(out["w33", "webp"][1])) as image:
        assert abs(image.convert("L").getpixel((9, 2)) - 128) <= 2  # type: ignore[operator]  # one band


def linear_profile(name: bytes) -> bytes:
    return images.named_profile(name, gamma=1.0)


def test_a_profile_counts_for_what_it_does_and_never_for_its_name() -> None:
    lying = pngs.row(RAMP, pngs.profile(linear_profile(b"sRGB IEC61966-2.1")))
    assert worst(shown(lying), greys(LINEAR)) < 1
    modest = images.srgb_profile().replace(b"s\0R\0G\0B\0", b"x\0y\0z\0w\0")
    assert transform_to_srgb(modest, "RGB") is None
    assert transform_to_srgb(images.srgb_profile(), "RGB") is None


def test_the_code_points_of_a_png_win_over_its_profile() -> None:
    both = pngs.profile(linear_profile(b"x")) + pngs.cicp(1, 13)
    assert worst(shown(pngs.row(RAMP, both)), greys(SRGB)) < 1


def test_a_profile_with_code_points_of_pq_is_tone_mapped() -> None:
    made = coded_profile(9, 16)
    assert made
    assert worst(shown(pngs.row(FINE, pngs.profile(made), 16)), greys([int(n) for n in PQ.split()])) < 3


SWATCH = (176, 80, 60)
AVIFS = {
    **dict.fromkeys([(1, 13), (2, 2), (1, 2), (1, 1), (1, 6), (1, 14), (1, 15), (0, 0), (255, 255), (3, 3)], SWATCH),
    (12, 13): None,
    (9, 16): None,
    (9, 18): None,
    (1, 8): None,
}


@pytest.mark.parametrize("points", AVIFS)
def test_code_points_of_an_avif_count_as_in_browsers(points: tuple[int, int]) -> None:
    """The same code points in a PNG are measured above. BT.709's curve alone is another: browsers take it for sRGB."""
    (found, *_) = shown(avifs.avif(Image.new("RGB", (16, 16), SWATCH), *points))
    expected = AVIFS[points] or shown(pngs.row([[v / 255 for v in SWATCH]], pngs.cicp(*points)))[0]
    assert delta_e(lab(*found), lab(*expected)) < 1


def test_an_avif_with_a_table_for_each_item_is_read() -> None:
    picture = images.picture(64, 48, "RGBA")
    data = avifs.with_tables(images.encoded(picture, "AVIF", quality=95, speed=10))
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(BytesIO(data)).load()
    info, out = process(data)
    assert (info.width, info.height, info.has_alpha) == (64, 48, True)
    with Image.open(BytesIO(out["w64", "webp"][1])) as image:
        assert image.getchannel("A").getpixel((5, 5)) == 0
        assert image.getchannel("A").getpixel((60, 40)) == 255
    sound = BytesIO(images.encoded(picture, "AVIF", speed=10))
    assert mended(sound) is sound


@pytest.mark.parametrize("tables", [1, 2, 3, 9])
def test_tables_of_an_avif_that_are_too_short_are_corrupt(tables: int) -> None:
    data = images.encoded(images.picture(48, 32), "AVIF", speed=10)
    short = b"\0\0\0\x08ipma" * tables
    inner = b"\0\0\0\x08ipco" + short
    cut = data[: data.index(b"meta") - 4] + (20 + len(inner)).to_bytes(4) + b"meta" + bytes(4)
    cut += (8 + len(inner)).to_bytes(4) + b"iprp" + inner
    assert fault(cut).code is ErrorCode.CORRUPT
    doubled = data.replace(b"ipma", b"ipmb").replace(b"ipco", b"ipma")
    assert fault(doubled).code is ErrorCode.CORRUPT


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (coded_profile(12, 13), "Display P3"),
        (coded_profile(9, 16), "Rec. 2020 PQ"),
        (gamma_profile(1.0, []), "Gamma 1"),
        (None, "sRGB"),
    ],
)
def test_the_record_says_which_colors_they_were(made: bytes | None, name: str) -> None:
    assert color_space(made, "RGB") == name


def test_damaged_boxes_have_no_colors() -> None:
    data = avifs.avif(Image.new("RGB", (16, 16)), 9, 16)
    assert profile(BytesIO(data), None)
    for length in range(0, len(data), 7):
        profile(BytesIO(data[:length]), None)
    for name in (b"meta", b"iprp", b"ipco", b"ipma", b"pitm", b"colr", b"nclx"):
        assert profile(BytesIO(data.replace(name, b"xxxx")), None) is None
