"""thumbor's engine at its defaults, without HTTP: as a request would, each rendition loads, turns, resizes, reads.

Runs in the bench's venv. WebP's quality is 80, JPEG's, as in thumbor without WEBP_QUALITY.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from thumbor.config import Config
from thumbor.engines.pil import Engine

from bench.images.engines.serve import name_of, serve

CONTEXT = SimpleNamespace(config=Config(RESPECT_ORIENTATION=True), request=SimpleNamespace(), modules=SimpleNamespace())
EXTENSIONS = {"jpeg": ".jpg", "webp": ".webp"}


def run(photo: bytes, renditions: list[dict[str, Any]]) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    for rendition in renditions:
        engine = Engine(CONTEXT)
        engine.load(photo, None)
        engine.reorientate()
        engine.resize(rendition["width"], rendition["height"])
        made[name_of(rendition)] = engine.read(EXTENSIONS[rendition["format"]], rendition["quality"])
    return made


if __name__ == "__main__":
    serve(run)
