from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
import warnings
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, JpegImagePlugin
from PIL.ExifTags import IFD, Base

from chalicelib.model import ErrorCode, Rendition
from chalicelib.processing.image import decode, memory
from chalicelib.processing.image.cascade import process_image
from chalicelib.processing.image.encoders import encode
from chalicelib.processing.image.jpeg import passes
from chalicelib.processing.image.resize import resized
from chalicelib.renditions.recipes import Encoding
from tests import images
from tests.processing.image.checks import MEMORY, PHOTO, assert_upright, close, fault, opened, process

# What comes out


def test_an_image_gets_every_rendition_of_its_ladder_as_promised() -> None:
    info, out = process(images.jpeg(1300, 650))
    assert (info.width, info.height, info.format) == (1300, 650, "jpeg")
    widths = (160, 320, 640, 960, 1280)
    assert set(out) == {(f"w{width}", format) for width in widths for format in ("webp", "jpeg")}
    for (name, format), (rendition, data) in out.items():
        image = opened(data)
        assert image.format == format.upper()
        assert rendition.content_type == f"image/{format}"
        assert rendition.size == len(data)
        assert image.size == (rendition.width, rendition.height) == (int(name[1:]), int(name[1:]) // 2)
        assert_upright(image)


def test_original_only_tells_what_the_image_is_and_makes_nothing() -> None:
    info, out = process(images.jpeg(1300, 650, orientation=6), recipe="original-only")
    assert (info.width, info.height) == (1300, 650)
    assert info.thumbhash
    assert out == {}


def test_the_same_bytes_give_the_same_renditions_with_any_number_of_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    data = images.jpeg(700, 500, icc=images.wide_gamut_profile())
    first = process(data)
    for processors in (1, 7):
        monkeypatch.setattr("chalicelib.processing.image.encoders.processors", lambda count=processors: count)
        assert process(data) == first


def test_a_file_object_will_do(tmp_path: Path) -> None:
    data = images.jpeg(200, 100, progressive=True)
    path, out = tmp_path / "file", []
    path.write_bytes(data)
    with path.open("rb") as file:
        info = process_image(file, PHOTO, memory=MEMORY, emit=lambda _, encoded: out.append(encoded))
    expected, renditions = process(data)
    assert info == expected
    assert sorted(out) == sorted(encoded for _, encoded in renditions.values())


# Orientation


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation_comes_out_upright(turn: int) -> None:
    info, out = process(images.jpeg(240, 160, orientation=turn), widths=(60, 120))
    assert (info.width, info.height) == (240, 160)
    assert {(r.width, r.height) for r, _ in out.values()} == {(60, 40), (120, 80)}
    for _, data in out.values():
        assert_upright(opened(data))
        assert Base.Orientation not in opened(data).getexif()


@pytest.mark.parametrize("turn", [2, 3, 6, 7])
@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_other_formats_are_turned_too_and_once(format: str, turn: int) -> None:
    data = (
        images.turned_tiff(240, 160, turn)
        if format == "TIFF"
        else images.encoded(images.turned(240, 160, turn), format, exif=images.exif_block(orientation=turn))
    )
    info, out = process(data, widths=(120,))
    assert (info.width, info.height) == (240, 160)
    for _, encoded in out.values():
        assert_upright(opened(encoded))


def test_a_turned_image_is_resized_just_like_an_upright_one() -> None:
    # No black or white: there the order of the filter's passes, across and down, would show.
    noise = Image.effect_noise((300, 200), 20).convert("RGB")
    best = replace(PHOTO, widths=(149,), encodings=(Encoding("jpeg", 100),))
    seen: list[bytes] = []
    for stored, turn in ((noise, 1), (noise.transpose(Image.Transpose.ROTATE_90), 6)):
        data = images.encoded(stored, "PNG", exif=images.exif_block(orientation=turn))
        process_image(data, best, memory=MEMORY, emit=lambda _, encoded: seen.append(opened(encoded).tobytes()))
    assert max(abs(a - b) for a, b in zip(*seen, strict=True)) <= 4


# Colour


def test_a_wide_gamut_is_converted_to_srgb() -> None:
    """P3 (200, 100, 50) at gamma 2.2 is, by the primaries' matrix, sRGB (216, 93, 24)."""
    image = Image.new("RGB", (200, 200), (200, 100, 50))
    for format in ("JPEG", "PNG", "WEBP"):
        options = {"lossless": True} if format == "WEBP" else {}
        data = images.encoded(image, format, icc_profile=images.wide_gamut_profile(), **options)
        for _, encoded in process(data, widths=(100,))[1].values():
            result = opened(encoded)
            assert close(result.getpixel((50, 50)), (216, 93, 24), 5), format
            assert "icc_profile" not in result.info


def test_alpha_is_kept_beside_a_profile() -> None:
    data = images.png(200, 200, mode="RGBA", icc_profile=images.wide_gamut_profile())
    result = opened(process(data, widths=(100,))[1]["w100", "webp"][1])
    assert result.mode == "RGBA"
    assert result.getchannel("A").getpixel((25, 25)) == 0
    assert result.getchannel("A").getpixel((75, 75)) == 255
    assert not close(result.convert("RGB").getpixel((75, 25)), images.QUADRANTS["top_right"], 5), "not converted"


@pytest.mark.parametrize("profile", [b"no profile", images.wide_gamut_profile()[:200], bytes(4000)], ids=len)
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    for _, encoded in process(images.jpeg(200, 200, icc=profile), widths=(100,))[1].values():
        assert_upright(opened(encoded))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_profile_of_another_color_space_is_ignored(mode: str) -> None:
    _, out = process(images.jpeg(200, 200, mode=mode, icc=images.wide_gamut_profile()), widths=(100,))
    expected = images.picture(4, 4).convert(mode).convert("RGB").getpixel((0, 0))
    assert isinstance(expected, tuple)
    assert close(opened(out["w100", "webp"][1]).convert("RGB").getpixel((25, 25)), expected)


def test_srgb_itself_is_left_alone() -> None:
    plain = process(images.png(100, 100), widths=(50,))[1]
    tagged = process(images.png(100, 100, icc_profile=images.srgb_profile()), widths=(50,))[1]
    assert plain == tagged


# Kinds of pixels


MODES = {
    "PNG": ("RGB", "P"),
    "GIF": ("RGB", "P"),
    "BMP": ("RGB", "P"),
    "TIFF": ("RGB", "P", "CMYK", "YCbCr"),
    "JPEG": ("RGB", "CMYK", "YCbCr"),
}


@pytest.mark.parametrize(("format", "mode"), [(format, mode) for format, modes in MODES.items() for mode in modes])
def test_color_modes_keep_their_colors(format: str, mode: str) -> None:
    data = images.encoded(images.picture(120, 120).convert(mode), format)
    for _, encoded in process(data, widths=(60,))[1].values():
        assert_upright(opened(encoded))


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_grey_stays_grey_and_as_bright(mode: str) -> None:
    ramp = Image.linear_gradient("L").resize((200, 200))
    if mode == "I;16":
        ramp = ramp.convert("I;16").point(lambda value: value * 257)
    _, out = process(images.encoded(ramp.convert(mode) if mode != "I;16" else ramp, "PNG"), widths=(100,))
    for _, encoded in out.values():
        result = opened(encoded).convert("RGB")
        rows = result.resize((1, 4), Image.Resampling.BOX)
        levels = [rows.getpixel((0, y)) for y in range(4)]
        for color, expected in zip(levels, (32, 96, 160, 224), strict=True):
            assert close(color, (expected,) * 3, 20), (mode, levels)


@pytest.mark.parametrize(("mode", "factor"), [("I", 257), ("I", 100_000), ("F", 1 / 255), ("F", 1), ("F", 1e9)])
def test_the_range_of_wide_greys_is_found(mode: str, factor: float) -> None:
    ramp = Image.linear_gradient("L").resize((100, 100)).convert(mode).point(lambda value: value * factor + 0)
    _, out = process(images.encoded(ramp, "TIFF"), widths=(50,))
    result = opened(out["w50", "jpeg"][1]).convert("L").resize((1, 2), Image.Resampling.BOX)
    assert close((result.getpixel((0, 0)), result.getpixel((0, 1))), (64, 191), 6)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_alpha_is_kept_in_webp_and_white_in_jpeg(mode: str) -> None:
    if mode == "P":
        palette = images.picture(120, 120).quantize(4)
        clear = palette.getpixel((10, 10))
        data = images.encoded(palette, "PNG", transparency=clear)
    else:
        data = images.png(120, 120, mode=mode)
    _, out = process(data, widths=(60,))
    webp, jpeg = opened(out["w60", "webp"][1]), opened(out["w60", "jpeg"][1])
    assert webp.mode == "RGBA"
    assert webp.getchannel("A").getpixel((15, 15)) == 0
    assert webp.getchannel("A").getpixel((45, 45)) == 255
    assert close(jpeg.convert("RGB").getpixel((15, 15)), (255, 255, 255))


def test_what_is_clear_does_not_bleed_into_edges() -> None:
    """Opaque white beside clear black: resizing without alpha would make the edge grey."""
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (0, 0, 197, 400))
    jpeg = opened(process(images.encoded(image, "PNG"), widths=(100,))[1]["w100", "jpeg"][1])
    assert jpeg.convert("L").getextrema()[0] >= 250  # type: ignore[operator]  # one band: two numbers


def test_alpha_that_hides_nothing_is_dropped() -> None:
    opaque = images.picture(100, 100)
    opaque.putalpha(255)
    assert opened(process(images.encoded(opaque, "PNG"), widths=(50,))[1]["w50", "webp"][1]).mode == "RGB"


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_a_still_of_an_animation_is_its_first_frame(format: str) -> None:
    frames = [Image.new("RGB", (120, 120), "black") for _ in range(3)]
    data = images.encoded(images.picture(120, 120), format, save_all=True, append_images=frames, duration=100)
    _, out = process(data, widths=(60,))
    assert len(out) == 2
    for _, encoded in out.values():
        assert_upright(opened(encoded))


def test_a_camera_with_two_lenses_makes_a_jpeg() -> None:
    data = images.encoded(images.picture(120, 120), "MPO", save_all=True, append_images=[images.picture(60, 60)])
    assert opened(data).format == "MPO"
    info, out = process(data, widths=(60,))
    assert info.format == "jpeg"
    assert_upright(opened(out["w60", "webp"][1]))


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 2), (60, 40_000)])
def test_the_oddest_shapes_come_out(shape: tuple[int, int]) -> None:
    info, out = process(images.png(*shape))
    assert (info.width, info.height) == shape
    assert out
    for rendition, data in out.values():
        assert opened(data).size == (rendition.width, rendition.height)


# Metadata


def test_no_rendition_tells_where_or_with_what_it_was_taken() -> None:
    data = images.jpeg(
        400, 300, gps=True, exif={Base.Make: "Canon", Base.Copyright: "me"}, more_exif={Base.BodySerialNumber: "S3R1AL"}
    )
    assert b"EIFFELTOWER" in data
    info, out = process(data)
    assert "gps" not in str(info.exif).lower()
    for _, encoded in out.values():
        assert not re.search(rb"EIFFELTOWER|S3R1AL|Canon|JFIF-?XMP|http", encoded)
        found = opened(encoded).getexif()
        assert dict(found) == {Base.Copyright: "me"}
        assert not found.get_ifd(IFD.GPSInfo)
        assert not found.get_ifd(IFD.Exif)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_other_formats_metadata_is_stripped_too(format: str) -> None:
    block = images.exif_block({Base.Make: "Canon"}, gps=True)
    data = images.encoded(images.picture(200, 100), format, exif=block, xmp=b"<x:xmpmeta>EIFFELTOWER</x:xmpmeta>")
    for _, encoded in process(data, widths=(100,))[1].values():
        assert not re.search(rb"EIFFELTOWER|Canon|Exif|EXIF|XMP|xmp|iCCP|ICCP", encoded)


def test_a_comment_is_not_carried_over() -> None:
    data = images.encoded(images.picture(200, 100), "JPEG", comment=b"a private word")
    for _, encoded in process(data, widths=(100,))[1].values():
        assert b"private" not in encoded


def test_whose_it_is_stays_in_every_rendition() -> None:
    data = images.jpeg(200, 100, exif={Base.Copyright: "© Müller".encode(), Base.Artist: "Ann"}, orientation=8)
    for _, encoded in process(data, widths=(100,))[1].values():
        found = opened(encoded).getexif()
        assert {tag: str(value).encode("latin-1").decode() for tag, value in found.items()} == {
            Base.Copyright: "© Müller",
            Base.Artist: "Ann",
        }


def test_whose_it_is_may_stand_in_xmp() -> None:
    packet = (
        b"<x:xmpmeta><rdf:RDF><dc:creator><rdf:Seq><rdf:li>Ann &amp; Bo</rdf:li></rdf:Seq></dc:creator><dc:rights>"
        b'<rdf:Alt><rdf:li xml:lang="x-default">CC BY 4.0</rdf:li></rdf:Alt></dc:rights></rdf:RDF></x:xmpmeta>'
    )
    data = images.encoded(images.picture(200, 100), "JPEG", xmp=packet)
    for _, encoded in process(data, widths=(100,))[1].values():
        assert dict(opened(encoded).getexif()) == {Base.Artist: "Ann & Bo", Base.Copyright: "CC BY 4.0"}


def test_the_record_gets_the_exif() -> None:
    info, _ = process(images.jpeg(100, 100, exif={Base.Make: "Canon"}, orientation=3))
    assert info.exif == {"make": "Canon", "orientation": 3}


def test_the_record_gets_the_placeholders() -> None:
    info, _ = process(images.jpeg(400, 300))
    assert 5 <= len(b64decode(info.thumbhash, validate=True)) <= 25
    assert info.dominant_color in {
        "#{:02x}{:02x}{:02x}".format(*color) for color in images.QUADRANTS.values()
    } or close(tuple(bytes.fromhex(info.dominant_color[1:])), images.QUADRANTS["top_left"], 40)


# Speed that can be stated


def test_a_jpeg_is_decoded_no_larger_than_its_largest_rendition_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[tuple[int, int]] = []
    load = JpegImagePlugin.JpegImageFile.load

    def spy(self: JpegImagePlugin.JpegImageFile) -> object:
        decoded.append(self.size)
        return load(self)

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", spy)
    process(images.jpeg(800, 400, orientation=6), widths=(100,))
    assert decoded[0] == (50, 100)
    decoded.clear()
    process(images.jpeg(800, 400), widths=(500,))
    assert decoded[0] == (800, 400)


def test_the_strips_of_the_first_resize_meet_without_a_seam() -> None:
    noise = Image.effect_noise((400, 300), 80).convert("RGB")
    lossless = replace(PHOTO, widths=(199,), encodings=(Encoding("jpeg", 100),))
    out: list[bytes] = []
    process_image(images.encoded(noise, "PNG"), lossless, memory=MEMORY, emit=lambda _, data: out.append(data))
    expected = encode(resized(noise, (199, 149)), lossless.encodings[0])
    difference = [abs(a - b) for a, b in zip(opened(out[0]).tobytes(), opened(expected).tobytes(), strict=True)]
    assert max(difference) <= 3, "one level, and what JPEG makes of it"


# Faults


@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP"])
def test_a_truncated_file_is_corrupt(format: str, part: float) -> None:
    options = {"quality": 90} if format in ("JPEG", "WEBP", "AVIF") else {}
    data = images.encoded(Image.effect_noise((300, 200), 60).convert("RGB"), format, **options)
    assert fault(images.truncated(data, part)).code is ErrorCode.CORRUPT


@pytest.mark.parametrize(
    "data", [b"", images.text(), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", bytes(100)], ids=range(6)
)
def test_no_image_at_all_is_corrupt(data: bytes) -> None:
    assert fault(data).code is ErrorCode.CORRUPT


def test_a_format_that_is_not_allowed_is_not_even_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    data = images.encoded(images.picture(20, 20), "PPM")
    tried: list[object] = []
    monkeypatch.setitem(Image.OPEN, "PPM", (lambda *_: tried.append(1), lambda _: True))
    assert fault(data).code is ErrorCode.CORRUPT
    assert tried == []


def test_what_pillow_warns_of_is_no_fault() -> None:
    """The JPEG claims to have several pictures, and does not say where."""
    data = images.jpeg(100, 100)
    broken = data[:2] + b"\xff\xe2\x00\x10MPF\0II*\0\xff\0\0\0xx" + data[2:]
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        opened(broken)
    assert "malformed MPO" in str([warning.message for warning in heard])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert process(broken)[0].width == 100


def test_a_fault_has_a_message_for_a_person() -> None:
    for data in (images.text(), images.huge_png()):
        assert re.fullmatch(r"The image .*\.", fault(data).message)


HUGE = {"png": images.huge_png, "webp": images.huge_webp}


@pytest.mark.parametrize("name", HUGE)
def test_a_bomb_is_refused_without_its_pixels_being_touched(name: str) -> None:
    code = f"""
import resource, sys
from chalicelib.processing.image.cascade import process_image
from chalicelib.processing.image.jpeg import passes
from chalicelib.renditions.recipes import RECIPES
from chalicelib.model import PermanentFault
from tests import images
data = images.HUGE()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    process_image(data, RECIPES["photo"], memory={MEMORY}, emit=print)
except PermanentFault as fault:
    print(fault.code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
""".replace("HUGE", HUGE[name].__name__)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    error, grown = done.stdout.split()
    assert error == "too_many_pixels"
    assert int(grown) < 20_000_000 // 1024, "kilobytes on Linux"


def test_the_same_file_is_refused_or_not_by_the_memory_there_is() -> None:
    data = images.huge_png(6000, 4000)
    assert process(data, recipe="original-only")[0].width == 6000
    assert fault(data, memory=256 * 1024**2).code is ErrorCode.TOO_MANY_PIXELS


def test_the_bound_is_ours_and_says_what_it_would_take() -> None:
    assert re.search(r"30000 x 30000 would take about \d{4,5} MiB", fault(images.huge_png()).message)


def test_memory_that_runs_out_all_the_same_is_too_many_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> bytes:
        raise MemoryError

    for target in ("decode.eight_bit", "cascade.first_resize", "encoders.encode"):
        with monkeypatch.context() as patch:
            patch.setattr(f"chalicelib.processing.image.{target}", exhausted)
            assert fault(images.jpeg(100, 100)).code is ErrorCode.TOO_MANY_PIXELS


def needed(data: bytes, target: tuple[int, int] = (100, 100), draft: bool = False) -> float:
    """The estimated bytes a pixel of the source, without those that the function takes at rest."""
    image = Image.open(BytesIO(data))
    stored = image.size
    scans = passes(BytesIO(data)) if image.format == "JPEG" else 1
    if draft:
        image.draft(None, target)
    need = decode.estimate(image, stored, target, file_size=0, scans=scans)
    return (need - memory.RESIDENT) / (stored[0] * stored[1])


def test_the_estimate_knows_what_each_format_takes() -> None:
    """It is at least the bytes a pixel that were measured at 20 MP, and not twice that."""
    picture, clear = images.picture(2000, 2000), images.picture(2000, 2000, "RGBA")
    measured = {
        4.05: images.jpeg(2000, 2000),
        10.05: images.jpeg(2000, 2000, progressive=True),  # 4:4:4
        5.0: images.encoded(picture.quantize(8), "PNG"),
        8.0: images.encoded(clear, "PNG"),
        16.2: images.encoded(picture, "WEBP", method=0),
        19.0: images.encoded(clear, "WEBP", method=0),
        9.4: images.encoded(picture, "AVIF", speed=10),
        8.6: images.one_strip_tiff(picture),
        4.0: images.encoded(picture, "BMP"),
    }
    for bytes_a_pixel, data in measured.items():
        assert bytes_a_pixel <= needed(data) < 2 * bytes_a_pixel


def test_the_estimate_knows_what_a_reduced_jpeg_saves() -> None:
    assert needed(images.jpeg(1600, 1600), (200, 200), draft=True) < 0.9
    progressive = images.jpeg(1600, 1600, progressive=True)
    assert needed(progressive, (200, 200), draft=True) > 6, "its coefficients are all kept"


def test_the_estimate_counts_what_is_made() -> None:
    tall = images.png(100, 100)
    assert needed(tall, (1920, 16383)) * 10_000 > 900e6, "measured: 886 MB"


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "L"}, {"mode": "CMYK"}, {"gps": True}])
def test_the_passes_of_a_jpeg_are_counted(options: dict[str, object]) -> None:
    source = BytesIO(images.jpeg(64, 64, **options))  # type: ignore[arg-type]
    assert (passes(source) == 1) is ("progressive" not in options)
    assert source.tell() == 0


def test_a_jpeg_of_thousands_of_passes_is_refused_at_once() -> None:
    data = images.many_scans(images.jpeg(64, 64, progressive=True), 5000)
    assert fault(data).code is ErrorCode.CORRUPT
    few = images.many_scans(images.jpeg(64, 64, progressive=True), 5)
    assert process(few)[0].width == 64


# Emitting


def test_renditions_are_emitted_as_they_are_made_and_not_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    def spy(*arguments: Any) -> bytes:
        events.append("encode")
        return encode(*arguments)

    monkeypatch.setattr("chalicelib.processing.image.encoders.encode", spy)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    process_image(images.jpeg(1920, 1280), PHOTO, memory=MEMORY, emit=lambda *_: events.append("emit"))
    assert events.count("emit") == events.count("encode") == 12
    assert events.index("emit") <= 2, "no more encoders at once than processors"


def test_what_emit_raises_comes_out_when_nothing_runs_any_more() -> None:
    running, lock = 0, threading.Lock()

    def emit(rendition: Rendition, _: bytes) -> None:
        nonlocal running
        with lock:
            running += 1
        time.sleep(0.02)
        with lock:
            running -= 1
        if rendition.name == "w160":
            raise ConnectionError("S3 is away")

    with pytest.raises(ConnectionError, match="S3 is away"):
        process_image(images.jpeg(700, 400), PHOTO, memory=MEMORY, emit=emit)
    assert running == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("encode")]


def test_after_a_failure_no_more_is_encoded_than_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    emitted: list[str] = []

    def emit(rendition: Rendition, _: bytes) -> None:
        emitted.append(rendition.name)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        process_image(images.jpeg(1920, 1280), PHOTO, memory=MEMORY, emit=emit)
    assert len(emitted) <= 2, "one a processor"


def test_threads_that_encode_one_image_do_not_mix_their_options() -> None:
    """`Image.save` keeps its options on the image: without a view for each thread, most of these files are wrong."""
    image = images.picture(64, 64)
    encodings = [Encoding("jpeg", quality) for quality in range(10, 100, 5)]
    alone = [encode(image, encoding) for encoding in encodings]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            for _ in range(20):
                assert list(pool.map(lambda encoding: encode(image, encoding), encodings)) == alone
    finally:
        sys.setswitchinterval(before)
