"""A film or a sound as an HLS stream: the playlists are written at once, each segment is made when it is first watched.

`write` makes the plan and the playlists. `make` makes one init segment or segment, from the plan and the source alone:
the same bytes whoever asks, and in any order.

Modules whose docstring begins with "In the child" run there. The child imports this package, too, and must start
quickly: so what the parent needs is imported when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.model import FileWarning
    from chalicelib.processing.kinds import Emit, Order, Source
    from chalicelib.renditions.media_names import MediaName


def warm() -> None:
    """Starts the process that children are forked from, and does not wait until it has FFmpeg."""
    from chalicelib.processing import fork_server

    fork_server.prepare(f"{__name__}.child")


def write(source: Source, found: Mapping[str, Any], order: Order, emit: Emit) -> tuple[FileWarning, ...]:
    """Emits the master playlist `hls`, and, below `av/`, the plan and one playlist a rung.

    `found` are facts of `engine.facts`, maybe with `plan`. A file that can't be streamed gets a warning, and nothing is
    emitted.
    """
    from chalicelib.processing.media.hls import stream

    return stream.write(source, found, order, emit)


def facts(source: Source, order: Order) -> tuple[dict[str, Any], tuple[FileWarning, ...]]:
    """`engine.facts`, and the `plan` for `write` where one child finds both."""
    from chalicelib.processing.media.hls import stream

    return stream.facts(source, order)


def prepare(source: Source) -> tuple[bytes, str]:
    """(the plan of a stream, nothing), or (nothing, why there is none). `write` takes it as `found["plan"]`."""
    from chalicelib.processing.media.hls import stream

    return stream.plan_of(source)


def make(source: Source, plan: bytes, name: MediaName) -> tuple[bytes, str]:
    """(bytes, content type) of a playlist, an init segment or a segment.

    Raises LookupError for what the plan does not have, and PermanentFault for what can't be made of this file.
    """
    from chalicelib.processing.media.hls import stream

    return stream.make(source, plan, name)
