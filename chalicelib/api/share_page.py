"""The page that a share link leads to, as HTML: without scripts, and with nothing from other hosts. Pure."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from html import escape

# Colours and sizes as on the page of the API (viewer/docs.css): dark where the reader's system is dark.
STYLE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1c1e21; --quiet: #5a6068; --line: #d8dce2; --act: #0b57d0;
  --on-act: #fff; --wrong: #b3261e }
@media (prefers-color-scheme: dark) { :root { --ground: #16181b; --text: #e8eaed; --quiet: #a4abb3; --line: #3a3f45;
  --act: #a8c7fa; --on-act: #062e6f; --wrong: #f2b8b5 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
h1 { font-size: 1.375rem; line-height: 1.3; margin: 1rem 0 .5rem; overflow-wrap: anywhere }
p { margin: .5rem 0 } .quiet { color: var(--quiet) } .wrong { color: var(--wrong) }
figure { margin: 0; display: flex; justify-content: center; align-items: center; min-height: 8rem;
  border: 1px solid var(--line); border-radius: .5rem; overflow: hidden }
figure img { display: block; max-width: 100%; max-height: 60vh; height: auto }
figure img.icon { width: 6rem; height: 6rem; margin: 2rem }
.act { display: inline-block; margin-top: .75rem; padding: .75rem 1.25rem; border: 0; border-radius: .5rem;
  background: var(--act); color: var(--on-act); font: inherit; font-weight: 600;
  text-decoration: none; cursor: pointer }
.act:focus-visible, input:focus-visible { outline: 3px solid var(--text); outline-offset: 2px }
label { display: block; margin-top: 1rem; font-weight: 600 }
input { display: block; width: 100%; max-width: 24rem; margin-top: .25rem; padding: .625rem .75rem; font: inherit;
  color: inherit; background: var(--ground); border: 1px solid var(--quiet); border-radius: .5rem }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


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
    return _page(
        name,
        f"<figure>{image}</figure>\n<h1>{name}</h1>\n"
        f'<p class="quiet">{escape(" · ".join(facts))}</p>\n'
        f'<p class="quiet">This page can be seen until {_moment(shown.until)}.</p>\n{offer}',
    )


def of_password(*, wrong: bool = False) -> str:
    said = '<p class="wrong" id="wrong" role="alert">This password is wrong.</p>\n' if wrong else ""
    about = ' aria-describedby="wrong" aria-invalid="true"' if wrong else ""
    return _page(
        "A shared file",
        "<h1>A shared file</h1>\n<p>This file has a password.</p>\n" + said + '<form method="post">'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="off" required maxlength="128" autofocus'
        f"{about}>"
        '<button class="act" type="submit">Show the file</button></form>',
    )


def of_nothing() -> str:
    """The same for every reason: what never was, is over, was revoked, or may not be seen."""
    return _page(
        "Not found",
        "<h1>There is nothing here</h1>\n"
        "<p>This link is wrong, or it has ended. Ask whoever gave it to you for another one.</p>",
    )


def of_lock() -> str:
    return _page(
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


def _page(title: str, content: str) -> str:
    """`title` is escaped already."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex, nofollow">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{content}\n</main>\n</body>\n</html>\n"
    )
