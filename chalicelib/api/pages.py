"""Small pages of HTML for people: without scripts, and with nothing from other hosts. Pure."""

from __future__ import annotations

import base64
import hashlib

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


def page(title: str, content: str) -> str:
    """A whole page. `title` and `content` are HTML, escaped already."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex, nofollow">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{content}\n</main>\n</body>\n</html>\n"
    )


WRONG_PATH = page(
    "Nothing here",
    """<h1>There is nothing at this address</h1>
<p>Please check the address, or go on from here:</p>
<p><a href="/">Console</a>: upload and look at files</p>
<p><a href="/docs">API reference</a>: what programs can ask</p>""",
)


def wants_page(accept: str | None) -> bool:
    """True if a browser asks for a page. Programs ask for JSON or for anything, and get a problem document."""
    return any(item.partition(";")[0].strip().lower() == "text/html" for item in (accept or "")[:1024].split(","))
