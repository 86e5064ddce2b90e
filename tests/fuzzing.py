"""Hostile files: small sound files with random changes, which are the same in every run."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image

from chalicelib.model import PermanentFault
from chalicelib.processing.image.cascade import process_image
from chalicelib.renditions.recipes import RECIPES
from tests import images
from tests.heic import HEIC

MEMORY = 400 * 1024**2
MAX_SECONDS = 5.0
"""CPU time for one file of some kilobytes. A sound one takes 0.01."""

RECIPE = replace(RECIPES["photo"], widths=(16, 32), keep_gps=True)
_NUMBERS = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0", b"\0\0\xff\xff", b"\xff\xff", b"\0\1")


@dataclass
class Case:
    """One file and what became of it. `outcome` is "ready", an error code, or an exception that must not happen."""

    name: str
    data: bytes
    outcome: str
    seconds: float


def seeds() -> dict[str, bytes]:
    """One small file for each format, and for each path through the decoders."""
    picture, clear = images.picture(48, 32), images.picture(48, 32, "RGBA")
    words = images.exif_block({0x8298: "me", 0x010E: "a door"}, orientation=6, gps=True)
    more = {"save_all": True, "append_images": [images.picture(48, 32).rotate(n) for n in (9, 18)], "duration": 50}
    found = {
        "jpeg": images.jpeg(48, 32, exif={0x8298: "me"}, orientation=6, gps=True, icc=images.wide_gamut_profile()),
        "progressive": images.jpeg(48, 32, progressive=True),
        "cmyk": images.encoded(picture.convert("CMYK"), "JPEG", icc_profile=images.cmyk_profile(2)),
        "mpo": images.encoded(picture, "MPO", save_all=True, append_images=[picture]),
        "png": images.png(48, 32, mode="RGBA", exif=words, icc_profile=images.srgb_profile()),
        "palette png": images.encoded(picture.quantize(8), "PNG"),
        "deep png": images.deep_png(48, 8, 3, lambda x: x * 1000),
        "apng": images.encoded(picture, "PNG", **more),
        "gif": images.encoded(picture, "GIF"),
        "animated gif": images.encoded(picture, "GIF", **more),
        "webp": images.encoded(clear, "WEBP", exif=words),
        "lossless webp": images.encoded(clear, "WEBP", lossless=True),
        "animated webp": images.encoded(picture, "WEBP", **more),
        "avif": images.encoded(clear, "AVIF", exif=words, speed=10),
        "tiff": images.encoded(picture, "TIFF"),
        "packed tiff": images.encoded(picture, "TIFF", compression="tiff_lzw"),
        "bmp": images.encoded(picture, "BMP"),
        "ico": images.encoded(picture, "ICO", sizes=[(16, 16), (32, 32)]),
        "bitmap ico": images.encoded(picture, "ICO", sizes=[(16, 16), (32, 32)], bitmap_format="bmp"),
        "jp2": images.encoded(picture, "JPEG2000"),
    }
    return found | {f"heic {name}": data for name, data in HEIC.items()}


def mutated(data: bytes, generator: random.Random, other: bytes) -> bytes:
    """The file with one to eight changes: bits, numbers, and pieces removed, doubled, or taken from another file."""
    changed = bytearray(data)
    for _ in range(generator.choice((1, 1, 2, 4, 8))):
        # Half of the changes hit the first bytes, where the headers are.
        end = len(changed) if generator.random() < 0.5 else min(len(changed), 200)
        at = generator.randrange(max(1, end))
        length = generator.choice((1, 2, 4, 16, 64, 256))
        match generator.randrange(7):
            case 0:
                changed[at : at + 1] = bytes([generator.randrange(256)])
            case 1:
                changed[at : at + 1] = bytes(byte ^ 1 << generator.randrange(8) for byte in changed[at : at + 1])
            case 2:
                number = generator.choice(_NUMBERS)
                changed[at : at + len(number)] = number
            case 3:
                del changed[at : at + length]
            case 4:
                changed[at:at] = changed[at : at + length] * generator.choice((1, 2, 50))
            case 5:
                begin = generator.randrange(len(other))
                changed[at : at + length] = other[begin : begin + length]
            case _:
                del changed[max(12, at) :]
    return bytes(changed)


def tried(name: str, data: bytes, memory: int = MEMORY) -> Case:
    begun = time.process_time()
    try:
        process_image(data, RECIPE, memory=memory, emit=_looked_at)
        outcome = "ready"
    except PermanentFault as fault:
        outcome = str(fault.code)
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    return Case(name, data, outcome, time.process_time() - begun)


def fuzz(seed: int, count: int | None = None, seconds: float = 0) -> tuple[Counter[str], list[Case]]:
    """Tries `count` files, or as many as `seconds` allow. Returns how many had each outcome, and the bad cases."""
    generator, sound = random.Random(seed), seeds()
    names, outcomes, bad = sorted(sound), Counter[str](), list[Case]()
    until, tries = time.monotonic() + seconds, 0
    while tries < count if count is not None else time.monotonic() < until:
        name = names[tries % len(names)]
        tries += 1
        case = tried(name, mutated(sound[name], generator, sound[generator.choice(names)]))
        outcomes[case.outcome] += 1
        if (
            case.outcome not in ("ready", "corrupt", "too_many_pixels", "unsupported_type")
            or case.seconds > MAX_SECONDS
        ):
            bad.append(case)
    return outcomes, bad


def _looked_at(rendition: object, encoded: bytes) -> None:
    with Image.open(BytesIO(encoded)) as image:
        image.load()
