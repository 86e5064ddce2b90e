"""Decodes one HEIF in a process of its own: the file on stdin, a line of JSON and the raw pixels on stdout.

heif.py runs it. A file that crashes the decoder, or needs too much memory (argument: bytes), ends only this process.
"""

from __future__ import annotations

import json
import resource
import sys
from base64 import b64encode
from io import BytesIO


def main(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    import pi_heif  # type: ignore[import-untyped]
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # heif.py has checked the size
    pi_heif.register_heif_opener(thumbnails=False)
    data = sys.stdin.buffer.read()
    try:
        with Image.open(BytesIO(data), formats=["HEIF"]) as image:
            image.load()
    except UnidentifiedImageError:
        sys.stdout.buffer.write(json.dumps({"refused": _reason(data)}).encode() + b"\n")
        return
    found = {name: image.info.get(name) for name in ("exif", "icc_profile", "xmp")}
    info = {name: b64encode(value).decode() for name, value in found.items() if isinstance(value, bytes)}
    head = {"mode": image.mode, "size": image.size, "info": info}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n")
    sys.stdout.buffer.write(image.tobytes())


def _reason(data: bytes) -> str:
    """libheif's own words, which Pillow does not pass on."""
    import pi_heif

    try:
        pi_heif.open_heif(BytesIO(data))
    except Exception as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main(int(sys.argv[1]))
