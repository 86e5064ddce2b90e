"""Pillow as it is usually written: decode in full, turn, convert to sRGB, then each size from the original.

Its encoders have Pillow's defaults, except for the quality. JPEG is optimised, as in all engines here.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, ImageOps

from bench.images.engines.serve import name_of, serve

SRGB = ImageCms.createProfile("sRGB")


def run(photo: bytes, renditions: list[dict[str, Any]]) -> dict[str, bytes]:
    image: Image.Image = ImageOps.exif_transpose(Image.open(BytesIO(photo)))
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
        assert converted is not None
        image = converted
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    made: dict[str, bytes] = {}
    for rendition in renditions:
        resized = image.resize((rendition["width"], rendition["height"]), Image.Resampling.LANCZOS)
        resized.info = {}
        if rendition["format"] == "jpeg" and resized.mode == "RGBA":
            paper = Image.new("RGB", resized.size, "white")
            paper.paste(resized, mask=resized.getchannel("A"))
            resized = paper
        more = {"optimize": True} if rendition["format"] == "jpeg" else {}
        buffer = BytesIO()
        resized.save(buffer, rendition["format"], quality=rendition["quality"], **more)
        made[name_of(rendition)] = buffer.getvalue()
    return made


if __name__ == "__main__":
    serve(run)
