"""Runs in a child with bounds: makes the plan of a stream, an init segment or a segment."""

from __future__ import annotations

import ctypes
from typing import Any, BinaryIO

from chalicelib.processing.media.hls import audio_segment, plan, repacked, survey, video_segment
from chalicelib.processing.media.hls.opening import PROBE, RESTART_PROBE, opened
from chalicelib.processing.media.hls.restarts import restarted
from chalicelib.processing.media.hls.scan import scan
from chalicelib.processing.media.hls.tracks import NoStreamError

_MAKERS = {
    "copy": repacked.make,
    "sound_copy": repacked.make,
    "sound": audio_segment.make,
    "picture": video_segment.make,
    "key": video_segment.make,
}

_COPIED = ("copy", "sound_copy")


def main(data: BinaryIO, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """({}, the bytes). `arguments["do"]` is `plan`, `init` or `segment`.

    A plan that can't be made is ({"none": why}, nothing).
    """
    _fill_memory()
    if arguments["do"] == "plan":
        return _plan(data, arguments)
    part, probe = arguments["part"] or {}, PROBE
    if "at" in part:
        data, probe = restarted(data, arguments, part["at"]), RESTART_PROBE
    rung, has_index = arguments["rung"], not arguments["head"]
    undecoded = has_index and arguments["demuxer"][0] == "mov" and rung["sort"] in _COPIED
    with opened(data, arguments["demuxer"], probe, unindexed=not has_index, undecoded=undecoded) as container:
        if arguments["do"] == "init":
            return {}, _init(container, rung)
        return {}, _MAKERS[rung["sort"]](container, rung, part, arguments["zero"])


def _plan(data: BinaryIO, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    found = scan(data, arguments["demuxer"]) if arguments["scan"] else None
    data.seek(0)
    with opened(data, arguments["demuxer"], unindexed=arguments["scan"]) as container:
        try:
            return {}, plan.dumps(survey.plan(container, data, arguments, found))
        except NoStreamError as error:
            return {"none": str(error)}, b""


# glibc's mallopt(3): memory that is given or taken back is filled with this byte, or its complement.
_M_PERTURB, _ZERO = -6, 0xFF


def _fill_memory() -> None:
    """Makes encoders deterministic: x264 reads some memory before it writes it, and then one picture in some thousand
    was encoded otherwise, by a few bytes. So all new memory is filled with zeros. Other libraries than glibc are left.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_PERTURB, _ZERO)


def _init(container: Any, rung: dict[str, Any]) -> bytes:
    if rung["sort"] in _COPIED:
        return repacked.init(container, rung)
    return audio_segment.init(rung) if rung["sort"] == "sound" else video_segment.init(rung)
