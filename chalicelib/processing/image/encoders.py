"""Encoders: from pixels to a rendition's bytes, one encoding a processor at a time."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from threading import Event
from types import TracebackType
from typing import Any, Self

from PIL import Image

from chalicelib.model import Rendition
from chalicelib.processing.image.color import on_paper
from chalicelib.processing.image.memory import too_many_pixels
from chalicelib.processing.kinds import Emit
from chalicelib.renditions.ladder import Size
from chalicelib.renditions.recipes import Encoding


def encode(image: Image.Image, encoding: Encoding, rights: bytes = b"", background: str = "#ffffff") -> bytes:
    """The image in one format, with no metadata but `rights`, an EXIF block. Several threads may share an image.

    They may because each saves a view of its own. `save` keeps its options on the image that it saves, so two threads
    that save one image would swap their options, silently (59 of 80 files were wrong when this was tried). The views
    share the pixels, which encoders only read.
    """
    options: dict[str, Any] = {"quality": encoding.quality} | ({"exif": rights} if rights else {})
    if encoding.format == "jpeg":
        options |= {"optimize": True, "subsampling": encoding.subsampling}
        image = on_paper(image, background) if image.mode == "RGBA" else image
    elif encoding.format == "webp":
        from chalicelib.processing.image import libwebp  # not at a cold start

        options |= {"method": encoding.effort}
        image = image.convert("RGB") if image.mode == "L" else image
        if made := libwebp.encoded(image, encoding.quality, encoding.effort, rights):
            return made
    elif encoding.format == "avif":
        # One thread: at 1769 MB a function has one processor, and the bytes must not depend on how many there are.
        colors = {} if image.mode == "L" else {"subsampling": encoding.subsampling}
        options |= {"speed": encoding.effort, "max_threads": 1, **colors}
    else:
        raise ValueError(f"no encoder for {encoding.format}")
    view = image._new(image.im)
    view.info = {}
    buffer = BytesIO()
    view.save(buffer, encoding.format, **options)
    return buffer.getvalue()


def rendition(size: Size, encoding: Encoding, encoded: bytes) -> Rendition:
    return Rendition(
        name=size.name,
        format=encoding.format,
        content_type=f"image/{encoding.format}",
        width=size.width,
        height=size.height,
        size=len(encoded),
    )


class Encoders:
    """Threads that encode images and emit the renditions, while the caller makes the next image.

    After the first failure no further encoding begins. Leaving the context waits for those that run, and then raises
    what failed; MemoryError, the caller's too, as the fault `too_many_pixels`.
    """

    def __init__(self, emit: Emit, rights: bytes, background: str) -> None:
        self.pool = ThreadPoolExecutor(processors(), thread_name_prefix="encode")
        self._emit, self._rights, self._background = emit, rights, background
        self._failed = Event()
        self._tasks: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            self._failed.set()
        self.pool.shutdown()
        if isinstance(error, MemoryError):
            raise too_many_pixels() from error
        if error is None:
            for task in self._tasks:
                task.result()

    def add(self, image: Image.Image, size: Size, encoding: Encoding) -> None:
        """Has the image, which is of this size, encoded and emitted."""
        self._tasks.append(self.pool.submit(self._work, image, size, encoding))

    def _work(self, image: Image.Image, size: Size, encoding: Encoding) -> None:
        if self._failed.is_set():
            return
        try:
            encoded = encode(image, encoding, self._rights, self._background)
            self._emit(rendition(size, encoding, encoded), encoded)
        except MemoryError as error:
            self._failed.set()
            raise too_many_pixels() from error
        except BaseException:
            self._failed.set()
            raise


def processors() -> int:
    """How many processors this process may run on, where the system tells. More threads would only take more memory."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
