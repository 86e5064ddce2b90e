"""The job of all engines. It is the bench's own, so that its figures stay comparable whatever the recipes make."""

from __future__ import annotations

from chalicelib.renditions.recipes import Encoding, Recipe

RECIPE = Recipe(
    "bench",
    widths=(160, 320, 640, 960, 1280, 1920),
    encodings=(Encoding("webp", quality=80, effort=2), Encoding("jpeg", quality=80)),
)
