"""Decodes HEIC and HEIF, the format of many phones, by libheif and libde265 (LGPL) through pi-heif.

pi-heif is pillow-heif without its encoder x265, which is GPL, 20 MB, and not needed. It takes 4 MB of the package.

It decodes in a process of its own (0.2 s). Fuzzing found damaged files that crash pi-heif 1.4.0 when they are opened.
A function that crashes would receive its message five times, and never say `corrupt`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image import boxes
from chalicelib.processing.image.position import position_kept
from chalicelib.processing.sniff import SNIFF_BYTES, sniff

FORMAT = "HEIF"  # as Pillow knows it
# HEVC, JPEG, H.264 and JPEG 2000. libheif says itself which of them it reads.
_TYPES = ("image/heic", "image/heif", "image/avci", "image/avcs", "image/hej2k")

_SECONDS = 60
_SEQUENCE_PARAMETERS = 33  # the NAL unit with the coded size (ITU-T H.265, 7.3.2.2)


def is_heif(source: BinaryIO) -> bool:
    """True if the file is a HEIF. Keeps the position."""
    with position_kept(source):
        return sniff(source.read(SNIFF_BYTES)) in _TYPES


def opened(source: BinaryIO, memory: int) -> Image.Image:
    """The decoded image with its EXIF, XMP and profile; its `format` is "HEIF". The decoder gets `memory` bytes.

    libheif turns and mirrors the pixels by the file's own `irot` and `imir` boxes. An EXIF orientation beside them says
    the same once more, and must be ignored (ISO/IEC 23008-12); the plugin sets it to 1.

    Raises PermanentFault `unsupported_type` for a sound file that libheif does not read: of another codec, or with
    features that are newer. Raises OSError when the file cannot be decoded, when the decoder crashes, and when it takes
    a minute.
    """
    child = Path(__file__).with_name("heif_child.py")
    source.seek(0)
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and file
            [sys.executable, "-P", str(child), str(memory)],
            input=source.read(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout=_SECONDS,
            check=True,
        )
    except subprocess.SubprocessError as error:
        raise OSError("the HEIF decoder gave up") from error
    head, _, pixels = done.stdout.partition(b"\n")
    found = json.loads(head)
    if "refused" in found:
        if "unsupported" in found["refused"].lower() or not boxes.is_hevc(source):
            raise PermanentFault(
                ErrorCode.UNSUPPORTED_TYPE, "The HEIF is of a variant that is not supported. Save it as JPEG."
            )
        raise OSError(found["refused"])
    image = Image.frombytes(found["mode"], tuple(found["size"]), pixels)
    image.info = {name: b64decode(value) for name, value in found["info"].items()}
    image.format = FORMAT
    return image


def claimed_pixels(source: BinaryIO) -> int:
    """The most pixels that decoding may have to make, by everything that the file says of itself. Keeps the position.

    Pillow only learns the size after cropping (`clap`), so a file may decode a thousand times as much as it shows. This
    looks at the items' sizes (`ispe`), and at those in the headers of the coded streams (`hvcC`).
    """
    with position_kept(source):
        meta = boxes.meta(source)[1]
    largest = 0
    for at in _all(meta, b"ispe\0\0\0\0"):
        largest = max(largest, int.from_bytes(meta[at + 8 : at + 12]) * int.from_bytes(meta[at + 12 : at + 16]))
    for at in _all(meta, b"hvcC"):
        end = at - 4 + int.from_bytes(meta[at - 4 : at])
        for unit in _units(meta[at + 4 : max(at + 4, min(end, at + 65536))]):
            largest = max(largest, _coded_pixels(unit))
    return largest


def _all(data: bytes, wanted: bytes) -> Iterator[int]:
    at = data.find(wanted)
    while at >= 0:
        yield at
        at = data.find(wanted, at + len(wanted))


def _units(config: bytes) -> Iterator[bytes]:
    """The sequence parameter sets of an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3)."""
    at = 23
    for _ in range(config[22] if len(config) > 22 else 0):
        kind, count = config[at : at + 1], int.from_bytes(config[at + 1 : at + 3])
        at += 3
        for _ in range(count):
            if at + 2 > len(config):
                return
            length = int.from_bytes(config[at : at + 2])
            if kind and kind[0] & 63 == _SEQUENCE_PARAMETERS:
                yield config[at + 2 : at + 2 + length]
            at += 2 + length


def _coded_pixels(unit: bytes) -> int:
    """Width x height of a sequence parameter set; 0 for one that ends before its size."""
    bits = "".join(f"{byte:08b}" for byte in unit[2:512].replace(b"\0\0\3", b"\0\0"))
    layers = int(bits[4:7] or "0", 2)
    at = 8 + 96  # ids; profile, tier and level
    if layers:
        flags = bits[at : at + 2 * layers]
        at += 16 + 88 * flags[::2].count("1") + 8 * flags[1::2].count("1")
    numbers: list[int] = []  # exp-Golomb: id, chroma format, width, height
    while len(numbers) < 4:
        one = bits.find("1", at)
        if one < 0 or one - at > 32 or len(bits) < 2 * one - at + 1:
            return 0
        numbers.append(int(bits[one : 2 * one - at + 1], 2) - 1)
        at = 2 * one - at + 1
        if len(numbers) == 2 and numbers[1] == 3:
            at += 1  # separate_colour_plane_flag
    return numbers[2] * numbers[3]
