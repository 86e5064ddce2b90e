"""Runs in a child with bounds: makes the plan of a stream, an init segment or a segment."""

from __future__ import annotations

import ctypes
from typing import Any, BinaryIO

from av.container import InputContainer

from chalicelib.processing.media import ffmpeg_child, one_track
from chalicelib.processing.media.hls import audio_segment, cued, frames, moofs, plan, repacked, survey, video_segment
from chalicelib.processing.media.hls.jumps import Continued, continued
from chalicelib.processing.media.hls.opening import FLASH, PROBE, RESTART_PROBE, STREAMS, opened, place_of
from chalicelib.processing.media.hls.restarts import restarted
from chalicelib.processing.media.hls.scan import Scan, scan
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

    A plan that can't be made is ({"none": why}, nothing). With `arguments["facts"]`, which are `ffmpeg_child`'s, the
    header of a plan has the `facts`, too: one child opens the file for both, which takes long where a film has hours.
    """
    if arguments["do"] == "plan":
        return _plan(data, arguments)
    _fill_memory()
    part, probe, rung = arguments["part"] or {}, PROBE, arguments["rung"]
    if arguments["do"] == "init" and (made := _init(rung)):
        return {}, made
    if "cue" in part:
        return {}, cued.make(data, rung, part, arguments["zero"], arguments["size"])
    if "at" in part:
        data, probe = restarted(data, arguments, part["at"]), RESTART_PROBE
    has_index = not arguments["head"]
    undecoded = has_index and arguments["demuxer"][0] == "mov" and rung["sort"] in _COPIED
    track = rung["settings"].get("track")
    data = one_track.only(data, arguments["index"], track)
    with opened(data, arguments["demuxer"], probe, unindexed=not has_index, undecoded=undecoded) as container:
        rung = {**rung, "stream": _place(container, rung["stream"], track, is_sound=rung["sort"] in plan.SOUNDS)}
        if arguments["do"] == "init":
            return {}, repacked.init(rung, repacked.config(container.streams[rung["stream"]]))
        given: Any = container
        if "times" in part:
            settings, opening = rung["settings"], len(arguments["tables"]) // 2
            given, rung["stream"] = continued(
                container, settings["id"], settings.get("config", ""), part["times"], part["at"], opening
            )
        return {}, _MAKERS[rung["sort"]](given, rung, part, arguments["zero"])


def _place(container: InputContainer, index: int, track: int | None, *, is_sound: bool) -> int:
    """FFmpeg's index of the track: it may be another one than in the plan, where other tracks are hidden."""
    if container.format.name == FLASH:
        return place_of(container, index, "audio" if is_sound else "video")
    found = [each.index for each in container.streams if each.id == track]
    return found[0] if len(found) == 1 else index


def _plan(data: BinaryIO, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    found = _scanned(data, arguments) if arguments["scan"] else None
    if arguments["fragments"]:
        data = moofs.alone(data, arguments["size"])
    data.seek(0)
    with opened(data, arguments["demuxer"], unindexed=arguments["scan"]) as container:
        header = {"facts": _facts(container, **arguments["facts"])} if arguments["facts"] else {}
        given: Any = Continued(container) if found and arguments["demuxer"][0] in STREAMS else container
        try:
            return header, plan.dumps(survey.plan(given, data, arguments, found))
        except NoStreamError as error:
            return {**header, "none": str(error)}, b""


def _facts(container: InputContainer, *, place: bool) -> dict[str, Any]:
    """The facts. Afterwards the container stands at its beginning again."""
    found = ffmpeg_child.facts(container, place=place)
    film = ffmpeg_child.film_of(container)
    if film is not None:  # else nothing was decoded
        frames.to_beginning(container, film)
    return found


def _scanned(data: BinaryIO, arguments: dict[str, Any]) -> Scan:
    if arguments["fragments"]:
        return moofs.scan(data, arguments["demuxer"], arguments["size"])
    return scan(data, arguments["demuxer"])


# glibc's mallopt(3): memory that is given or taken back is filled with this byte, or its complement.
M_PERTURB, _ZERO = -6, 0xFF


def _fill_memory() -> None:
    """Makes encoders deterministic: x264 reads some memory before it writes it, and then one picture in some thousand
    was encoded otherwise, by a few bytes. So all new memory is filled with zeros. Other libraries than glibc are left.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_PERTURB, _ZERO)


def _init(rung: dict[str, Any]) -> bytes | None:
    """An init segment for which the file is not needed; None for a rung whose plan does not have all that is in it."""
    if rung["sort"] in _COPIED:
        config = rung["settings"].get("config")
        return repacked.init(rung, bytes.fromhex(config)) if config else None
    return audio_segment.init(rung) if rung["sort"] == "sound" else video_segment.init(rung)
