"""The child's part of the e-mail processor, because the library takes long, or recurses deeply, for hostile messages.

The header that `main` returns has `subject`, `from`, `to` (a list), `date`, `text`, and `attachments`. These are a list
of (name, size, encoded size), sizes in bytes, None of a message inside the message.

With the argument `attachment`, a number from 0 on, it returns that one: its `name`, and its decoded bytes. The name is
None if there is none, or if it is a message.
"""

from __future__ import annotations

import email
import email.policy
import email.utils
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from html.parser import HTMLParser
from typing import Any

from chalicelib.processing.encodings import declared, encoding_of

# Characters of a header that are read. RFC 5322 allows lines of 998, and headers of several lines.
MAX_HEADER = 8000
MAX_ADDRESSES = 50

MAX_TEXT = 2_000_000  # characters of all parts
MAX_PARTS = 10_000  # of which the rest is not looked at


Attachment = tuple[str, int | None, int | None]

# Whatever the library raises for a damaged header or body. Nothing but that header or body is then missing.
_DAMAGE = (MessageError, ValueError, LookupError, TypeError, AttributeError, AssertionError)


def main(data: bytes, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    # The newer policy parses headers by their grammar, which takes minutes for a hostile one.
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    texts, attached = _parts(message)
    if "attachment" in arguments:
        chosen = attached[arguments["attachment"] :][:1]
        if not chosen or chosen[0].is_multipart():
            return {"name": None}, b""
        return {"name": _filename(chosen[0])}, _payload(chosen[0])
    attachments = [_attachment(part) for part in attached]
    header = {
        "subject": _header(message, "subject"),
        "from": next(iter(_addresses(message, "from")), None),
        "to": _addresses(message, "to"),
        "date": str(message.get("date", ""))[:100],
        "text": "\n".join(texts)[:MAX_TEXT],
        "attachments": attachments,
    }
    return header, b""


def _parts(message: Message) -> tuple[list[str], list[Message]]:
    """The texts that a reader sees, and the attachments."""
    plain: list[str] = []
    html: list[str] = []
    attachments: list[Message] = []
    left, looked = [message], 0
    while left and looked < MAX_PARTS:
        part = left.pop()
        looked += 1
        kind = part.get_content_type()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            left.extend(reversed(part.get_payload()))  # type: ignore[arg-type]
        elif kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment":
            if len(plain) + len(html) < 1000:
                (plain if kind == "text/plain" else html).append(_text(part))
        else:
            attachments.append(part)
    # Some programs send an empty plain part beside the HTML.
    return plain if any(map(str.strip, plain)) else [_without_markup(each) for each in html], attachments


def _attachment(part: Message) -> Attachment:
    if part.is_multipart():  # a message, which is not looked into
        inner = part.get_payload()
        subject = _header(inner[0], "subject") if isinstance(inner, list) and isinstance(inner[0], Message) else ""
        return (f"{subject or 'message'}.eml", None, None)
    return (_filename(part), _length(part, decode=True), _length(part, decode=False))


def _length(part: Message, *, decode: bool) -> int | None:
    """The size of the part's body, decoded or as it stands; None if the library can't tell."""
    try:
        body: Any = part.get_payload(decode=True) if decode else part.get_payload()
        return len(body or "")
    except _DAMAGE:
        return None


def _payload(part: Message) -> bytes:
    try:
        body = part.get_payload(decode=True)
    except _DAMAGE:
        return b""
    return body if isinstance(body, bytes) else b""


def _filename(part: Message) -> str:
    try:
        name = part.get_filename()
    except _DAMAGE:
        name = None
    return _decoded(name[:MAX_HEADER]) if name else f"({part.get_content_type()})"


def _text(part: Message) -> str:
    body = _payload(part)[: 4 * MAX_TEXT]
    try:
        charset = f"charset={part.get_content_charset()}"
    except _DAMAGE:
        charset = ""
    try:
        return body.decode(declared(charset) or "utf-8")
    except ValueError:
        return body.decode(encoding_of(body, charset, whole=True), "replace")


def _header(message: Message, name: str) -> str:
    return _decoded(str(message.get(name, ""))[:MAX_HEADER])


def _decoded(value: str) -> str:
    """A header's value with its encoded words (RFC 2047) decoded, where they can be."""
    try:
        return str(make_header(decode_header(value)))
    except _DAMAGE:
        return value


def _addresses(message: Message, name: str) -> list[str]:
    """`Name <address>` of each. The addresses are told apart before names are decoded, which may have commas."""
    values = [str(value)[:MAX_HEADER] for value in message.get_all(name, [])[:5]]
    try:
        pairs = email.utils.getaddresses(values)
    except (RecursionError, *_DAMAGE):
        return []
    found = [f"{_decoded(shown)} <{address}>" if shown else address for shown, address in pairs if shown or address]
    return found[:MAX_ADDRESSES]


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in ("script", "style", "head")
        if tag in ("p", "br", "div", "tr", "li", "h1", "h2", "h3"):
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in ("script", "style", "head")))

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)


def _without_markup(text: str) -> str:
    words = _Words()
    try:
        words.feed(text)
        words.close()
    except (AssertionError, ValueError):
        pass  # what was found until then
    lines = (" ".join(line.split()) for line in "".join(words.found).splitlines())
    return "\n".join(line for line in lines if line)
