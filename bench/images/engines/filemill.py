"""The bench's job, as the process function runs a recipe: metadata, ThumbHash and dominant colour are made too."""

from __future__ import annotations

from typing import Any

from bench.images.engines.serve import serve
from bench.images.job import RECIPE
from chalicelib.model import Rendition
from chalicelib.processing.image.cascade import process_image

MEMORY = 1769 * 1024**2  # the function's


def run(photo: bytes, renditions: list[dict[str, Any]]) -> dict[str, bytes]:
    """The recipe decides which renditions are made; then the other engines are asked for the same."""
    made: dict[str, bytes] = {}

    def emit(rendition: Rendition, data: bytes) -> None:
        made[f"{rendition.width}.{rendition.format}"] = data

    process_image(photo, RECIPE, memory=MEMORY, emit=emit)
    return made


if __name__ == "__main__":
    serve(run)
