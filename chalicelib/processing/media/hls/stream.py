"""The parent's side of a stream: has the plan made in a child, and single parts of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from chalicelib.media_types import own_name
from chalicelib.model import ErrorCode, FileWarning, PermanentFault, Rendition
from chalicelib.processing import child, sniff
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.content_types import one_name
from chalicelib.processing.kinds import Emit, Order, Source
from chalicelib.processing.media import engine
from chalicelib.processing.media.hls import plan as plans
from chalicelib.processing.media.hls import playlists, rates
from chalicelib.processing.media.hls.plan import Plan, Rung
from chalicelib.processing.media.hls.rungs import KEY_BYTES, MOST_BYTES
from chalicelib.renditions.media_names import FOLDER, MediaName, Part

# FFmpeg's libraries take 250 MB of addresses, threads 8 MB each, and decoding 2160p some hundred.
LIMITS = Limits(memory=1536 * 1024**2, seconds=20)

_CHILD = "chalicelib.processing.media.hls.child"
_MP4 = {True: "audio/mp4", False: "video/mp4"}


def write(source: Source, facts: Mapping[str, Any], order: Order, emit: Emit) -> tuple[FileWarning, ...]:
    """Emits the master playlist `hls`, and, below `av/`, the plan and one playlist a rung.

    `facts` are those of `engine.facts`. A file that can't be streamed gets a warning, and nothing is emitted.
    """
    if order.only or not (facts.get("video") or facts.get("audio")):
        return ()
    arguments = {"do": "plan", "demuxer": _demuxer(source), "size": source.size}
    try:
        header, body = child.run_on(_CHILD, source.data, source.size, arguments, LIMITS)
    except ChildDiedError:
        return (_without("making its plan took too much time, memory or data, or its index is damaged"),)
    if "none" in header:
        return (_without(header["none"]),)
    plan = plans.loads(body)
    _emit(plan, body, emit)
    return ()


def _emit(plan: Plan, body: bytes, emit: Emit) -> None:
    def put(name: str, format: str, content_type: str, data: bytes, **more: Any) -> None:
        emit(Rendition(name=name, format=format, content_type=content_type, size=len(data), **more), data)

    put(f"{FOLDER}plan", "json", "application/json", body)
    for rung in plan.rungs:
        put(f"{FOLDER}{rung.name}", "hls", playlists.CONTENT_TYPE, playlists.media(rung).encode())
    best = max(plan.of("picture", "copy"), key=lambda rung: rung.width * rung.height, default=None)
    size = {"width": best.width, "height": best.height} if best else {}
    master = playlists.master(plan).encode()
    put("hls", "hls", playlists.CONTENT_TYPE, master, duration=plan.duration, **size)


def make(source: Source, plan: bytes, name: MediaName) -> tuple[bytes, str]:
    """(bytes, content type) of a playlist, an init segment or a segment.

    Raises LookupError for what the plan does not have, and PermanentFault for what can't be made of this file.
    """
    whole = plans.loads(plan)
    rung = whole.rung(name.rung)
    if name.part is Part.PLAYLIST:
        return playlists.media(rung).encode(), playlists.CONTENT_TYPE
    if name.part not in (Part.INIT, Part.SEGMENT):
        raise LookupError(f"a stream has no {name.part}")
    if name.part is Part.SEGMENT and name.number >= rung.count:
        raise LookupError(f"{rung.name} has {rung.count} segments only")
    arguments = {
        "do": "init" if name.part is Part.INIT else "segment",
        "demuxer": list(whole.demuxer),
        "zero": list(whole.zero),
        "rung": _alone(rung),
        "part": _part(rung, name.number) if name.part is Part.SEGMENT else None,
    }
    try:
        _, body = child.run_on(_CHILD, source.data, source.size, arguments, LIMITS)
    except ChildDiedError as died:
        message = f"This part of the file can't be made ({died}): the file is damaged, or too much work."
        raise PermanentFault(ErrorCode.CORRUPT, message) from None
    if len(body) > MOST_BYTES:
        raise PermanentFault(ErrorCode.TOO_LARGE, "This part of the file has more bytes than one answer may have.")
    return body, _MP4[rung.is_sound]


def _alone(rung: Rung) -> dict[str, Any]:
    """The rung without its lists, which can be long: a child gets its arguments in its command line."""
    settings = {name: value for name, value in rung.settings.items() if name != "places"}
    return {**asdict(rung), "cuts": [], "settings": settings}


def _part(rung: Rung, number: int) -> dict[str, Any]:
    found: dict[str, Any] = {"number": number, "start": rung.cuts[number], "stop": rung.cuts[number + 1]}
    last = number + 1 == rung.count
    if "places" in rung.settings:
        places = rung.settings["places"]
        found |= {"place": places[number], "next_place": None if last else places[number + 1]}
        return {**found, "most_bytes": rung.settings["most_bytes"]}
    most = KEY_BYTES
    if rung.sort == "picture":
        most = rates.encoded_bytes(rung.settings["rate"], rung.seconds(number), rung.frame_rate or 25)
    return {**found, "next_stop": None if last else rung.cuts[number + 2], "most_bytes": most}


def _demuxer(source: Source) -> list[str]:
    """FFmpeg's name of the format that the bytes prove, and its white list."""
    source.data.seek(0)
    head = source.data.read(min(sniff.SNIFF_BYTES, source.size))
    for name in (one_name(sniff.sniff(head) or ""), own_name(source.content_type), one_name(source.content_type)):
        if name in engine.DEMUXERS:
            return list(engine.DEMUXERS[name][0])
    return ["", ""]


def _without(why: str) -> FileWarning:
    return FileWarning(code="no_stream", message=f"This file can't be streamed: {why}.")
