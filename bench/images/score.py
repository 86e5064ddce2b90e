"""`python -m bench.images.score`, in the bench's venv: compares each rendition with the best possible one.

The reference of a size is the photo decoded in full, turned, in sRGB, and resized once with Pillow's LANCZOS. Filemill,
plain Pillow and thumbor use that filter too, which is a slight advantage for them. Alpha is shown on white.
SSIM is measured on luma, with the original paper's Gaussian window. SSIMULACRA2 is slow, so it is measured for some
widths of WebP only, and not where a side is below 256 pixels, which its six scales need.

A line on stdin: {"photo", "folder" (with a folder an engine), "sizes": [[width, height]], "widths": for SSIMULACRA2}
A line on stdout: {ENGINE: {FILE: {"ssim", "ssimulacra2" or null}}}
"""

from __future__ import annotations

import json
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy
from PIL import Image, ImageCms, ImageOps
from skimage.metrics import structural_similarity
from ssimulacra2 import compute_ssimulacra2

Image.MAX_IMAGE_PIXELS = None
SRGB = ImageCms.createProfile("sRGB")
SIDE = 256


def scores(photo: Path, folder: Path, sizes: list[list[int]], widths: list[int]) -> dict[str, object]:
    whole = as_seen(photo)
    result: dict[str, dict[str, object]] = {engine.name: {} for engine in folder.iterdir()}
    with tempfile.TemporaryDirectory() as scratch:
        for width, height in sizes:
            references = {}
            for path in sorted(folder.glob(f"*/{width}.*")):
                made = on_white(as_seen(path))
                if made.width != width or abs(made.height - height) > 1:  # halves are rounded this way or that
                    raise SystemExit(f"{path} is {made.size}, not {(width, height)}")
                if made.size not in references:
                    references[made.size] = on_white(whole.resize(made.size, Image.Resampling.LANCZOS))
                reference = references[made.size]
                luma = numpy.asarray(reference.convert("L"))
                ssim = structural_similarity(
                    luma,
                    numpy.asarray(made.convert("L")),
                    gaussian_weights=True,
                    sigma=1.5,
                    use_sample_covariance=False,
                    data_range=255,
                )
                score = None
                if path.suffix == ".webp" and width in widths and min(made.size) >= SIDE:
                    reference.save(Path(scratch) / "reference.png", compress_level=0)
                    made.save(Path(scratch) / "made.png", compress_level=0)
                    score = compute_ssimulacra2(f"{scratch}/reference.png", f"{scratch}/made.png")
                result[path.parent.name][path.name] = {"ssim": float(ssim), "ssimulacra2": score}
    return dict(result)


def as_seen(path: Path) -> Image.Image:
    """The image upright, its colours in sRGB."""
    with Image.open(path) as file:
        image: Image.Image = ImageOps.exif_transpose(file)
    profile = image.info.get("icc_profile")
    if image.mode not in ("RGB", "RGBA", "CMYK"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if profile and image.mode in ("RGB", "CMYK"):
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
        assert converted is not None
        image = converted
    return image if image.mode == "RGBA" else image.convert("RGB")


def on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


if __name__ == "__main__":
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(scores(Path(job["photo"]), Path(job["folder"]), job["sizes"], job["widths"])), flush=True)
