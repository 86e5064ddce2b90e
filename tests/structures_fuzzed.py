"""Every format of image, each small sound file damaged in every way of structures.py, each processed twice.

Such a file must end as ready or with a code, in bounded time and memory, and the second time as the first time.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import resource
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from chalicelib.model import PermanentFault, Rendition
from chalicelib.processing.image.cascade import process_image
from chalicelib.processing.image.memory import RESIDENT
from tests import avifs, bitmaps, fuzzing, images, pngs, structures, tiffs
from tests.animations import CLEAR, RESTORE, Drawn, apng, gif, webp
from tests.fuzzing import MAX_SECONDS, MEMORY, RECIPE, Case

OUTCOMES = frozenset({"ready", "corrupt", "too_many_pixels", "unsupported_type"})
MOST_TAKEN = MEMORY - RESIDENT + 50 * 1024**2
"""Bytes that a file may take, beside what the process has before: with the tests of a whole run, that is much."""
BATCH = 100
_SWITCH = Path("/proc/self/clear_refs")  # of Linux; 5 begins the count of the peak again


def seeds() -> dict[str, bytes]:
    """One small file for each sort of each format."""
    found = fuzzing.seeds() | _jpegs() | _pngs() | _animations() | _tiffs() | _bitmaps() | _boxed()
    return dict(sorted(found.items()))


def _jpegs() -> dict[str, bytes]:
    scene = images.scene(3, 48, 40)
    return {
        "grey jpeg": images.encoded(scene.convert("L"), "JPEG"),
        "coarse jpeg": images.encoded(scene, "JPEG", subsampling="4:2:0", restart_marker_blocks=2),
        "progressive cmyk": images.encoded(scene.convert("CMYK"), "JPEG", progressive=True),
    }


def _pngs() -> dict[str, bytes]:
    colored = pngs.cicp(9, 16) + pngs.light(1000) + pngs.profile(images.wide_gamut_profile()) + pngs.gamma(0.5)
    palette = pngs.chunk(b"PLTE", bytes(range(48))) + pngs.clear(1, 2)
    depths = {
        f"png {color_type} {depth}": pngs.png(
            depth,
            color_type,
            partial(_levels, count, (1 << depth) - 1),
            before=palette if color_type == 3 else b"",
        )
        for color_type, count in pngs.CHANNELS.items()
        for depth in {0: (1, 2, 4, 16), 2: (16,), 3: (1, 2, 4), 4: (8, 16), 6: (16,)}[color_type]
    }
    return depths | {
        "colored png": pngs.png(16, 2, lambda x, y: [x * 900, y * 900, 0], size=(48, 32), before=colored),
        "clear png": pngs.png(16, 2, lambda x, _: [x, 0, 0], size=(48, 32), before=pngs.clear(9, 0, 0)),
        "png with words": pngs.png(
            8,
            0,
            lambda x, y: [x * y & 255],
            before=pngs.gamma(1.0) + pngs.chromaticities(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
            after=pngs.chunk(b"tEXt", b"Author\0me") + pngs.chunk(b"iTXt", b"Title\0\0\0en\0\0a door"),
        ),
    }


def _levels(count: int, most: int, x: int, y: int) -> list[int]:
    return [(x * 7 + y + band) & most for band in range(count)]


def _animations() -> dict[str, bytes]:
    picture, part = images.picture(24, 16, "RGBA"), images.picture(8, 8, "RGBA")
    frames = [Drawn(picture), Drawn(part, 4, 4, disposal=CLEAR), Drawn(part, 2, 6, delay=0, over=False), Drawn(picture)]
    restored = [*frames[:2], Drawn(part, 10, 2, disposal=RESTORE, local=True, interlaced=True), frames[3]]
    return {
        "composed gif": gif((24, 16), restored),
        "composed apng": apng((24, 16), frames),
        "hidden apng": apng((24, 16), frames, hidden=picture, interlaced=True),
        "composed webp": webp((24, 16), frames),
        "lossy animated webp": webp((24, 16), frames, lossless=False),
    }


def _tiffs() -> dict[str, bytes]:
    scene = images.scene(3, 48, 32)

    def made(layout: tiffs.Layout) -> bytes:
        most = 1 if layout.format == 3 else (1 << layout.bits) - 1
        return tiffs.tiff(layout, lambda x, y: [min((x + y + n) / 60 if most == 1 else x + y + n, most)
                                                for n in range(layout.samples)])  # fmt: skip

    packed = {
        f"tiff {name}": images.encoded(scene.convert(mode), "TIFF", compression=name)
        for name, mode in (("packbits", "L"), ("group4", "1"), ("jpeg", "RGB"), ("tiff_adobe_deflate", "RGBA"))
    }
    return packed | {
        "white is zero": made(tiffs.Layout(0, 16)),
        "big-endian tiff": made(tiffs.Layout(2, 16, samples=3, little=False)),
        "planar tiff": made(tiffs.Layout(2, 16, samples=3, planar=True)),
        "tiled tiff": made(tiffs.Layout(1, 8, samples=2, extra=(1,), tile=16, compression=8)),
        "float tiff": made(tiffs.Layout(2, 32, 3, 3, compression=8)),
        "cmyk tiff": images.encoded(scene.convert("CMYK"), "TIFF"),
        "lab tiff": images.encoded(scene.convert("LAB"), "TIFF"),
        "palette tiff": images.encoded(scene.quantize(16), "TIFF"),
        "raw": tiffs.raw(),
        "dng": tiffs.raw(dng=True),
    }


def _bitmaps() -> dict[str, bytes]:
    scene = images.scene(3, 23, 7)
    mixed = bitmaps.dib(8, 4, lambda x, y: (x + y) & 15, lambda x, _: x > 4, [(n, n, n) for n in range(16)])
    return {
        "bit fields": bitmaps.bmp(lambda x, y: (x, y, 9, 255), (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
        "bmp 565": bitmaps.bmp(lambda x, y: (x, y, 9, 255), (0xF800, 0x7E0, 0x1F, 0), bits=16, header=40),
        "bmp with a profile": bitmaps.bmp(
            lambda x, y: (x, y, 9, 9), (0xFF0000, 0xFF00, 0xFF, 0xFF000000), profile=images.wide_gamut_profile()
        ),
        "bmp of 8 bits": images.encoded(scene.quantize(256), "BMP"),
        "bmp of 1 bit": images.encoded(scene.convert("1"), "BMP"),
        "packed bmp": _run_length(),
        "cursor": bitmaps.icon((8, 4, mixed), (8, 4, mixed), kind=2),
        "icon": bitmaps.icon((16, 24, bitmaps.dib(16, 24, lambda x, y: x * y, lambda x, _: x > 9))),
    }


def _run_length() -> bytes:
    """A BMP of eight bits, packed by the lengths of runs (RLE8)."""
    palette = bytes(range(256)) * 4
    rows = b"".join(bytes([8, n, 4, n + 1, 0, 0]) for n in range(8)) + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, 12, 8, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(rows), 0, 0, 54 + 1024) + head + palette + rows


def _boxed() -> dict[str, bytes]:
    scene = images.scene(3, 48, 32)
    moving = {"save_all": True, "append_images": [scene.rotate(9)], "speed": 10}
    return {
        "bright avif": avifs.avif(scene, 9, 16),
        "tables of an avif": avifs.with_tables(images.encoded(images.picture(48, 32, "RGBA"), "AVIF", speed=10)),
        "grey avif": images.encoded(scene.convert("L"), "AVIF", speed=10),
        "moving avif": images.encoded(scene, "AVIF", **moving),
        "ycc jpeg 2000": images.encoded(scene.convert("YCbCr"), "JPEG2000"),
        "clear jpeg 2000": images.encoded(images.picture(48, 32, "RGBA"), "JPEG2000", tile_size=(16, 16)),
        "deep jpeg 2000": images.encoded(Image.new("I;16", (20, 20), 999), "JPEG2000"),
        "code stream": images.encoded(scene, "JPEG2000", no_jp2=True),
    }


@dataclass(frozen=True)
class Damaged:
    """One damaged file, which is made when it is wanted."""

    name: str
    make: Callable[[], bytes]


def pool(seed: int, *, only: str = "") -> list[Damaged]:
    """All damaged files in an order of this seed's; of the files whose name has `only` in it."""
    found = [
        Damaged(f"{name}: {change}", make)
        for name, data in seeds().items()
        if only in name
        for change, make in structures.changes(data)
    ]
    random.Random(seed).shuffle(found)
    return found


def tried(name: str, data: bytes) -> Case:
    """The file, processed twice. The outcome is one of `OUTCOMES`, or says what must not be."""
    before = _begin_peak()
    begun = _cpu()
    first = _once(data)
    seconds = _cpu() - begun
    second = _once(data)
    outcome = first[0] if first == second else f"!other the second time: {first[0]} and {second[0]}"
    if (taken := _peak() - before) > MOST_TAKEN:
        outcome = f"!{taken // 1024**2} MiB"
    return Case(name, data, outcome, seconds)


def is_bad(case: Case) -> bool:
    return case.outcome not in OUTCOMES or case.seconds > MAX_SECONDS


def fuzz(seed: int, count: int | None = None, seconds: float = 0, only: str = "") -> tuple[Counter[str], list[Case]]:
    """Tries `count` files, or as many as `seconds` allow. Returns how many had each outcome, and the bad cases.

    They are tried in processes of their own: a file that crashes one is a bad case.
    """
    wanted = pool(seed, only=only)[:count]
    outcomes, bad = Counter[str](), list[Case]()
    until = time.monotonic() + seconds
    while wanted and (count is not None or time.monotonic() < until):
        done = 0
        for case in _forked(wanted[:BATCH]):
            done += 1
            outcomes[case.outcome] += 1
            if is_bad(case):
                bad.append(case)
        wanted = wanted[done:]
    return outcomes, bad


def _forked(batch: list[Damaged]) -> Iterator[Case]:
    """Each file's case, from a child. The last one is that of the file of which the child died, if it did."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(reading)
            _serve(batch, writing)
        finally:
            os._exit(0)
    os.close(writing)
    done = 0
    with os.fdopen(reading, "rb") as answers, suppress(EOFError):
        while done < len(batch):
            yield pickle.load(answers)
            done += 1
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if done < len(batch):
        yield Case(batch[done].name, batch[done].make(), f"!the process ended with {status}", 0.0)


def _serve(batch: list[Damaged], writing: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for each in batch:
        resource.setrlimit(resource.RLIMIT_CPU, (int(_cpu()) + 40, resource.RLIM_INFINITY))
        os.write(writing, pickle.dumps(tried(each.name, each.make())))


def _once(data: bytes) -> tuple[str, str]:
    """The outcome, and a hash of all that came out."""
    out: dict[str, str] = {}

    def emit(rendition: Rendition, encoded: bytes) -> None:
        out[f"{rendition.name}.{rendition.format}"] = hashlib.sha256(encoded).hexdigest()

    try:
        info = process_image(data, RECIPE, memory=MEMORY, emit=emit)
        return "ready", info.model_dump_json() + str(sorted(out.items()))
    except PermanentFault as fault:
        return str(fault.code), fault.message
    except Exception as error:
        return f"!{type(error).__name__}: {error}", ""


def _cpu() -> float:
    """Seconds of CPU of this process and its children."""
    used = (resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _begin_peak() -> int:
    """The memory (bytes) of this process now, from which its peak is counted again."""
    with suppress(OSError):
        _SWITCH.write_text("5")
    return _peak()


def _peak() -> int:
    """The most memory (bytes) of this process since `_begin_peak`; 0 where nobody says it."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
