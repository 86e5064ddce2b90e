"""Entity tags and the conditions on them (RFC 9110, 8.8.3 and 13.1).

A record's tag is `"revision-digest"`. The digest is of the whole answer, so 304 means that the answer would be the same
to the byte: the signed addresses of a private file change while its revision does not, and a client must not keep
addresses that have expired. A write compares the revision alone: it asks if the client saw the newest record.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from chalicelib.api.errors import Problem
from chalicelib.api.routing import Call
from chalicelib.model import File

# Characters of a header. A record's own tag has about 25.
MAX_HEADER = 8192

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\xa0-\xff]*+")')
# Tags may contain commas. Elements of the list may be empty, but not all of them (RFC 9110, 5.6.1).
_LIST = re.compile(rf"[ \t,]*+{_TAG.pattern}[ \t]*+(,[ \t]*+({_TAG.pattern}[ \t]*+)?+)*+")
_OURS = re.compile(r'"([0-9]{1,18})-[0-9a-f]{16}"')


def etag(revision: int, text: str) -> str:
    """The strong tag of a record's JSON (`as_json`)."""
    return f'"{revision}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


@dataclass(frozen=True)
class Tag:
    """An entity tag. `value` has its quotes."""

    weak: bool
    value: str


def not_modified(call: Call, tag: str) -> bool:
    """True if the client already has the answer with this tag (If-None-Match, compared weakly)."""
    tags = _tags(call, "If-None-Match")
    return tags is not None and (not tags or any(sent.value == tag for sent in tags))


def holds(call: Call, file: File) -> int | None:
    """The revision that a write must meet: the record's if the client sent If-Match, else None.

    Tags in If-Match are compared strongly: a weak tag matches nothing. Raises Problem: `precondition_failed`, and
    `invalid_field` for a header that is no list of entity tags.
    """
    tags = _tags(call, "If-Match")
    if tags and not any(not tag.weak and _revision(tag) == file.revision for tag in tags):
        raise failed()
    unwanted = _tags(call, "If-None-Match")
    if unwanted is not None and (not unwanted or any(_revision(tag) == file.revision for tag in unwanted)):
        raise Problem(
            "precondition_failed", "The file is at the revision that If-None-Match names, so nothing was done."
        )
    return None if tags is None else file.revision


def is_conditional(call: Call) -> bool:
    """True if a write has conditions, so that it needs the record first."""
    return any(_header(call, name) is not None for name in ("If-Match", "If-None-Match"))


def failed() -> Problem:
    return Problem("precondition_failed", "The file has changed in the meantime. Get it again, and decide anew.")


def _revision(tag: Tag) -> int | None:
    match = _OURS.fullmatch(tag.value)
    return int(match[1]) if match else None


def _header(call: Call, name: str) -> str | None:
    value: str | None = call.request.headers.get(name.lower())
    return value


def _tags(call: Call, name: str) -> list[Tag] | None:
    """The tags of a header; an empty list for `*`; None if the header is missing."""
    value = _header(call, name)
    if value is None:
        return None
    if value.strip() == "*":
        return []
    if len(value) <= MAX_HEADER and _LIST.fullmatch(value):
        return [Tag(bool(weak), tag) for weak, tag in _TAG.findall(value)]
    raise Problem("invalid_field", f'`{name}`: must be `*`, or entity tags such as "7-0123456789abcdef".', field=name)
