"""E-mail, by the lines of its header: https://www.rfc-editor.org/rfc/rfc5322"""

from __future__ import annotations

import re

_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:")
# Fields that tell a message from other texts that begin with `Name: value`.
_SENDER = frozenset({b"from", b"sender", b"received", b"return-path"})
_OTHERS = frozenset(
    {
        *(b"to", b"cc", b"subject", b"date", b"message-id", b"mime-version", b"reply-to", b"in-reply-to"),
        *(b"delivered-to", b"dkim-signature", b"content-type", b"x-mailer", b"user-agent", b"references"),
    }
)
_ENOUGH = 3


def mail(text: bytes) -> str | None:
    """`message/rfc822` for a text that begins with a message's header; all of its lines must be fields."""
    names: set[bytes] = set()
    lines = text.split(b"\n")
    for number, line in enumerate(lines):
        if not line.strip():
            break
        if line[:1] in b" \t" and names:
            continue
        match = _FIELD.match(line)
        if match is None:
            if number and number == len(lines) - 1:
                break  # it is cut off
            return None
        names.add(match[1].lower())
    enough = len(names & (_SENDER | _OTHERS)) >= _ENOUGH
    return "message/rfc822" if names & _SENDER and enough else None
