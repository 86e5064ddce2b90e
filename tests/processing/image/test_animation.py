from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from chalicelib.model import ErrorCode
from chalicelib.processing.image import animation
from tests import images
from tests.animations import CLEAR, Drawn, apng, chunk, control, gif, webp
from tests.images import COLORS, DURATIONS, moving
from tests.processing.image.checks import assert_upright, close, fault, opened, process


def played(data: bytes) -> list[tuple[Image.Image, int]]:
    """Each frame and its milliseconds."""
    found = []
    with Image.open(BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            found.append((image.convert("RGBA"), int(image.info.get("duration", 0))))
    return found


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_an_animation_stays_one_in_webp_and_its_first_frame_is_the_jpeg(format: str, mode: str) -> None:
    data = moving(format, mode=mode, disposal=2) if format == "GIF" else moving(format, mode=mode)
    info, out = process(data, widths=(50, 100))
    assert info.frames == 5
    assert set(out) == {(name, format) for name in ("w50", "w100") for format in ("webp", "jpeg")}
    for name, size in (("w50", (50, 25)), ("w100", (100, 50))):
        frames = played(out[name, "webp"][1])
        assert [duration for _, duration in frames] == DURATIONS
        for (frame, _), color in zip(frames, COLORS, strict=True):
            assert frame.size == size
            assert close(frame.getpixel((size[0] // 4, size[1] * 3 // 4))[:3], color, 16)  # type: ignore[index]
            assert close(frame.getpixel((size[0] // 4, size[1] // 4))[:3], (255, 255, 255))  # type: ignore[index]
            clear = frame.getpixel((size[0] * 3 // 4, size[1] // 4))
            assert clear[3] == (0 if mode == "RGBA" else 255)  # type: ignore[index]
        poster = opened(out[name, "jpeg"][1])
        assert getattr(poster, "n_frames", 1) == 1
        assert close(poster.convert("RGB").getpixel((size[0] // 4, size[1] * 3 // 4)), COLORS[0], 20)


def test_more_plays_than_webp_can_count_are_the_most_that_it_can() -> None:
    frames = [Drawn(Image.new("RGBA", (60, 30), color), delay=100) for color in ("#c80000", "#00c800")]
    for data in (gif((60, 30), frames, plays=65_535), apng((60, 30), frames, plays=2**31 - 1)):
        _, out = process(data, widths=(50,))
        assert opened(out["w50", "webp"][1]).info["loop"] == 65_535


@pytest.mark.parametrize(
    ("format", "loop", "plays"),
    [("GIF", 0, 0), ("GIF", 3, 4), ("GIF", None, 1), ("WEBP", 0, 0), ("WEBP", 3, 3), ("PNG", 2, 2)],
)
def test_an_animation_is_played_as_often_as_the_file_says(format: str, loop: int | None, plays: int) -> None:
    _, out = process(moving(format, loop=loop), widths=(50,))
    assert opened(out["w50", "webp"][1]).info["loop"] == plays


def test_a_turned_animation_comes_out_upright() -> None:
    frames = [images.turned(120, 90, 6) for _ in range(2)]
    frames[1].putpixel((0, 0), (0, 0, 0))
    exif = images.exif_block(orientation=6)
    data = images.encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=99, exif=exif)
    _, out = process(data, widths=(60,))
    for frame, _ in played(out["w60", "webp"][1]):
        assert frame.size == (60, 45)
        assert_upright(frame)


def test_an_avatar_may_move() -> None:
    _, out = process(moving("GIF", (300, 100)), recipe="avatar")
    assert {frame.size for frame, _ in played(out["w64", "webp"][1])} == {(64, 64)}
    assert len(played(out["w64", "webp"][1])) == 5


def test_whose_it_is_stays_in_an_animation_and_nothing_else() -> None:
    data = moving("WEBP", exif=images.exif_block({0x8298: "me", 0x010F: "Canon"}, gps=True))
    encoded = process(data, widths=(50,))[1]["w50", "webp"][1]
    assert dict(opened(encoded).getexif()) == {0x8298: "me"}
    assert b"EIFFEL" not in encoded


def test_a_default_image_that_is_no_frame_is_never_shown() -> None:
    data = moving("PNG", default_image=True, duration=DURATIONS[1:])
    info, out = process(data, widths=(50,))
    assert info.frames == 4
    assert len(played(out["w50", "webp"][1])) == 4
    assert close(opened(out["w50", "jpeg"][1]).convert("RGB").getpixel((12, 20)), COLORS[1], 20)


def test_above_the_bounds_there_is_the_poster_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound, value in (("MAX_FRAMES", 4), ("MAX_PIXELS", 5 * 200 * 100 - 1)):
        with monkeypatch.context() as patch:
            patch.setattr(animation, bound, value)
            info, out = process(moving("GIF"), widths=(50,))
            assert info.frames == 5
            assert set(out) == {("w50", "webp"), ("w50", "jpeg")}
            assert len(played(out["w50", "webp"][1])) == 1


def test_a_frame_that_says_no_time_is_seen_for_a_tenth_of_a_second() -> None:
    _, out = process(moving("GIF", duration=0), widths=(50,))
    assert [duration for _, duration in played(out["w50", "webp"][1])] == [100] * 5


def test_a_frame_beyond_the_canvas_of_a_gif_is_cut() -> None:
    frames = [Drawn(Image.new("RGBA", (40, 20), "red")), Drawn(Image.new("RGBA", (60, 40), "blue"), 20, 10)]
    info, out = process(gif((40, 20), frames), widths=(40,))
    assert (info.width, info.height, info.frames) == (40, 20, 2)
    _, (second, _) = played(out["w40", "webp"][1])
    assert close(second.getpixel((5, 5)), (255, 0, 0, 255), 20)
    assert close(second.getpixel((35, 15)), (0, 0, 255, 255), 20)


def test_a_frame_that_claims_more_pixels_than_it_has_is_corrupt() -> None:
    data = bytearray(gif((40, 20), [Drawn(Image.new("RGBA", (40, 20), "red")), Drawn(Image.new("RGBA", (40, 20)))]))
    at = data.rindex(b"\x2c\0\0\0\0\x28\0\x14\0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    assert fault(bytes(data)).code is ErrorCode.CORRUPT


@pytest.mark.parametrize("options", [{"numbers": [4, 2, 3]}, {"said": 0}, {"said": 2**31}, {"numbers": [0, 0, 0]}])
def test_an_apng_that_cannot_be_played_is_its_default_image(options: dict[str, Any]) -> None:
    """Pillow alone would refuse it, or warn."""
    data = apng((40, 20), [Drawn(Image.new("RGBA", (40, 20), color)) for color in ("red", "blue")], **options)
    info, out = process(data, widths=(40,))
    assert (info.frames, info.duration) == (1, None)
    assert close(opened(out["w40", "webp"][1]).convert("RGB").getpixel((5, 5)), (255, 0, 0), 20)


RED, HOLE = Image.new("RGBA", (40, 20), "red"), Image.new("RGBA", (20, 20))
CLEARED = [Drawn(RED, disposal=CLEAR), Drawn(HOLE)]


@pytest.mark.parametrize("recipe", ["photo", "original-only"])
@pytest.mark.parametrize(
    ("data", "has_alpha"),
    [
        (apng((40, 20), [Drawn(RED), Drawn(HOLE, over=False)]), True),
        (webp((40, 20), [Drawn(RED), Drawn(HOLE, over=False)]), True),
        (gif((40, 20), CLEARED), True),
        (apng((40, 20), [Drawn(RED), Drawn(HOLE)]), False),
        (gif((40, 20), [Drawn(RED), Drawn(HOLE)]), False),
        (gif((40, 20), [Drawn(HOLE), Drawn(RED)]), True),
        (gif((40, 20), [Drawn(RED.crop((0, 0, 20, 20)), 10)]), True),
    ],
)
def test_has_alpha_is_said_of_all_frames(recipe: str, data: bytes, has_alpha: bool) -> None:
    assert process(data, recipe=recipe)[0].has_alpha is has_alpha


def test_above_the_bounds_has_alpha_is_that_of_the_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animation, "MAX_FRAMES", 1)
    assert process(gif((40, 20), CLEARED))[0].has_alpha is False
    assert process(gif((40, 20), CLEARED[::-1]))[0].has_alpha is True


def test_a_webp_says_that_it_has_clear_pixels_even_if_they_are_only_cleared() -> None:
    def flagged(data: bytes) -> bool:
        encoded = process(data, widths=(40,))[1]["w40", "webp"][1]
        assert encoded[12:16] == b"VP8X"
        return bool(encoded[20] & 0x10)

    small = Drawn(Image.new("RGBA", (4, 4), "blue"))
    assert flagged(gif((40, 20), CLEARED))
    assert flagged(gif((40, 20), [Drawn(RED, disposal=CLEAR), small]))
    assert not flagged(gif((40, 20), [Drawn(RED), small]))
    frames = played(process(gif((40, 20), CLEARED), widths=(40,))[1]["w40", "webp"][1])
    assert [frame.getpixel((30, 10))[3] for frame, _ in frames] == [255, 0]  # type: ignore[index]


def test_the_record_says_how_long_an_animation_lasts() -> None:
    for format in ("GIF", "WEBP", "PNG"):
        assert process(moving(format), widths=(50,))[0].duration == 0.55
        assert process(moving(format, duration=[0, 10, 20, 30, 40]), widths=(50,))[0].duration == 0.29
    assert process(gif((40, 20), [Drawn(RED)]))[0].duration is None
    assert process(images.png(40, 20))[0].duration is None


def test_a_frame_of_hours_does_not_end_the_encoder() -> None:
    frames = [Drawn(RED, delay=65535), Drawn(HOLE, over=False, delay=65535)]
    data = apng((40, 20), frames)
    for old in (control(0, frames[0]), control(1, frames[1])):
        held = old[8:30] + b"\0\1" + old[32:34]  # not thousandths of a second, but seconds
        data = data.replace(old, chunk(b"fcTL", held))
    info, out = process(data, widths=(40,))
    assert info.duration == 131_070
    assert [duration for _, duration in played(out["w40", "webp"][1])] == [2**20] * 2


def test_a_damaged_later_frame_is_corrupt() -> None:
    noise = [Image.effect_noise((100, 100), 90).convert("RGB") for _ in range(4)]
    data = images.encoded(noise[0], "WEBP", save_all=True, append_images=noise[1:], duration=50)
    assert fault(data[: len(data) * 3 // 4]).code is ErrorCode.CORRUPT


def test_memory_is_that_of_one_frame_however_many_there_are() -> None:
    code = """
import resource
from tests.images import encoded
from tests.processing.image.checks import MEMORY, process
from PIL import Image
frames = [Image.linear_gradient("L").resize((600, 400)).rotate(n) for n in range(COUNT)]
data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
del frames
process(data, widths=(320,))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    few, many = (
        int(subprocess.run([sys.executable, "-c", code.replace("COUNT", n)], capture_output=True, check=True).stdout)
        for n in ("10", "110")
    )
    assert (many - few) * 1024 < 100 * 320 * 213 * 4, "less than what the frames take decoded"
