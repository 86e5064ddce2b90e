"""Markup: SVG, HTML, XHTML and other XML, by the root element. All of it may be active: it can carry scripts."""

from __future__ import annotations

import re

_SVG_ROOT = re.compile(rb"<!DOCTYPE\s+([a-z_][\w.-]*:)?svg\b|<([a-z_][\w.-]*:)?svg[\s>/]", re.I)


def svg(head: bytes) -> str | None:
    """An XML document whose root element or DOCTYPE is `svg`; in UTF-8, or in UTF-16 with a byte order mark.

    Declarations and comments are skipped one by one. A single regular expression for all of it would take exponential
    time on comments that never end.
    """
    return "image/svg+xml" if _SVG_ROOT.match(_root(plain(head))) else None


def may_be_svg(head: bytes) -> bool:
    """True if an SVG may begin so: its root element does, or may come after these bytes."""
    text = plain(head)
    return svg(head) is not None or (text.startswith((b"<?", b"<!--")) and not _root(text))


def plain(head: bytes) -> bytes:
    """Text in UTF-8, without a byte order mark and white space before it. Other encodings stay as they are."""
    if head[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        head = head.decode("utf-32", "ignore").encode("utf-8", "ignore")
    elif head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "ignore").encode("utf-8", "ignore")
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()


def _root(text: bytes) -> bytes:
    """The text that follows the declarations and comments at the beginning; nothing if they do not end."""
    while text.startswith((b"<?", b"<!--")):
        text = text.partition(b"?>" if text.startswith(b"<?") else b"-->")[2].lstrip()
    return text


# https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type, and some that begin HTML, too.
_HTML = re.compile(
    rb"<(!DOCTYPE\s+(?:HTML|NETSCAPE-Bookmark-file-1)|HTML|HEAD|SCRIPT|IFRAME|FRAMESET|H1|DIV|FONT|TABLE|A|STYLE|TITLE|B|BODY|BR|P|META|LINK|SECTION|MAIN"
    rb"|ARTICLE|NAV|SPAN|UL|OL|IMG|FORM|TEMPLATE)[\s/>]",
    re.I,
)
_XHTML = re.compile(rb"<(!DOCTYPE\s+html|([a-z]\w*:)?html)[\s>\[]", re.I)
_ELEMENT = re.compile(rb"<(?:!DOCTYPE\s|[A-Za-z_][\w.-]*(?::[\w.-]+)?[\s/>])")


def markup(text: bytes) -> str | None:
    """The type of a text that begins with a tag, by `plain`'s bytes; None for a text that does not."""
    if not text.startswith(b"<"):
        return None
    if found := svg(text):
        return found
    root = _root(text)
    if text.startswith(b"<?xml"):
        return "application/xhtml+xml" if _XHTML.match(root) else "application/xml"
    # A comment that never ends is HTML to a browser.
    if _HTML.match(root) or (text.startswith(b"<!--") and not root):
        return "text/html"
    ended = b"</" in root or b"/>" in root or b"xmlns" in root
    return "application/xml" if ended and _ELEMENT.match(root) else None
