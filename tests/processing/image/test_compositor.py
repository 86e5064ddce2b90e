"""The pictures of an animation are those that browsers show. tests/browser/test_frames.py asks one."""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chalicelib.processing.image import compositor
from chalicelib.processing.image.frames import Animation
from tests import images
from tests.animations import (
    CLEAR,
    KEEP,
    RESTORE,
    Drawn,
    apng,
    chunk,
    control,
    gif,
    riff,
    webp,
    webp_frame,
    webp_of,
)

RED, GREEN, BLUE, NONE = (250, 0, 0, 255), (0, 250, 0, 255), (0, 0, 250, 255), (0, 0, 0, 0)
Pixel = tuple[float, float, float, float]


def block(color: tuple[int, int, int, int], width: int, height: int | None = None) -> Image.Image:
    return Image.new("RGBA", (width, height or width), color)


def read(data: bytes) -> Animation:
    found, _ = compositor.read(BytesIO(data))
    assert found
    return found


def shown(data: bytes) -> list[Image.Image]:
    """Each picture, in RGBA."""
    return [picture.convert("RGBA") for picture, _ in compositor.composed(read(data))]


def colors(picture: Image.Image) -> dict[tuple[int, ...], int]:
    """How many pixels each colour has; all clear ones count as NONE."""
    found: dict[tuple[int, ...], int] = {}
    for count, color in picture.getcolors(1 << 20) or []:
        assert isinstance(color, tuple)
        name = color if color[3] else NONE
        found[name] = found.get(name, 0) + count
    return found


def reference(size: tuple[int, int], frames: list[Drawn]) -> list[list[Pixel]]:
    """The pictures by the letter of the specifications: pixel by pixel, with colours in fractions, premultiplied."""
    canvas: list[Pixel] = [(0.0, 0.0, 0.0, 0.0)] * (size[0] * size[1])
    pictures = []
    for frame in frames:
        before, area = list(canvas), []
        for n in range(frame.size[0] * frame.size[1]):
            x, y = frame.x + n % frame.size[0], frame.y + n // frame.size[0]
            if x < size[0] and y < size[1]:
                at = y * size[0] + x
                area.append(at)
                r, g, b, a = (value / 255 for value in frame.pixels.tobytes()[4 * n : 4 * n + 4])
                under = (1 - a) if frame.over else 0.0
                new = (r * a, g * a, b * a, a)
                canvas[at] = tuple(over + under * old for over, old in zip(new, canvas[at], strict=True))  # type: ignore[assignment]
        pictures.append(list(canvas))
        for at in area:
            if frame.disposal == CLEAR:
                canvas[at] = (0.0, 0.0, 0.0, 0.0)
            elif frame.disposal == RESTORE:
                canvas[at] = before[at]
    return pictures


def differs(picture: Image.Image, expected: list[Pixel]) -> float:
    """The largest difference of any premultiplied value, 0-255."""
    data, worst = picture.tobytes(), 0.0
    for n, pixel in enumerate(expected):
        r, g, b, a = data[4 * n : 4 * n + 4]
        found = (r * a / 255, g * a / 255, b * a / 255, a)
        worst = max(worst, *(abs(one - 255 * other) for one, other in zip(found, pixel, strict=True)))
    return worst


FORMATS = ("gif", "apng", "apng of a hidden image", "webp")


@st.composite
def animations(draw: st.DrawFn, format: str, alphas: tuple[int, ...]) -> tuple[tuple[int, int], list[Drawn]]:
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    frames = []
    for number in range(draw(st.integers(1, 5))):
        step, beyond = (2 if format == "webp" else 1), (3 if format == "gif" and number else 0)
        if draw(st.booleans()) or (format == "apng" and number == 0):
            x, y, across, down = 0, 0, width, height
        else:
            x, y = draw(st.integers(0, (width - 1) // step)) * step, draw(st.integers(0, (height - 1) // step)) * step
            across = draw(st.integers(1, width - x + beyond))
            down = draw(st.integers(1, height - y + beyond))
        chosen, generator = draw(st.sampled_from([alphas, (255,), (0,)])), draw(st.randoms(use_true_random=False))
        palette = [(generator.randrange(256), generator.randrange(256), generator.randrange(256)) for _ in range(4)]
        pixels = Image.new("RGBA", (across, down))
        raw = [(*generator.choice(palette), generator.choice(chosen)) for _ in range(across * down)]
        pixels.frombytes(b"".join(map(bytes, raw)))
        frames.append(
            Drawn(
                pixels,
                x,
                y,
                disposal=draw(st.sampled_from([KEEP, CLEAR] if format == "webp" else [KEEP, CLEAR, RESTORE])),
                over=format == "gif" or draw(st.booleans()),
                local=draw(st.booleans()),
                interlaced=draw(st.booleans()),
            )
        )
    return (width, height), frames


def built(format: str, size: tuple[int, int], frames: list[Drawn], interlaced: bool) -> bytes:
    if format == "gif":
        return gif(size, frames)
    if format == "webp":
        return webp(size, frames)
    return apng(size, frames, hidden=block(BLUE, *size) if "hidden" in format else None, interlaced=interlaced)


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_any_animation_is_composed_exactly(format: str, data: st.DataObject) -> None:
    size, frames = data.draw(animations(format, (0, 255)))
    found = shown(built(format, size, frames, data.draw(st.booleans())))
    for picture, expected in zip(found, reference(size, frames), strict=True):
        assert picture.size == size
        assert differs(picture, expected) < 1e-6


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "gif"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_pixels_that_are_partly_clear_are_blended(format: str, data: st.DataObject) -> None:
    size, frames = data.draw(animations(format, (0, 3, 90, 128, 250, 255)))
    found = shown(built(format, size, frames, data.draw(st.booleans())))
    for picture, expected in zip(found, reference(size, frames), strict=True):
        assert differs(picture, expected) < 2


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_without_clear_pixels_has_no_alpha(format: str) -> None:
    full, hole = block(RED, 6), block(NONE, 2)
    frames = [Drawn(full), Drawn(hole, 2, 2, over=False, disposal=CLEAR), Drawn(full), Drawn(hole, 2, 2)]
    found = [picture.mode for picture, _ in compositor.composed(read(built(format, (6, 6), frames, False)))]
    assert found == ["RGB", "RGB" if format == "gif" else "RGBA", "RGB", "RGB"]


def test_a_canvas_that_becomes_full_has_no_alpha_any_more() -> None:
    frames = [Drawn(block(RED, 3, 6)), Drawn(block(GREEN, 3, 6), 3)]
    assert [picture.mode for picture, _ in compositor.composed(read(gif((6, 6), frames)))] == ["RGBA", "RGB"]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_an_apng_is_composed_in_every_mode(mode: str) -> None:
    frames = [Drawn(block((200, 200, 200, 255), 6)), Drawn(block((90, 90, 90, 255), 2), 1, 3, disposal=CLEAR)]
    found = shown(apng((6, 6), [*frames, Drawn(block((30, 30, 30, 255), 1))], mode=mode))
    assert [colors(picture) for picture in found] == [
        {(200, 200, 200, 255): 36},
        {(200, 200, 200, 255): 32, (90, 90, 90, 255): 4},
        {(200, 200, 200, 255): 31, NONE: 4, (30, 30, 30, 255): 1},
    ]


def test_pillow_s_own_animations_are_composed_as_it_meant_them() -> None:
    scenes = [images.scene(1, 60, 40).crop((n, n, 40 + n, 30 + n)) for n in range(4)]
    for format, options in (("PNG", {}), ("PNG", {"disposal": 1}), ("WEBP", {"lossless": True})):
        data = images.encoded(scenes[0], format, save_all=True, append_images=scenes[1:], duration=50, **options)
        assert [picture.convert("RGB").tobytes() for picture in shown(data)] == [each.tobytes() for each in scenes]


@pytest.mark.parametrize("mode", ["P", "1", "I;16"])
def test_an_apng_of_other_depths_is_composed(mode: str) -> None:
    """Pillow's encoder writes them, with a palette or with 1 or 16 bits."""
    frames = [Image.new("L", (8, 8), 0), Image.new("L", (8, 8), 255)]
    frames[1].paste(0, (0, 0, 4, 8))
    made = [frame.convert("I").convert("I;16") if mode == "I;16" else frame.convert(mode) for frame in frames]
    if mode == "I;16":
        made[1] = made[1].point(lambda value: value * 257)
    found = shown(images.encoded(made[0], "PNG", save_all=True, append_images=made[1:], duration=50))
    assert [colors(picture) for picture in found] == [{(0, 0, 0, 255): 64}, {(0, 0, 0, 255): 32, (255,) * 4: 32}]


# GIF


@pytest.mark.parametrize(
    ("code", "seen"),
    [(0, GREEN), (1, GREEN), (2, NONE), (3, RED), (4, RED), (5, GREEN), (6, GREEN), (7, GREEN)],
)
def test_each_disposal_code_of_a_gif_means_what_browsers_take_it_for(code: int, seen: tuple[int, ...]) -> None:
    frames = [Drawn(block(RED, 4)), Drawn(block(GREEN, 2), disposal=RESTORE), Drawn(block(BLUE, 1), 3, 3)]
    last = colors(shown(gif((4, 4), frames, disposals={RESTORE: code}))[2])
    assert last == ({RED: 15, BLUE: 1} if seen == RED else {RED: 11, seen: 4, BLUE: 1})


def test_a_gif_is_clear_where_nothing_is_drawn_whatever_its_background() -> None:
    data = bytearray(gif((4, 4), [Drawn(block(RED, 2), 1, 1)]))
    data[11] = 1  # the background's index
    (picture,) = shown(bytes(data))
    assert colors(picture) == {RED: 4, NONE: 12}


def test_a_gif_s_first_frame_makes_room_and_a_later_one_is_cut() -> None:
    found = read(gif((4, 4), [Drawn(block(RED, 6, 2), 1, 1), Drawn(block(GREEN, 9), 5, 2)]))
    assert (found.width, found.height) == (7, 4)
    assert colors(shown(gif((4, 4), [Drawn(block(RED, 6, 2), 1, 1), Drawn(block(GREEN, 9), 5, 2)]))[1]) == {
        RED: 10,
        GREEN: 4,
        NONE: 14,
    }
    outside = shown(gif((4, 4), [Drawn(block(RED, 4)), Drawn(block(GREEN, 9), 90, 90, disposal=CLEAR)]))
    assert [colors(picture) for picture in outside] == [{RED: 16}, {RED: 16}]


def test_the_rows_of_a_frame_below_the_canvas_are_not_decoded() -> None:
    tall = Drawn(block(GREEN, 4, 4))
    data = bytearray(gif((4, 4), [Drawn(block(RED, 4)), tall]))
    at = data.rindex(b"\x2c\0\0\0\0\4\0\4\0")
    data[at + 7 : at + 9] = b"\xff\xff"
    found = read(bytes(data))
    assert found.largest == 16
    assert colors(shown(bytes(data))[1]) == {GREEN: 16}


@pytest.mark.parametrize(
    ("looping", "plays"),
    [
        (b"", 1),
        (b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0\0", 0),
        (b"\x21\xff\x0bNETSCAPE2.0\3\1\1\0\0", 2),
        (b"\x21\xff\x0bANIMEXTS1.0\3\1\7\0\0", 8),
        (b"\x21\xff\x0bNETSCAPE2.0\3\1\2\0\0\x21\xff\x0bNETSCAPE2.0\3\1\5\0\0", 6),
        (b"\x21\xff\x0bNETSCAPE1.0\3\1\7\0\0", 1),
        (b"\x21\xff\x0bNETSCAPE2.0\4\1\7\0\0\0", 1),
        (b"\x21\xff\x0bNETSCAPE2.0\3\1", 1),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_gif_is_played_once_more_than_it_is_repeated(looping: bytes, plays: int, late: bool) -> None:
    data = gif((4, 4), [Drawn(block(RED, 4)), Drawn(block(GREEN, 4))], plays=None)
    at = len(data) - 1 if late else data.index(b"\x21\xf9")
    if late or len(looping) > 16 or not looping:
        assert read(data[:at] + looping + data[at:]).plays == plays


@pytest.mark.parametrize(("delay", "seen"), [(0, 100), (10, 100), (20, 20), (30, 30), (655350, 655350)])
def test_a_delay_of_ten_milliseconds_or_less_is_seen_for_a_hundred(delay: int, seen: int) -> None:
    frames = [Drawn(block(RED, 4), delay=delay), Drawn(block(GREEN, 4), delay=50)]
    found = read(gif((4, 4), frames))
    assert [duration for _, duration in compositor.composed(found)] == [seen, 50]
    assert found.duration == (seen + 50) / 1000


def test_short_delays_of_apng_and_webp_are_seen_for_a_hundred_too() -> None:
    frames = [Drawn(block(RED, 4), delay=delay) for delay in (0, 10, 11, 15)]
    for data in (apng((4, 4), frames), webp((4, 4), frames)):
        assert [duration for _, duration in compositor.composed(read(data))] == [100, 100, 11, 15]


def test_the_last_control_block_before_a_frame_counts_and_only_for_it() -> None:
    data = gif((4, 4), [Drawn(block(RED, 4), delay=500), Drawn(block(GREEN, 4), delay=200)])
    first, second = data.index(b"\x21\xf9"), data.rindex(b"\x21\xf9")
    twice = data[:first] + data[second : second + 8] + b"\x21\xfe\3abc\0" + data[first:second] + data[second + 8 :]
    assert [duration for _, duration in compositor.composed(read(twice))] == [500, 100]


def test_an_index_beyond_the_colours_is_black_and_a_gif_without_colours_too() -> None:
    data = bytearray(gif((4, 4), [Drawn(block(RED, 4))]))
    data[10] &= 0x7F
    del data[13 : 13 + 6]
    assert colors(shown(bytes(data))[0]) == {(0, 0, 0, 255): 16}


def test_bytes_between_the_blocks_of_a_gif_end_it() -> None:
    data = gif((4, 4), [Drawn(block(RED, 4)), Drawn(block(GREEN, 4))])
    at = data.rindex(b"\x21\xf9")
    assert read(data[:at] + b"\0" + data[at:]).count == 1
    assert compositor.read(BytesIO(data[:13] + b";"))[0] is None


# APNG


def test_a_default_image_may_be_no_frame() -> None:
    frames = [Drawn(block(RED, 4)), Drawn(block(GREEN, 2), 1, 1)]
    assert [colors(each) for each in shown(apng((4, 4), frames, hidden=block(BLUE, 4)))] == [
        {RED: 16},
        {RED: 12, GREEN: 4},
    ]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"said": 9}, 3),
        ({"said": 2}, 2),
        ({"said": 1}, 1),
        ({"said": 2**31 - 1}, 3),
        ({"said": 0}, None),
        ({"said": 2**31}, None),
        ({"numbers": [0, 1, 2, 7, 9]}, 2),
        ({"numbers": [0, 1, 5, 3, 4]}, 1),
        ({"numbers": [1, 2, 3, 4, 5]}, None),
    ],
)
def test_an_apng_ends_with_its_last_right_frame(options: dict[str, Any], count: int | None) -> None:
    frames = [Drawn(block(color, 4)) for color in (RED, GREEN, BLUE)]
    found, _ = compositor.read(BytesIO(apng((4, 4), frames, **options)))
    assert (found.count if found else None) == count


@pytest.mark.parametrize("wrong", ["outside", "no size", "disposal", "blend", "checksum"])
def test_a_frame_that_breaks_the_rules_ends_an_apng(wrong: str) -> None:
    second = Drawn(block(GREEN, 2), 1, 1)
    data = apng((4, 4), [Drawn(block(RED, 4)), second, Drawn(block(BLUE, 4))])
    right = control(1, second)
    area = struct.pack(">IIII", 0 if wrong == "no size" else 2, 2, 3 if wrong == "outside" else 1, 1)
    codes = bytes([3 if wrong == "disposal" else 0, 2 if wrong == "blend" else 1])
    changed = chunk(b"fcTL", right[8:12] + area + right[28:32] + codes)
    if wrong == "checksum":
        changed = right[:-1] + bytes([right[-1] ^ 1])
    assert read(data).count == 3
    assert read(data.replace(right, changed)).count == 1


def test_a_frame_without_data_gives_way_to_the_next() -> None:
    head = apng((4, 4), [Drawn(block(RED, 4))], said=3)[:-12]
    blue = struct.pack(">I", 3) + zlib.compress((b"\0" + bytes(BLUE) * 4) * 4)
    data = head + control(1, Drawn(block(GREEN, 2))) + control(2, Drawn(block(BLUE, 4))) + chunk(b"fdAT", blue)
    assert [colors(picture) for picture in shown(data)] == [{RED: 16}, {BLUE: 16}]


def test_an_apng_whose_first_frame_is_not_its_canvas_is_a_still() -> None:
    data = apng((4, 4), [Drawn(block(RED, 4)), Drawn(block(GREEN, 4))])
    wrong = control(0, Drawn(block(RED, 2)))
    assert compositor.read(BytesIO(data.replace(control(0, Drawn(block(RED, 4))), wrong)))[0] is None


def test_the_data_of_a_frame_may_come_in_many_chunks_with_others_between() -> None:
    packed = zlib.compress((b"\0" + bytes(GREEN) * 4) * 4)
    parts = [chunk(b"fdAT", struct.pack(">I", 2 + n) + bytes([byte])) for n, byte in enumerate(packed)]
    head = apng((4, 4), [Drawn(block(RED, 4))], said=2)[:-12] + control(1, Drawn(block(GREEN, 4)))
    assert [colors(each) for each in shown(head + chunk(b"tEXt", b"a\0b").join(parts))] == [{RED: 16}, {GREEN: 16}]


def test_a_default_image_among_a_frame_s_data_is_no_part_of_it() -> None:
    packed = zlib.compress((b"\0" + bytes(GREEN) * 4) * 4)
    parts = [chunk(b"fdAT", struct.pack(">I", 2 + n) + part) for n, part in enumerate((packed[:9], packed[9:]))]
    head = apng((4, 4), [Drawn(block(RED, 4))], said=2)[:-12] + control(1, Drawn(block(GREEN, 4)))
    assert [colors(each) for each in shown(head + chunk(b"IDAT", b"stray").join(parts))] == [{RED: 16}, {GREEN: 16}]
    stray = head + parts[0] + chunk(b"IDAT", b"stray") + control(3, Drawn(block(BLUE, 4)))
    assert read(stray).frames[1].coded.stop == len(head + parts[0])


# WebP


def test_libwebp_s_size_of_a_frame_counts_and_not_the_said_one() -> None:
    first = webp_frame(Drawn(block(RED, 10)))
    for said, real in (((6, 6), 4), ((4, 4), 6)):
        data = webp_of((10, 10), first, webp_frame(Drawn(block(GREEN, real), 2, 2), said))
        assert colors(shown(data)[1]) == {GREEN: real * real, RED: 100 - real * real}


def test_what_is_no_frame_of_a_webp_is_skipped() -> None:
    first, second = webp_frame(Drawn(block(RED, 4))), webp_frame(Drawn(block(GREEN, 4)))
    data = webp_of((4, 4), first, riff(b"ABCD", b"xyz"), riff(b"ANMF", second[8:24]), riff(b"ANMF", b"short"), second)
    assert [colors(each) for each in shown(data)] == [{RED: 16}, {GREEN: 16}]


def test_a_lossy_webp_with_alpha_is_composed_as_libwebp_does() -> None:
    generator = random.Random(1)
    frames = []
    for n in range(5):
        pixels = images.scene(n, 40, 30).convert("RGBA")
        pixels.putalpha(Image.linear_gradient("L").resize((40, 30)).rotate(generator.randrange(360)))
        frames.append(Drawn(pixels, 0 if n == 0 else 2 * n, 2, over=n % 2 == 0, disposal=CLEAR if n == 2 else KEEP))
    frames[0] = replace(frames[0], pixels=images.scene(9, 40, 32).convert("RGBA"), y=0)
    data = webp((50, 40), frames, lossless=False, quality=70)
    with Image.open(BytesIO(data)) as image:
        for number, picture in enumerate(shown(data)):
            image.seek(number)
            image.load()
            theirs = [tuple(v / 255 for v in image.convert("RGBa").tobytes()[at : at + 4]) for at in range(0, 8000, 4)]
            assert differs(picture, theirs) < 4  # type: ignore[arg-type]  # libwebp rounds twice
