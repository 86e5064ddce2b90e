"""Runs in a child with bounds: makes the plan of a stream, an init segment or a segment."""

from __future__ import annotations

from typing import Any, BinaryIO

from chalicelib.processing.media.hls import audio_segment, plan, repacked, survey, video_segment
from chalicelib.processing.media.hls.opening import opened
from chalicelib.processing.media.hls.tracks import NoStreamError

_MAKERS = {
    "copy": repacked.make,
    "sound_copy": repacked.make,
    "sound": audio_segment.make,
    "picture": video_segment.make,
    "key": video_segment.make,
}


def main(data: BinaryIO, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """({}, the bytes). `arguments["do"]` is `plan`, `init` or `segment`.

    A plan that can't be made is ({"none": why}, nothing).
    """
    with opened(data, arguments["demuxer"]) as container:
        if arguments["do"] == "plan":
            try:
                return {}, plan.dumps(survey.plan(container, data, arguments["size"], arguments["demuxer"]))
            except NoStreamError as error:
                return {"none": str(error)}, b""
        rung = arguments["rung"]
        if arguments["do"] == "init":
            return {}, _init(container, rung)
        return {}, _MAKERS[rung["sort"]](container, rung, arguments["part"], arguments["zero"])


def _init(container: Any, rung: dict[str, Any]) -> bytes:
    if rung["sort"] in ("copy", "sound_copy"):
        return repacked.init(container, rung)
    return audio_segment.init(rung) if rung["sort"] == "sound" else video_segment.init(rung)
