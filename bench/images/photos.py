"""The photographs: from Debian's package lomiri-wallpapers-16.04 (CC-BY, CC-BY-SA and CC0), as they are and derived.

The package's photos were saved for the web: most are progressive, and they have no metadata. Other files that cameras
and people send (24 MP, a phone's turned wide-gamut photo, PNG, WebP, clear corners) are made from them, with EXIF and
grain.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter
from PIL.ExifTags import IFD, Base

from bench.images.tools import HOME
from tests.images import wide_gamut_profile

PACKAGE = "lomiri-wallpapers-16.04"
DEB = f"{PACKAGE}_20.04.0-2_all.deb"
URL = f"https://deb.debian.org/debian/pool/main/l/lomiri-wallpapers/{DEB}"
SHA256 = "a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab"
AS_THEY_ARE = {
    "p8-baseline.jpg": "umang_by_Abhishek_Mudgal.jpg",
    "p10-portrait-progressive.jpg": "Wine_by_Jakkub_Mede.jpg",
}
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff", ".gif", ".bmp"}
GRAIN = 3  # levels of noise at most, up or down


def in_folder(folder: Path) -> list[Path]:
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not photos:
        raise SystemExit(f"There are no photographs in {folder}.")
    return photos


def default() -> list[Path]:
    """The bench's own set, made once in .local/bench/photos."""
    folder = HOME / "photos"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _make(_unpacked(_package()), folder)
        (folder / "done").touch()
    return in_folder(folder)


def _package() -> bytes:
    kept = HOME / DEB
    if not kept.exists():
        print(f"bench: fetching the photographs ({DEB}, 16 MB)", file=sys.stderr)
        if shutil.which("apt-get"):
            subprocess.run(["apt-get", "download", "-qq", f"{PACKAGE}=20.04.0-2"], cwd=HOME, capture_output=True)
        if not kept.exists():
            try:
                with urllib.request.urlopen(URL, timeout=60) as answer:
                    kept.write_bytes(answer.read())
            except OSError as error:
                raise SystemExit(f"{URL} can't be fetched ({error}): give a folder with --photos.") from error
    data = kept.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        kept.unlink()
        raise SystemExit(f"{DEB} is not the file that it should be; it was removed. Try again, or use --photos.")
    return data


def _unpacked(deb: bytes) -> dict[str, bytes]:
    """The files by name. A .deb is an `ar` archive with 60-byte headers; the files are in its member data.tar.*."""
    position = 8
    while position < len(deb):
        name, size = deb[position : position + 16].decode().strip(), int(deb[position + 48 : position + 58])
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=BytesIO(deb[position + 60 : position + 60 + size])) as files:
                members = ((Path(member.name).name, files.extractfile(member)) for member in files if member.isfile())
                return {name: file.read() for name, file in members if file}
        position += 60 + size + size % 2
    raise SystemExit(f"{DEB} holds no files.")


def _make(files: dict[str, bytes], folder: Path) -> None:
    for name, original in AS_THEY_ARE.items():
        (folder / name).write_bytes(files[original])

    def photo(name: str, width: int, height: int) -> Image.Image:
        with Image.open(BytesIO(files[name])) as image:
            return grained(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))

    camera = _exif(1)
    large = photo("seeding_by_Clements_Engelhardt.jpg", 6000, 4000)
    large.save(folder / "p24-camera.jpg", quality=92, subsampling="4:2:2", exif=camera)
    phone = photo("sunset_by_Aitzol_Berasategi.jpg", 4032, 3024)
    phone.save(folder / "p12-turned-p3.jpg", quality=92, exif=_exif(6), icc_profile=wide_gamut_profile())
    small = photo("life_by_Aitzol_Berasategi.jpg", 2000, 1332)
    small.save(folder / "p3-camera.jpg", quality=90, exif=camera)
    photo("picosdeeuropa_by_Aitzol_Berasategi.jpg", 3264, 2448).save(folder / "p8.png", compress_level=6)
    photo("Dragonfly_by_Bolly.jpg", 3264, 2448).save(folder / "p8.webp", quality=90)
    cut_out = photo("aitzgorri_by_Aitzol_Berasategi.jpg", 1600, 1065)
    mask = Image.new("L", cut_out.size)
    ImageDraw.Draw(mask).ellipse((100, 60, 1500, 1000), fill=255)
    cut_out.putalpha(mask.filter(ImageFilter.GaussianBlur(12)))
    cut_out.save(folder / "p2-alpha.png")


def grained(image: Image.Image) -> Image.Image:
    """Adds noise, the same each time: a resized photo is smoother than one from a sensor."""
    noise = Image.frombytes("L", image.size, random.Random(1).randbytes(image.width * image.height))
    noise = noise.point([128 + (level * (2 * GRAIN + 1) >> 8) - GRAIN for level in range(256)])
    return ImageChops.add(image, Image.merge("RGB", [noise] * 3), 1, -128)


def _exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[Base.Orientation] = orientation
    block[Base.Make], block[Base.Model] = "Filemill", "Bench"
    block[Base.Copyright] = "See the bench's photographs"
    block.get_ifd(IFD.Exif).update({Base.DateTimeOriginal: "2026:01:02 03:04:05", Base.ExposureTime: (1, 250)})
    return block.tobytes()
