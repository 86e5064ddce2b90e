"""The parent's side of a stream: has the plan made in a child, and single parts of it."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, BinaryIO, cast

from chalicelib.model import ErrorCode, FileWarning, PermanentFault, Rendition
from chalicelib.processing import child
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.kinds import Emit, Order, Source
from chalicelib.processing.media import engine, fragments
from chalicelib.processing.media.hls import plan as plans
from chalicelib.processing.media.hls import playlists, rates
from chalicelib.processing.media.hls.plan import Plan, Rung
from chalicelib.processing.media.hls.rungs import KEY_BYTES, MOST_BYTES, MOST_STORED
from chalicelib.processing.media.indexes import Index
from chalicelib.renditions.media_names import FOLDER, MediaName, Part
from chalicelib.storage.ranged import Ranged

# FFmpeg's libraries take 250 MB of addresses, threads 8 MB each, and decoding 2160p some hundred.
LIMITS = Limits(memory=1536 * 1024**2, seconds=20)
# A file without an index is read to its end, if it has at most so many bytes: an hour with 4.7 Mbit/s. Some of it is
# read twice where tracks are far apart. All children of a file together end within its claim's lease.
MOST_SCANNED = 2 * 1024**3
SCAN_BYTES = 2 * MOST_SCANNED + 64 * 1024**2
# Beside its index, a plan may need the first pictures and sounds of a file, with all that lies between them.
PLAN_BYTES = 64 * 1024**2
# Segments that are too large for an answer are made when the file is processed. Reading them may take as many bytes as
# they have, and a block more at each end. A machine that has too much to do makes none.
LARGE_BYTES = 2 * MOST_STORED
LARGE_SECONDS = 30
_SCAN = replace(LIMITS, seconds=60, wall=90)
# The function that makes parts has 28 seconds, and answers within them.
_PART = replace(LIMITS, wall=23)

_TOO_MUCH = "making its plan took too much time, memory or data, or its index is damaged"

_CHILD = "chalicelib.processing.media.hls.child"
_MP4 = {True: "audio/mp4", False: "video/mp4"}


def facts(source: Source, order: Order) -> tuple[dict[str, Any], tuple[FileWarning, ...]]:
    """`engine.facts`, and with them the `plan` for `write` where one child finds both: of MP4 with an index.

    Raises what `engine.facts` raises.
    """
    place = order.recipe.keep_gps
    return engine.facts(source, place=place, by=_with_plan if _is_wanted(order) else engine.ask)


def _with_plan(source: Source, wanted: dict[str, Any], index: Index) -> dict[str, Any]:
    """The facts with the `plan`. Where making both was too much, the facts alone may still be found, and the plan is
    not tried once more. Raises ChildDiedError.
    """
    if index.missing or wanted["format"] != engine.MOV[0]:
        return engine.ask(source, wanted, index)
    if isinstance(source.data, Ranged):
        source.data.allow(PLAN_BYTES)
    demuxer = wanted["format"], wanted["whitelist"]
    arguments = _arguments(source, demuxer, index, asked={"place": wanted["place"]})
    try:
        header, body = child.run_on(_CHILD, source.data, source.size, arguments, LIMITS)
    except ChildDiedError as died:
        if isinstance(source.data, Ranged) and died.had_too_much:
            source.data.allow(PLAN_BYTES)
        return {**engine.ask(source, wanted, index), "plan": (b"", _TOO_MUCH)}
    return {**header["facts"], "plan": (body, header.get("none", ""))}


def write(source: Source, found: Mapping[str, Any], order: Order, emit: Emit) -> tuple[FileWarning, ...]:
    """Emits the master playlist `hls`, and, below `av/`, the plan and one playlist a rung.

    `found` are facts of `engine.facts`, maybe with `plan`. A file that can't be streamed gets a warning, and nothing is
    emitted. A recipe without pictures has no stream, too.
    """
    if not _is_wanted(order):
        return ()
    if not (found.get("video") or found.get("audio")):
        return (_without("it has neither pictures nor sound"),)
    body, why = found.get("plan") or plan_of(source)
    if why:
        return (_without(why),)
    whole = plans.loads(body)
    plan = _with_large(source, whole, emit)
    _emit(plan, body if plan is whole else plans.dumps(plan), emit)
    return ()


def _is_wanted(order: Order) -> bool:
    return not order.only and bool(order.recipe.widths)


def _with_large(source: Source, plan: Plan, emit: Emit) -> Plan:
    """The plan, after those segments were made that are too large for an answer: nobody could make them for a viewer.

    If one of them can't be made, or takes too long, the plan goes without their rung.
    """
    rung = next((each for each in plan.rungs if each.settings.get("large")), None)
    if rung is None:
        return plan
    if isinstance(source.data, Ranged):
        source.data.allow(LARGE_BYTES)
    until = time.monotonic() + LARGE_SECONDS
    for number in rung.settings["large"]:
        try:
            body = _body(source, plan, rung, MediaName(Part.SEGMENT, rung.name, number))
        except (ChildDiedError, PermanentFault):
            body = b""
        if not body or time.monotonic() > until:
            return replace(plan, rungs=[each for each in plan.rungs if each is not rung])
        name = f"{FOLDER}{rung.name}-{number}"
        emit(Rendition(name=name, format="m4s", content_type=_MP4[False], size=len(body)), body)
    return plan


def plan_of(source: Source) -> tuple[bytes, str]:
    """(the plan, nothing), or (nothing, why there is none)."""
    if isinstance(source.data, Ranged):
        source.data.allow(PLAN_BYTES)
    demuxer = engine.demuxer_of(source)
    index = engine.kept_index(source, demuxer[0])
    data, limits = source.data, LIMITS
    if index.missing:
        limits = _SCAN
        is_scanned = source.size <= MOST_SCANNED
        if isinstance(data, Ranged):
            data = cast(BinaryIO, data.reopened(SCAN_BYTES if is_scanned else PLAN_BYTES))
        if not is_scanned:
            pieces = fragments.find(data, source.size) if demuxer[0] == engine.MOV[0] else None
            if not pieces:
                bound = f"{MOST_SCANNED // 1024**3} GiB"
                return b"", f"it has no index, and more than {bound}, so it was not read to its end"
            data = cast(BinaryIO, fragments.Appended(data, source.size, pieces))
    size = source.size if data is source.data else data.seek(0, io.SEEK_END)
    try:
        header, body = child.run_on(
            _CHILD, data, size, _arguments(source, demuxer, index, fragments=size > source.size), limits
        )
    except ChildDiedError:
        if index.missing:
            return b"", "it has no index, and reading it to its end took too much time or memory, or it is damaged"
        return b"", _TOO_MUCH
    return body, header.get("none", "")


def _arguments(
    source: Source,
    demuxer: tuple[str, str],
    index: Index,
    *,
    fragments: bool = False,
    asked: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """For a child that makes a plan. With `fragments` their indexes stand behind the file (`fragments.Appended`). The
    child may be `asked` for facts, too."""
    return {
        "do": "plan",
        "demuxer": demuxer,
        "size": source.size,
        "index": [index.start, index.length],
        "more": index.more,
        "scan": index.missing,
        "fragments": fragments,
        "facts": asked,
    }


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

    Raises LookupError for what the plan does not have, PermanentFault for what can't be made of this file, and
    ChildDiedError if it took too long.
    """
    whole = plans.loads(plan)
    rung = whole.rung(name.rung)
    if name.part is Part.PLAYLIST:
        return playlists.media(rung).encode(), playlists.CONTENT_TYPE
    if name.part not in (Part.INIT, Part.SEGMENT):
        raise LookupError(f"a stream has no {name.part}")
    if name.part is Part.SEGMENT and name.number >= rung.count:
        raise LookupError(f"{rung.name} has {rung.count} segments only")
    body = _body(source, whole, rung, name)
    if len(body) > MOST_BYTES:
        raise PermanentFault(ErrorCode.TOO_LARGE, "This part of the file has more bytes than one answer may have.")
    return body, _MP4[rung.is_sound]


def _body(source: Source, whole: Plan, rung: Rung, name: MediaName) -> bytes:
    """An init segment or a segment. Raises PermanentFault and ChildDiedError."""
    if isinstance(source.data, Ranged) and whole.index[1] and not rung.is_cued:
        source.data.keep(*whole.index, *whole.more)
    arguments = {
        "do": "init" if name.part is Part.INIT else "segment",
        "demuxer": list(whole.demuxer),
        "size": source.size,
        "index": list(whole.index),
        "head": whole.head,
        "tables": whole.tables,
        "zero": list(whole.zero),
        "rung": _alone(rung),
        "part": _part(rung, name.number, whole.demuxer[0]) if name.part is Part.SEGMENT else None,
    }
    try:
        _, body = child.run_on(_CHILD, source.data, source.size, arguments, _PART)
    except ChildDiedError as died:
        if str(died) == child.TOO_LONG:  # this time; the machine may have had too much to do
            raise
        message = f"This part of the file can't be made ({died}): the file is damaged, or too much work."
        raise PermanentFault(ErrorCode.CORRUPT, message) from None
    return body


# Settings with an entry for each segment.
_LISTS = ("places", "at", "since", "inside", "large", "jumps")


def _alone(rung: Rung) -> dict[str, Any]:
    """The rung without its lists, which can be long: a child gets its arguments in its command line."""
    settings = {name: value for name, value in rung.settings.items() if name not in _LISTS}
    return {**asdict(rung), "cuts": [], "settings": settings}


def _part(rung: Rung, number: int, demuxer: str) -> dict[str, Any]:
    found: dict[str, Any] = {"number": number, "start": rung.cuts[number], "stop": rung.cuts[number + 1]}
    last = number + 1 == rung.count
    if rung.is_cued:
        own = [*zip(rung.settings["at"], rung.settings["inside"], strict=True)]
        found |= {"cue": own[number], "next_cue": None if last else own[number + 1]}
        return {**found, "most_bytes": rung.settings["most_bytes"]}
    found |= rung.restart(number)
    if demuxer in plans.COUNTED:
        found["since"] = rung.settings["since"][number]
    if "places" in rung.settings:
        places = rung.settings["places"]
        found |= {"place": places[number], "next_place": None if last else places[number + 1]}
        return {**found, "most_bytes": rung.settings["most_bytes"]}
    most = rung.settings["most_bytes"] if rung.sort == "copy" else KEY_BYTES
    if rung.sort == "picture":
        most = rates.encoded_bytes(rung.settings["rate"], rung.seconds(number), rung.frame_rate or 25)
    return {**found, "next_stop": None if last else rung.cuts[number + 2], "most_bytes": most}


def _without(why: str) -> FileWarning:
    return FileWarning(code="no_stream", message=f"This file can't be streamed: {why}.")
