"""A child that imports all that makes a segment, and then makes none: what its start takes."""

from __future__ import annotations

from typing import Any

import chalicelib.processing.media.hls.child  # noqa: F401


def main(data: Any, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    return {}, b""
