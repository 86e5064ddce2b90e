"""On-demand renditions: a rendition that is missing is made once, however many viewers ask for it at the same time.

One of the callers gets the lease on the rendition (one conditional write) and makes it. The others look at the lease
now and then, until it says how that went. CloudFront asks the functions `render` (processing/on_demand.py) and `stream`
(processing/media/on_demand.py), whose runs are the callers. A distribution of a former release asks the API's route
`/render`, which calls the function.

While `stream` makes one segment of a film, it takes the leases of the next ones and starts a run for each. Such a run
goes on with the lease that was taken for it.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from chalicelib import aws
from chalicelib.catalog import render_leases
from chalicelib.catalog.render_leases import RenderState
from chalicelib.model import EXTENSIONS, FILE_ID_PATTERN, File, Visibility, rendition_prefix
from chalicelib.observability import Metric, count, logger
from chalicelib.renditions import media_names, places
from chalicelib.renditions.entry_names import entry_number, number_in
from chalicelib.renditions.ladder import Size
from chalicelib.renditions.media_names import MediaName, Part
from chalicelib.renditions.recipes import MAX_SIDE, Encoding
from chalicelib.settings import settings

# The functions that make what is missing.
RENDER, STREAM = "render", "stream"

# Seconds. The function may run for 28 (.chalice/config.json), API Gateway gives up after 29 and CloudFront after 30.
# LEASE is how long one caller has the rendition for itself, and PATIENCE how long another one waits.
LEASE = 30
PATIENCE = 24
# After this many seconds, too little is left for a try of one's own.
LAST_START = 3

# Seconds that a run which was started ahead has to begin. After that, whoever asks makes the object, if nobody has yet.
# A run that begins LATE seconds after that does nothing: Lambda keeps one for hours that it could not start.
START_WITHIN = 3
LATE = 60

# How many seconds a result is remembered. MADE_FOR is short: it is for those who wait, later viewers find S3's object.
MADE_FOR = 30
FAILED_FOR = 3600
UNKNOWN_FOR = 60
# If a try ends without an answer (out of memory, out of time) this often in a row, the next one would, too.
MAX_FAILURES = 3

_VERSION = re.compile(r"[0-9a-f]{16}")
_PICTURE = re.compile(r"(?:p[1-9][0-9]{0,3}-)?w([1-9][0-9]{0,4})\.(?:avif|webp|jpg|png)")
_FORMATS = {extension: format for format, extension in EXTENSIONS.items()}


@dataclass(frozen=True)
class Address:
    """A rendition's address, in the derived bucket and at the edge: `f/{visibility}/{file id}/{version}/{name}`.

    The name of a film's or a sound's part has a slash: `av/v720-0.m4s`.
    """

    visibility: Visibility
    file_id: str
    version: str
    name: str

    @property
    def prefix(self) -> str:
        """The beginning of the keys of all that is made of this version of the file."""
        return rendition_prefix(self.visibility, self.file_id, self.version)

    @property
    def key(self) -> str:
        return self.prefix + self.name

    @property
    def function(self) -> str:
        """The function that makes it: RENDER or STREAM."""
        return STREAM if self.name.startswith(media_names.FOLDER) else RENDER

    @property
    def is_streamed(self) -> bool:
        """True for a playlist and what it names. A player on a page of another origin must not be sent to S3."""
        part = media_names.read(self.name) if self.function == STREAM else None
        return part is not None and part.part in STREAMED


def parse(visibility: str, file_id: str, version: str, name: str) -> Address | None:
    """Reads an address from its parts. None if no rendition can have it. Makes no call."""
    if visibility not in (*Visibility,) or not FILE_ID_PATTERN.fullmatch(file_id) or not _VERSION.fullmatch(version):
        return None
    if name.startswith(media_names.FOLDER):
        return Address(Visibility(visibility), file_id, version, name) if media_names.read(name) else None
    picture = _PICTURE.fullmatch(name)
    if number_in(name) is None and (picture is None or int(picture[1]) > MAX_SIDE):
        return None
    return Address(Visibility(visibility), file_id, version, name)


@dataclass(frozen=True)
class Picture:
    """A picture of the ladder. `page` from 1 on."""

    size: Size
    encoding: Encoding
    page: int


@dataclass(frozen=True)
class Entry:
    """The bytes of one entry. `number` is its place in `entries.json`, from 0 on."""

    number: int


Wanted = Picture | Entry | MediaName
"""Each sort of object that can be missing at an address."""

Find = Callable[[Address], tuple[File, Wanted] | None]

# The parts that a playlist names, and the playlists themselves.
STREAMED = frozenset({Part.PLAYLIST, Part.INIT, Part.SEGMENT})


def find(address: Address) -> tuple[File, Wanted] | None:
    """The file, and what belongs at this address: one GetItem. None if there is no such rendition.

    The recipe is today's: a file that was processed under an older one keeps its address, and gets the new sizes, too.
    Of a film's segments this says only if there may be any: their number stands in `av/plan.json`.
    """
    file = render_leases.get_ready(address.file_id)
    if file is None:
        return None
    if (file.visibility, file.source_version) != (address.visibility, address.version):
        return None
    if address.function == STREAM:
        part = media_names.read(address.name)
        return (file, part) if part and _has_part(file, part) else None
    name, _, extension = address.name.partition(".")
    if extension == "bin":
        number = entry_number(file, address.name)
        return None if number is None else (file, Entry(number))
    rendition = places.in_ladder(file, name, _FORMATS[extension])
    return (file, Picture(*rendition, places.page_of(name)[0])) if rendition else None


def _has_part(file: File, part: MediaName) -> bool:
    if file.kind not in places.STREAMABLE or not settings().has_media:
        return False
    from chalicelib.renditions import conversions  # here, because `render` has no need of the facts that it imports

    return places.has_stream(file) if part.part in STREAMED else conversions.exists(file, part)


class Outcome(StrEnum):
    """The result of `obtain`."""

    MADE = "made"  # the rendition is in the derived bucket
    NONE = "none"  # there is none, and for a while there will be none
    LATER = "later"  # not now: ask again
    QUOTA = "quota"  # the tenant may have no more made today


Maker = Callable[[Address], str | None]
"""Makes a rendition. Gives `made`, `unknown`, `failed`, `later` or `quota` (first_requests.handle says what they mean),
or None if it broke off without an answer. Raises BotoCoreError or ClientError if AWS did not let it begin."""


def call(address: Address) -> str | None:
    """The Maker that calls the address's function and waits for it."""
    try:
        reply = aws.functions().invoke(
            FunctionName=f"filemill-{settings().stage}-{address.function}", Payload=json.dumps(asdict(address)).encode()
        )
    except ReadTimeoutError:
        return None  # it may run for longer than a caller of API Gateway can wait
    answer: Any = json.loads(reply["Payload"].read())
    if reply.get("FunctionError") or not isinstance(answer, dict):
        logger.error("the function ended without an answer", extra={"function": address.function, "answer": answer})
        return None
    return str(answer.get("status"))


def obtain(address: Address, make: Maker = call, patience: float = PATIENCE) -> Outcome:
    """Has the rendition made, or waits for the caller who does, `patience` seconds at most.

    Raises BotoCoreError or ClientError if AWS did not answer.
    """
    begun = time.monotonic()
    ours = secrets.token_hex(8)
    pause = 0.1
    counted = False
    while time.monotonic() - begun < LAST_START:
        lease = render_leases.begin(address.key, ours, LEASE)
        if lease.lease_id == ours:
            return _make(address, ours, lease.failures, make)
        if patience and lease.is_ahead and lease.state is not RenderState.FAILED and not counted:
            count({Metric.STALLS_AVOIDED: 1})  # without patience nobody watches
            counted = True
        while lease.state is RenderState.WORKING and not lease.over:
            if time.monotonic() - begun > patience:
                return Outcome.LATER
            time.sleep(pause)
            pause = min(0.5, pause * 1.5)
            lease = render_leases.get(address.key) or lease
        if not lease.over:
            return Outcome.MADE if lease.state is RenderState.MADE else Outcome.NONE
    return Outcome.LATER


def take_ahead(address: Address) -> str | None:
    """Takes the lease on an object for a run that is about to be started: one UpdateItem. Gives the lease's id.

    None if somebody makes it already, made it just now, or could not. If the run does not come in time, the lease is
    over, and that is no failed try.
    """
    ours = render_leases.AHEAD + secrets.token_hex(8)
    lease = render_leases.begin(address.key, ours, START_WITHIN, tries=0)
    return ours if lease.lease_id == ours else None


def make_ahead(address: Address, lease_id: str, make: Maker) -> Outcome:
    """Makes an object under the lease that `take_ahead` took. Does nothing if it is no longer ours, or was used once.

    Raises what `obtain` raises.
    """
    ours = render_leases.AHEAD + secrets.token_hex(8)
    lease = render_leases.take_over(address.key, lease_id, ours, LEASE, late=LATE)
    return _make(address, ours, lease.failures, make) if lease else Outcome.LATER


def _make(address: Address, lease_id: str, tries: int, make: Maker) -> Outcome:
    """Makes the rendition, and writes to the lease how that went and for how long it holds.

    With WORKING for 0 seconds the next caller may try at once. `tries` counts those in a row that did not end well,
    ours included. If our process dies, it stays so.
    """

    def write(state: RenderState, seconds: float, failures: int = 0) -> None:
        render_leases.end(address.key, lease_id, state, seconds=seconds, failures=failures)

    if tries > MAX_FAILURES:
        write(RenderState.FAILED, FAILED_FOR)
        return Outcome.NONE
    try:
        status = make(address)
    except (BotoCoreError, ClientError):
        # Mostly because too many functions run at once. That is not the rendition's fault.
        write(RenderState.WORKING, 0, tries - 1)
        raise
    match status:
        case "made":
            write(RenderState.MADE, MADE_FOR)
            return Outcome.MADE
        case "unknown":
            write(RenderState.FAILED, UNKNOWN_FOR)
            return Outcome.NONE
        case "failed":
            write(RenderState.FAILED, FAILED_FOR)
            return Outcome.NONE
        case "quota":
            write(RenderState.WORKING, 0, tries - 1)
            return Outcome.QUOTA
        case None if tries >= MAX_FAILURES:
            write(RenderState.FAILED, FAILED_FOR)
            return Outcome.NONE
        case None:
            write(RenderState.WORKING, 0, tries)
            return Outcome.LATER
        case _:
            write(RenderState.WORKING, 0, tries - 1)
            return Outcome.LATER
