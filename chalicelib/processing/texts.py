"""The text that was found in a file, as a rendition: `text.txt`, in UTF-8."""

from __future__ import annotations

from chalicelib.model import Rendition

# Bytes. Longer text is cut at a character.
MAX_BYTES = 8 * 1024**2

_TYPE = "text/plain; charset=utf-8"


def rendition(text: str) -> tuple[Rendition, bytes]:
    """The rendition, and its bytes: at most MAX_BYTES."""
    encoded = text.encode("utf-8", "replace")[:MAX_BYTES].decode("utf-8", "ignore").encode()
    return Rendition(name="text", format="txt", content_type=_TYPE, size=len(encoded)), encoded
