"""Dates as cameras and programs write them, in ISO 8601. A part that nobody wrote is not made up."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime

_EARLIEST = 1000  # years below are clocks that were never set
_DATE = r"(?P<year>[0-9]{4})(?:[-:/.]?(?P<month>[0-9]{2})(?:[-:/.]?(?P<day>[0-9]{2}))?)?"
_TIME = r"(?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
_OFFSET = r"(?P<zone>Z|z|[+-][0-9]{2}:?[0-9]{2})"
_ZONE = re.compile(_OFFSET)
_MOMENT = re.compile(rf"{_DATE}(?:[T ]\s*+{_TIME}\s*+{_OFFSET}?)?")
# EXIF's own, also with the separators of careless programs, or without seconds.
_WHOLE = re.compile(
    r"(?P<date>[0-9]{4}[-:/.][0-9]{2}[-:/.][0-9]{2})[ T:](?P<time>[0-9]{2}:[0-9]{2}(?P<seconds>:[0-9]{2})?)(?![0-9])"
)
_MAX_FRACTION = 6  # digits


def exif(date: str, fraction: str = "", zone: str = "") -> str | None:
    """EXIF's date with the texts of its fraction of a second and its offset. None for no date."""
    found = _WHOLE.match(date)
    if not found:
        return None
    fraction = f".{fraction}" if fraction.isascii() and fraction.isdigit() and found["seconds"] else ""
    moment = iso(f"{found['date']} {found['time']}{fraction}")
    if moment and _ZONE.fullmatch(zone):
        return moment + _offset(zone)
    return moment


def iptc(date: str, time: str) -> str | None:
    """A date of IPTC-IIM (CCYYMMDD) and its time (HHMMSS±HHMM), which may be missing. Unknown parts are zeros."""
    return (iso(f"{date} {time}") if date and time else None) or iso(date)


def iso(value: str) -> str | None:
    """A date of XMP, which may end after each of its parts; also with colons. None for what is no date."""
    found = _MOMENT.fullmatch(value.strip())
    if not found or int(found["year"]) < _EARLIEST:
        return None
    year, month, day = found["year"], found["month"] or "00", found["day"] or "00"
    if month == "00" or day == "00":
        named = int(month) in range(1, 13) and day == "00"
        return f"{year}-{month}" if named else year if month == "00" else None
    date = f"{year}-{month}-{day}"
    time = f"{found['hour']}:{found['minute']}:{found['second'] or '00'}" if found["hour"] else ""
    with suppress(ValueError):
        datetime.fromisoformat(f"{date}T{time or '00:00:00'}")
        if not time:
            return date
        fraction = f".{found['fraction'][:_MAX_FRACTION]}" if found["fraction"] else ""
        return f"{date}T{time}{fraction}{_offset(found['zone'] or '')}"
    return None


def mail(value: str) -> str | None:
    """A date as in an e-mail's header (RFC 1123), as PNG wants it; also an ISO one."""
    if found := iso(value):
        return found
    from email.utils import parsedate_to_datetime

    with suppress(ValueError, IndexError, TypeError, OverflowError):
        moment = parsedate_to_datetime(value)
        return moment.isoformat() if moment.year >= _EARLIEST else None
    return None


def _offset(zone: str) -> str:
    """An offset as ±hh:mm; "" for none, and for one that no place on earth has."""
    if zone in ("Z", "z"):
        return "+00:00"
    hours, minutes = zone[1:3], zone[-2:]
    return f"{zone[0]}{hours}:{minutes}" if zone and int(hours) <= 15 and int(minutes) < 60 else ""
