"""Content types that say nothing of a file, though they were declared.

Browsers, phones and programs send them for files whose type they do not know.
"""

from __future__ import annotations

OCTETS = "application/octet-stream"
"""The type of a file of which nobody knows more."""

GENERIC = frozenset(
    {
        "",
        "application/binary",
        "application/download",
        "application/force-download",
        "application/octet-stream",
        "application/octetstream",
        "application/unknown",
        "application/x-binary",
        "application/x-download",
        "application/x-force-download",
        "application/x-octet-stream",
        "application/x-unknown",
        "application/x-www-form-urlencoded",  # a form's own type, by mistake
        "binary/octet-stream",
        "content/unknown",
        "file/unknown",
        "multipart/form-data",
        "unknown/unknown",
        "*/*",
        "application/*",
    }
)
"""Declared types that say nothing, and so contradict nothing."""

# Types that say no more than the family.
_VAGUE = frozenset(
    f"{family}/{name}" for family in ("audio", "font", "image", "video") for name in ("unknown", "x-unknown")
)


def own_name(content_type: str) -> str:
    """The type itself, without parameters and in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_wildcard(content_type: str) -> bool:
    """True for `image/*`, `*/*` and their like."""
    return own_name(content_type).endswith("/*")


def says_nothing(content_type: str) -> bool:
    """True for a declared type that does not say what the file is."""
    name = own_name(content_type)
    return name in GENERIC or name in _VAGUE or is_wildcard(name)
