"""The page that a share link leads to, as HTML: without scripts, and with nothing from other hosts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape

from chalicelib.api.pages import page


@dataclass(frozen=True)
class Picture:
    """A preview, or the icon of a kind. Pixels."""

    url: str
    width: int
    height: int
    icon: bool = False


@dataclass(frozen=True)
class Shown:
    """All that the page says of a file.

    `kind` is a word for people, `size` in bytes, and `download` the signed address of the original, if any.
    """

    filename: str
    kind: str
    size: int | None
    until: datetime
    picture: Picture
    download: str | None


def of_file(shown: Shown) -> str:
    name, picture = escape(shown.filename), shown.picture
    alt = "" if picture.icon else f"Preview of {name}"
    image = (
        f'<img src="{escape(picture.url)}" width="{picture.width}" height="{picture.height}" alt="{alt}"'
        f"{' class="icon"' if picture.icon else ''}>"
    )
    facts = [shown.kind, *([in_words(shown.size)] if shown.size is not None else [])]
    offer = ""
    if shown.download:
        offer = (
            f'<p><a class="act" href="{escape(shown.download)}" rel="noreferrer" download>Download</a></p>'
            '<p class="quiet">The download works for five minutes. Reload this page for another five.</p>'
        )
    return page(
        name,
        f"<figure>{image}</figure>\n<h1>{name}</h1>\n"
        f'<p class="quiet">{escape(" · ".join(facts))}</p>\n'
        f'<p class="quiet">This page can be seen until {_moment(shown.until)}.</p>\n{offer}',
    )


def of_password(*, wrong: bool = False) -> str:
    said = '<p class="wrong" id="wrong" role="alert">This password is wrong.</p>\n' if wrong else ""
    about = ' aria-describedby="wrong" aria-invalid="true"' if wrong else ""
    return page(
        "A shared file",
        "<h1>A shared file</h1>\n<p>This file has a password.</p>\n" + said + '<form method="post">'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="off" required maxlength="128" autofocus'
        f"{about}>"
        '<button class="act" type="submit">Show the file</button></form>',
    )


def of_nothing() -> str:
    """The same for every reason: what never was, is over, was revoked, or may not be seen."""
    return page(
        "Not found",
        "<h1>There is nothing here</h1>\n"
        "<p>This link is wrong, or it has ended. Ask whoever gave it to you for another one.</p>",
    )


def of_lock() -> str:
    return page(
        "Locked",
        "<h1>Too many wrong passwords</h1>\n<p>This link takes no password for now. Try again in an hour.</p>",
    )


def in_words(size: int) -> str:
    """Bytes in the unit that reads best, by thousands as shops and systems count them."""
    value, unit = float(size), "bytes"
    for larger in ("KB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{size} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"


def _moment(moment: datetime) -> str:
    machine, person = moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%d %B %Y, %H:%M UTC")
    return f'<time datetime="{machine}">{person}</time>'
