"""The answer to the first viewer of a rendition. CloudFront asks for it when S3 does not have the object.

The functions `render` and `stream` give it, and the API's route `/render`, which a distribution of a former release
still asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from chalicelib.catalog import usage
from chalicelib.delivery import byte_ranges, missing
from chalicelib.delivery.missing import Address, Find, Maker, Outcome, Wanted
from chalicelib.model import File, now
from chalicelib.observability import logger
from chalicelib.renditions import media_names
from chalicelib.settings import settings
from chalicelib.storage import derived
from chalicelib.storage.derived import Derived

MAX_BODY = media_names.MOST_ANSWERED

NONE_FOR = 60  # seconds that CloudFront may keep a 404
SIGNED_FOR = 60  # seconds that an address of S3 works
# Seconds, beside its duration, in which a clip or a sound is played that came from such an address. Players ask there
# for the rest of it, after a pause or where somebody jumps to.
PLAYED_FOR = 3600


@dataclass(frozen=True)
class Reply:
    """An HTTP answer.

    `body` is the answer to a GET, also when the request is a HEAD: the server that sends the answer then leaves it out,
    and says its length. For an error it is a sentence for a person, and `code` is one of the API's (api/errors.py).
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    code: str = ""


NONE = Reply(404, {"Cache-Control": f"public, max-age={NONE_FOR}"}, b"There is no such rendition.", "not_found")
LATER = Reply(
    503,
    {"Retry-After": "1", "Cache-Control": "no-store"},
    b"The rendition is being made; try again.",
    "unavailable",
)
TOO_LARGE = Reply(
    503,
    {"Retry-After": "1", "Cache-Control": "no-store"},
    b"This part of the stream was made, and is too large for the first answer; try again.",
    "unavailable",
)


def quota_exceeded() -> Reply:
    """The answer where the file's tenant may have no more renditions made today.

    CloudFront does not list 429 among the errors that it keeps, and `no-store` tells all other caches.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
    """
    moment = now()
    seconds = int((usage.end_of_day(moment) - moment).total_seconds()) + 1
    headers = {"Retry-After": str(seconds), "Cache-Control": "no-store"}
    return Reply(429, headers, b"No more renditions can be made today.", "quota_exceeded")


def answer(
    address: Address | None,
    method: str,
    make: Maker = missing.call,
    patience: float = missing.PATIENCE,
    *,
    find: Find = missing.find,
    asked: Callable[[Address, Wanted], None] | None = None,
    stored: Mapping[str, Derived] | None = None,
) -> Reply:
    """The rendition, made now if it is missing. `address` is None if no rendition can have the address.

    `find` says what belongs at the address, and `asked` is told of it. `stored` has what `make` stored, by its key, if
    it worked in this process. Raises BotoCoreError or ClientError if AWS did not answer.
    """
    found = find(address) if address else None
    if address is None or found is None:
        return NONE
    if asked:
        asked(address, found[1])
    # CloudFront asked S3 a moment ago. The rendition may be there by now.
    made = derived.read(address.key, MAX_BODY)
    if made is None:
        end = missing.obtain(address, make, patience)
        if end is Outcome.NONE:
            return NONE
        if end is Outcome.QUOTA:
            return quota_exceeded()
        if end is Outcome.MADE:
            made = (stored or {}).get(address.key) or derived.read(address.key, MAX_BODY)
    if made is None:
        return LATER
    if made.body is None or len(made.body) > MAX_BODY:
        return _too_large(address, method, found[0])
    return Reply(200, made.headers, made.body)


def _too_large(address: Address, method: str, file: File) -> Reply:
    """The answer for an object that is there, and too large for an answer. From the next request on S3 gives it."""
    if address.is_streamed:
        # A player on a page of another origin can't follow a redirect to S3. It asks again.
        logger.error("a part of a stream is too large for an answer", extra={"rendition": address.name})
        return TOO_LARGE
    # The viewer is sent to S3 and not to this address again, because its signature stays at the edge and would be lost.
    seconds = _play_time(file) if address.function == missing.STREAM else SIGNED_FOR
    location = derived.sign(address.key, seconds, method)
    return Reply(302, {"Location": location, "Cache-Control": "no-store"})


def _play_time(file: File) -> int:
    """Seconds for which the address of a clip or a sound works; no longer than any signature of the stage."""
    media = file.video or file.audio
    duration = (media.duration if media else None) or 0
    return min(int(duration) + PLAYED_FOR, settings().max_url_expiry)


def part(reply: Reply, asked: str) -> Reply:
    """The bytes of a whole answer for which a Range header asks: 206, or 416 if the answer has none of them.

    Safari asks for the first two bytes of a film, and plays it only if it gets no more. CloudFront passes on the
    origin's answer; later viewers get a range from its memory.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RangeGETs.html
    """
    if reply.status != 200:
        return reply
    whole = replace(reply, headers={**reply.headers, "Accept-Ranges": "bytes"})
    size = len(reply.body)
    found = byte_ranges.asked(asked, size)
    if found is None:
        return whole
    first, last = found
    if first > last:
        headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
        return Reply(416, headers | {"Content-Range": f"bytes */{size}"}, b"The rendition ends before this range.\n")
    headers = {**whole.headers, "Content-Range": f"bytes {first}-{last}/{size}"}
    return Reply(206, headers, reply.body[first : last + 1])
