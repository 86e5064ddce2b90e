"""Recipes say which renditions an image gets. They are values: this module is imported where Pillow is not."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, get_args

from chalicelib.renditions import engine

MAX_SIDE = 16383
"""Pixels. WebP's bound on width and height (RFC 9649), which is the lowest of all formats here."""


WATERMARKS = Path(__file__).parent.parent / "processing" / "watermarks"
"""The folder with the pictures of watermarks, PNG or WebP. It is part of the deployed package."""

Position = Literal["top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right"]
_COLOR = re.compile(r"#[0-9a-f]{6}")
_KEPT = ("artist", "copyright", "caption")
_WITHOUT_EFFECT = ("name", "eager")  # on the bytes of a rendition

MAX_EAGER = 1000
"""Segments of a rung that a recipe may ask for by number: an hour and more."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """One format of a rendition. `quality` is 0-100, in the encoder's own terms.

    `effort` is WebP's method, 0-6 (the higher, the slower), or AVIF's speed in aom, 0-10 (the higher, the faster).
    `subsampling` is for JPEG and AVIF: 4:2:0 halves the resolution of colour, 4:4:4 keeps it, as coloured text needs.
    With `target_ssim`, above 0 and below 1, each image gets the lowest quality that reaches it (quality.py), at the
    cost of seven more encodings of a small image. Then `quality` is not used.
    With `up_to`, pixels, one size is made at once: the widest up to that width (`ladder.at_once`). The others are made
    when they are first asked for.
    """

    format: str
    quality: int
    effort: int = 0
    subsampling: str = "4:2:0"
    target_ssim: float | None = None
    up_to: int | None = None

    def __post_init__(self) -> None:
        _require(self.format in ("avif", "webp", "jpeg"), f"there is no encoder for {self.format!r}")
        _require(0 <= self.quality <= 100, "`quality` must be from 0 to 100")
        most = 10 if self.format == "avif" else 6
        _require(0 <= self.effort <= most, f"`effort` must be from 0 to {most}")
        _require(self.subsampling in ("4:2:0", "4:2:2", "4:4:4"), "`subsampling` must be 4:2:0, 4:2:2 or 4:4:4")
        _require(self.target_ssim is None or 0 < self.target_ssim < 1, "`target_ssim` must be between 0 and 1")
        _require(self.up_to is None or 1 <= self.up_to <= MAX_SIDE, f"`up_to` must be from 1 to {MAX_SIDE}")


@dataclass(frozen=True, slots=True)
class Watermark:
    """A mark on every rendition: a picture in `WATERMARKS`, or one line of text.

    `opacity` is from 0 to 1. `width` is the mark's width as a part of the rendition's. `margin` is its distance from
    the edges as a part of the shorter side. Renditions with a side below `min_side` pixels get no mark.
    """

    image: str = ""
    text: str = ""
    position: Position = "bottom-right"
    opacity: float = 0.5
    width: float = 0.25
    margin: float = 0.03
    min_side: int = 200

    def __post_init__(self) -> None:
        _require(bool(self.image) != bool(self.text), "a watermark has an `image` or a `text`")
        _require(not self.image or (WATERMARKS / self.image).is_file(), f"there is no {WATERMARKS.name}/{self.image}")
        _require(len(self.text) <= 100 and self.text.isprintable(), "`text` must be one line of at most 100 characters")
        _require(self.position in get_args(Position), f"`position` must be one of {', '.join(get_args(Position))}")
        _require(0 < self.opacity <= 1, "`opacity` must be above 0 and at most 1")
        _require(0 < self.width <= 1, "`width` must be above 0 and at most 1")
        _require(0 <= self.margin < 0.5, "`margin` must be from 0 to below 0.5")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named list of renditions: every width (pixels, ascending) in every encoding.

    `aspect`, width to height, gives all renditions one shape, (1, 1) for a square; without it they keep the image's.
    With `fit` "cover" the image is cropped to that shape; with "contain" it is set on the background.
    `focus` is the point that a crop keeps as near to its middle as it can: fractions of width and height, (0, 0) top
    left. Without it the crop shows the part with the most to see (crop.py).
    `background` shows through clear pixels in a format without alpha. `keep` says which words of a file's metadata stay
    in its renditions: `artist`, `copyright`, `caption`. With `keep_gps` the record (never a rendition) says where the
    picture was taken. `encodings` are made at once, unless they say `up_to`. `on_demand` are formats that are made when
    they are first asked for, size by size.
    `eager` says how much of a film's or a sound's stream is made as soon as it is `ready`, before anybody watches: the
    first so many segments of the lowest rung, of the source's own and of the first sound track, or "all" of it.
    Raises ValueError for values that are not possible.
    """

    name: str
    widths: tuple[int, ...]
    encodings: tuple[Encoding, ...]
    aspect: tuple[int, int] | None = None
    fit: Literal["contain", "cover"] = "contain"
    focus: tuple[float, float] | None = None
    background: str = "#ffffff"
    keep: tuple[str, ...] = ("artist", "copyright")
    keep_gps: bool = False
    watermark: Watermark | None = None
    on_demand: tuple[Encoding, ...] = ()
    eager: int | Literal["all"] = 0

    def __post_init__(self) -> None:
        _require(self.widths == tuple(sorted({*self.widths})), "`widths` must ascend")
        _require(all(1 <= width <= MAX_SIDE for width in self.widths), f"`widths` must be from 1 to {MAX_SIDE}")
        _require(self.aspect is None or min(self.aspect) > 0, "`aspect` must be two positive numbers")
        _require(self.fit in ("contain", "cover"), "`fit` must be contain or cover")
        _require(self.focus is None or all(0 <= part <= 1 for part in self.focus), "`focus` must be from 0 to 1")
        _require(bool(_COLOR.fullmatch(self.background)), "`background` must be #rrggbb")
        _require({*self.keep} <= {*_KEPT}, f"`keep` may hold {', '.join(_KEPT)}")
        _require(self.eager == "all" or 0 <= self.eager <= MAX_EAGER, f'`eager` must be "all", or 0 to {MAX_EAGER}')
        later = [encoding.format for encoding in self.on_demand]
        _require(len({*later}) == len(later), "`on_demand` must name a format once")
        _require(not {*later} & {*self.formats}, "`on_demand` must name formats that `encodings` does not")
        _require(
            all(each.up_to is None for each in self.on_demand),
            "`on_demand` must not say `up_to`: nothing is made at once",
        )

    @property
    def formats(self) -> tuple[str, ...]:
        return tuple(encoding.format for encoding in self.encodings)

    @property
    def fingerprint(self) -> str:
        """12 hex digits. They change with everything that changes the bytes of a rendition, or which ones there are.

        So they don't change with the name, nor with `eager` and an encoding's `up_to`, which say only when something is
        made: a file keeps its addresses, and need not be processed again.
        """
        return self.fingerprint_by(engine.ENGINE_VERSION)

    def fingerprint_by(self, engine_name: str) -> str:
        """The fingerprint with the engine of this name, which may be that of another computer."""
        mark = self.watermark and self.watermark.image
        return _fingerprint(self, engine_name, _sha256_of(WATERMARKS / mark) if mark else "")


@lru_cache(maxsize=64)
def _fingerprint(recipe: Recipe, engine_name: str, mark: str) -> str:
    """`mark` is the hash of the watermark's picture."""
    values = {name: value for name, value in asdict(recipe).items() if name not in _WITHOUT_EFFECT}
    for encoding in (*values["encodings"], *values["on_demand"]):
        del encoding["up_to"]
    if mark:
        values["watermark_sha256"] = mark
    return hashlib.sha256(repr((engine_name, values)).encode()).hexdigest()[:12]


@cache
def _sha256_of(picture: Path) -> str:
    return hashlib.sha256(picture.read_bytes()).hexdigest()


# WebP's effort is 2, not the encoder's default 4: that takes .43 of the CPU for 1.08 of the bytes at equal SSIMULACRA2,
# and still reaches what ordinary sharp code does with its defaults. JPEG is for the few viewers without WebP, so it is
# baseline: progressive saves 2 % of its bytes for twice its CPU. (Measured on five photographs; see `make bench`.)
# Documents are for reading: they have a higher quality, and JPEG with all of its colour.
_WEB = (Encoding("webp", quality=80, effort=2), Encoding("jpeg", quality=80))
# Five of six JPEGs nobody asks for: every browser since 2020 sends `image/webp`. Mail and previews of links take one
# picture, and name it when they are written: 1200 pixels are the width that previews ask for, and twice the 600 of a
# mail (docs/image-choices.md). So that one is stored before anybody asks.
PREVIEW_WIDTH = 1280
_PHOTO = (Encoding("webp", quality=80, effort=2), Encoding("jpeg", quality=80, up_to=PREVIEW_WIDTH))
_READ = (Encoding("webp", quality=90, effort=2), Encoding("jpeg", quality=90, subsampling="4:4:4"))
# AVIF at speed 9 is as good as that WebP in .78 of its bytes, for twice its CPU. Every lower speed costs four times
# that and more. Quality 60 reaches WebP's mean SSIMULACRA2; a page of text, at 4:4:4, needs 66 (bench/results/avif.md).
_AVIF = (Encoding("avif", quality=60, effort=9),)
_AVIF_READ = (Encoding("avif", quality=67, effort=9, subsampling="4:4:4"),)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("photo", widths=(160, 320, 640, 960, 1280, 1920), encodings=_PHOTO, on_demand=_AVIF),
        Recipe("avatar", widths=(64, 128, 256, 512), encodings=_WEB, aspect=(1, 1), fit="cover", on_demand=_AVIF),
        Recipe("document", widths=(320, 640, 1280, 1920, 2560), encodings=_READ, on_demand=_AVIF_READ),
        Recipe("original-only", widths=(), encodings=()),
    )
}
DEFAULT_RECIPE = "photo"


def recipe_for(name: str, focus: tuple[float, float] | None) -> Recipe:
    """The named recipe, with a file's own focal point if the recipe crops. Raises KeyError."""
    recipe = RECIPES[name]
    return replace(recipe, focus=focus) if focus and recipe.aspect and recipe.fit == "cover" else recipe
