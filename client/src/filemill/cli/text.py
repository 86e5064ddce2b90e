"""Text from files and from the service, made safe for a terminal; sizes, times and durations."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

# Everything that could steer a terminal or turn the direction of writing: control characters (C0, C1), line and
# paragraph separators, marks and overrides of direction, and half surrogate pairs (bytes that are no UTF-8).
_UNSAFE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_DURATION = re.compile(r"(?P<number>[0-9]{1,9})(?P<unit>[smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def visible(text: str) -> str:
    """The text with each dangerous character written as its escape (`\\x1b`), so that a terminal only shows it."""
    return _UNSAFE.sub(_escaped, text)


def visible_json(text: str) -> str:
    """The same for JSON text: the escapes are JSON's own, so that a program reads the original characters."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def size(count: float | None) -> str:
    """Bytes for people, with decimal units as the usual tools show them: `2.8 MB`."""
    if count is None:
        return "?"
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"


def count(number: int, word: str) -> str:
    """`1 file`, `5,000 files`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def moment(text: Any) -> str:
    """A time of the API (RFC 3339, UTC), for people: local time without milliseconds. Other values become text."""
    if not text:
        return ""
    try:
        at = datetime.fromisoformat(str(text).replace("Z", "+00:00")).astimezone()
        return at.strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # no time, or one that this system can't have in its zone
        return str(text)


def now() -> str:
    """This moment as the API writes it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(text: str) -> int:
    """Seconds of a duration such as `90`, `45m`, `12h`, `7d` or `2w`. ValueError says how it is written."""
    found = _DURATION.fullmatch(text.strip().lower())
    if not found:
        raise ValueError(f"{text!r} is no duration; write 90 (seconds), 45m, 12h, 7d or 2w")
    return int(found["number"]) * _SECONDS[found["unit"]]
