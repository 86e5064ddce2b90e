"""`python -m bench.peers.ours CHECKOUT`: the child that runs files through the engine of a checkout of Filemill.

A job {"path", "out"}: the file is read as processing reads an uploaded one, with the type that its name stands for.
The picture goes into the PNG `out`: as it is before it is encoded, in sRGB, upright, and at most `files.WIDTH` wide.
The first frames of an animation are one below the other.

The answer: "outcome", "code", "type", "kind", "seconds" and, of a picture, "width", "height", "has_alpha", "frames".
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest import mock

from PIL import Image

from bench.peers import files, pictures, workers

_MIB = 1024**2
_FUNCTION = 1769 * _MIB
_ADDRESS_SPACE = 4096 * _MIB  # more than the function has: threads and libraries reserve what they don't use
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
_ALL = files.FRAMES + 1  # the still picture comes before the frames


class Engine:
    def __init__(self) -> None:
        # Not earlier: `sys.path` says which checkout it is.
        from chalicelib import model
        from chalicelib.processing import kinds, reading
        from chalicelib.processing.image import cascade, resize
        from chalicelib.renditions.recipes import Encoding, Recipe
        from chalicelib.storage import originals, ranged

        self._model, self._kinds, self._reading, self._originals = model, kinds, reading, originals
        self._ranged = ranged
        self._of_no_kind: Any = getattr(kinds, "OfNoKindError", ())  # older engines have none
        recipe = Recipe("peers", widths=(files.WIDTH,), encodings=(Encoding("webp", quality=50, effort=0),))
        self._order = kinds.Order(recipe, _FUNCTION)
        self._pictures: list[Image.Image] = []
        first_resize = resize.first_resize

        def watched(*arguments: Any, **named: Any) -> Image.Image:
            made = first_resize(*arguments, **named)
            if len(self._pictures) < _ALL:
                self._pictures.append(made.copy())
            return made

        self._watch = mock.patch.object(cascade, "first_resize", watched)
        self._watch.start()

    def close(self) -> None:
        """Gives the engine's code back as it was."""
        self._watch.stop()

    def look(self, job: dict[str, Any]) -> dict[str, Any]:
        path, self._pictures = Path(job["path"]), []
        record = self._record(path)
        started = time.monotonic()
        found: dict[str, Any] = {"outcome": "ready", "code": None}
        try:
            found |= self._processed(record, path.read_bytes())
        except self._model.PermanentFault as fault:
            found |= {"outcome": "failed", "code": str(fault.code)}
            if fault.code is self._model.ErrorCode.UNSUPPORTED_TYPE and self._was_told_nothing(record):
                found |= {"outcome": "ready", "code": None, "kind": "other"}  # as the pipeline stores it
        except self._of_no_kind:
            found["kind"] = "other"  # a raw file without a picture
        except Exception as error:  # the queue would try it again, and give up in the end
            found |= {"outcome": "failed", "code": f"internal ({type(error).__name__})"}
        found["seconds"] = round(time.monotonic() - started, 2)
        if found["outcome"] == "ready" and self._pictures:
            pictures.save(self._pictures[1:] or self._pictures, job["out"])
        return found

    def _processed(self, record: Any, data: bytes) -> dict[str, Any]:
        with self._stored(data):
            read = self._reading.read(record, "key", "")
            found: dict[str, Any] = {"type": read.source.content_type, "kind": str(read.processor.kind)}
            if read.processor.kind is self._model.Kind.IMAGE and not found["type"].endswith("svg+xml"):
                info: Any = read.processor.process(read.source, self._order, lambda rendition, encoded: None).info
                found |= {"width": info.width, "height": info.height, "has_alpha": info.has_alpha}
                found["frames"] = info.frames or 1
        return found

    def _was_told_nothing(self, record: Any) -> bool:
        told_nothing = getattr(self._reading, "was_told_nothing", None)  # older checkouts have none
        return bool(told_nothing and told_nothing(record))

    def _stored(self, data: bytes) -> ExitStack:
        """Storage that holds these bytes as its only object."""
        original = self._originals.Original(len(data), BytesIO(data))
        stack = ExitStack()
        stack.enter_context(mock.patch.object(self._originals, "open_version", lambda key, version_id: original))
        part = mock.Mock(side_effect=lambda key, version_id, first, length: data[first : first + length])
        stack.enter_context(mock.patch.object(self._ranged, "read_range", part))
        return stack

    def _record(self, path: Path) -> Any:
        values: dict[str, Any] = {"id": "file", "tenant": "tenant", "status": "processing", "visibility": "private"}
        values |= {"created_at": _LONG_AGO, "updated_at": _LONG_AGO, "revision": 1, "recipe": "photo"}
        return self._model.File(filename=path.name, content_type=files.declared(path), **values)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    workers.serve(Engine().look, _ADDRESS_SPACE)
