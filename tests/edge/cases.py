"""One table of what `edge/negotiate.js` answers: test_negotiate.py runs it in a JavaScript engine alone, and
tests/e2e/test_edge.py through the front door of the deployed stack."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

# The stage's key of the checks in these tests; on the deployed stack it is another one.
KEY = "0123456789abcdef" * 4
CODE = (Path(__file__).parents[2] / "edge" / "negotiate.js").read_text() + f"const KEY = '{KEY}';\n"

VERSION = "0123456789abcdef"
FILE = "file_01ARZ3NDEKTSV4RRFFQ69G5FAV"
FOLDER = f"/f/public/{FILE}/{VERSION}"


def check(path: str, key: str = KEY) -> str:
    """The check of an address up to its version, by its definition (docs/delivery.md)."""
    return hmac.new(key.encode(), path.encode(), hashlib.sha256).hexdigest()[:16]


def checked(folder: str = FOLDER, key: str = KEY) -> str:
    """The folder of the same renditions as addresses have it now: with its check."""
    return f"{folder}-{check(folder, key)}"


CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
FIREFOX = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
SAFARI_14 = "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"
SAFARI_13 = "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"


@dataclass(frozen=True)
class Case:
    """`to` is what is fetched for `path`: a path, or None where the function answers 404 by itself.

    `accept` has one item for each header of that name.
    """

    name: str
    path: str
    to: str | None
    accept: tuple[str, ...] = ()


def _format(name: str, extension: str, *accept: str) -> Case:
    return Case(name, f"{FOLDER}/w640", f"{FOLDER}/w640.{extension}", accept)


FORMATS = [
    _format("Chrome", "avif", CHROME),
    _format("Firefox", "avif", FIREFOX),
    _format("Safari 14", "webp", SAFARI_14),
    _format("Safari 13", "jpg", SAFARI_13),
    _format("no header", "jpg"),
    _format("an empty header", "jpg", ""),
    _format("anything", "jpg", "*/*"),
    # Programs that can't show AVIF say so, too.
    _format("any image", "jpg", "image/*"),
    _format("AVIF alone", "avif", "image/avif"),
    _format("AVIF and anything", "avif", "image/avif,*/*"),
    _format("AVIF refused", "webp", "image/avif;q=0,image/webp"),
    _format("AVIF refused in decimals", "jpg", "image/avif;q=0.000"),
    _format("both refused", "jpg", "image/avif;q=0,image/webp;q=0,*/*"),
    _format("WebP liked better", "webp", "image/avif;q=0.5,image/webp;q=0.9"),
    _format("JPEG liked better", "jpg", "image/avif;q=0.5,image/webp;q=0.9,image/jpeg"),
    _format("any image liked better", "jpg", "image/webp;q=0.5,image/*;q=0.7"),
    _format("JPEG's own quality, not the wildcard's", "webp", "image/webp;q=0.5,image/jpeg;q=0.1,*/*"),
    _format("the best of equals", "avif", "image/jpeg,image/webp,image/avif"),
    _format("the best of equals, lower", "avif", "image/webp;q=0.3,image/avif;q=0.3"),
    _format("spaces and tabs", "avif", "  image/webp ; q=0.3 ,\timage/avif ; q=0.8 "),
    _format("upper case", "avif", "IMAGE/AVIF;Q=0.9, Image/WebP;Q=0.1"),
    _format("other parameters", "webp", "image/avif;v=1;q=0,image/webp;level=2;q=0.7"),
    _format("a malformed quality", "webp", "image/avif;q=high,image/webp;q=0.1"),
    _format("a quality above one", "jpg", "image/avif;q=1.1"),
    _format("a negative quality", "jpg", "image/webp;q=-1"),
    _format("four decimals", "jpg", "image/avif;q=0.9999"),
    _format("an empty quality", "jpg", "image/avif;q="),
    _format("junk", "jpg", ";;;,,,=q;,image,/,avif,image/avif2,ximage/avif"),
    _format("JavaScript's own names", "jpg", "__proto__,constructor;q=1,toString"),
    _format("two headers", "avif", "image/webp", "image/avif"),
    _format("two headers, the second refuses", "webp", "image/webp;q=0.2", "image/avif;q=0"),
    _format("a long header, its start counts", "avif", CHROME + ",text/plain" * 500),
    _format("a long header, its end doesn't", "jpg", "text/plain," * 500 + "image/avif"),
    _format("a header cut in the middle of a refusal", "jpg", "a" * 1013 + ",image/avif;q=0"),
    _format("a header without an end", "jpg", "a" * 20_000),
]

OTHERS = (
    *("text.txt", "text.json", "entries.json", "clean.svg", "e0.bin", "e7.bin", "e9999.bin", "hls.m3u8"),
    *("av/v720.m3u8", "av/v2160-init.mp4", "av/v720-0.m4s", "av/v720-999999.m4s", "av/source-12.m4s", "av/source.m3u8"),
    *("av/a0.m3u8", "av/a12-7.m4s", "av/i240-3.m4s", "av/720.mp4", "av/sound.m4a", "av/sound.opus"),
    *("av/sprite-0.jpg", "av/sprites.vtt"),
)

DIGEST = "0123456789abcdef"
FILMS = (
    *("hls.m3u8", f"hls-{DIGEST}.m3u8", f"av/captions-{DIGEST}.vtt", f"av/captions-{DIGEST}.m3u8"),
    f"av/film-{DIGEST}.mp4",
    *("av/v720.m3u8", "av/i240.m3u8", "av/a0.m3u8", "av/a12.m3u8", "av/source.m3u8", "av/source-init.mp4"),
    *("av/v720-0.m4s", "av/source-999999.m4s", "av/720.mp4", "av/sound.m4a", "av/sound.opus"),
    *("av/sprite-0.jpg", "av/sprites.vtt"),
)

VALID = [
    *(Case(f"{e} asked for", f"{FOLDER}/w640.{e}", f"{FOLDER}/w640.{e}", (CHROME,)) for e in ("avif", "webp", "jpg")),
    Case("png asked for", f"{FOLDER}/w640.png", f"{FOLDER}/w640.png"),
    Case("a query", f"{FOLDER}/w640?utm_source=news&x=%2F", f"{FOLDER}/w640.jpg"),
    Case("a query with an address in it", f"{FOLDER}/w640.webp?../../w1.jpg", f"{FOLDER}/w640.webp"),
    *(Case(name, f"{FOLDER}/{name}", f"{FOLDER}/{name}") for name in (*OTHERS, *FILMS)),
    Case("the smallest width", f"{FOLDER}/w1.jpg", f"{FOLDER}/w1.jpg"),
    Case("the largest width", f"{FOLDER}/w16383.jpg", f"{FOLDER}/w16383.jpg"),
]


def _nothing(name: str, path: str) -> Case:
    return Case(name, path, None, (CHROME,))


INVALID = [
    _nothing("no width", f"{FOLDER}/w"),
    _nothing("width zero", f"{FOLDER}/w0"),
    _nothing("a leading zero", f"{FOLDER}/w0640.jpg"),
    _nothing("a width too large", f"{FOLDER}/w16384"),
    _nothing("an absurd width", f"{FOLDER}/w99999999999999999999.jpg"),
    _nothing("a negative width", f"{FOLDER}/w-640"),
    _nothing("a width in other digits", f"{FOLDER}/w%D9%A6%D9%A4"),
    _nothing("a fraction", f"{FOLDER}/w6.4.jpg"),
    _nothing("another name", f"{FOLDER}/original"),
    _nothing("an upper-case name", f"{FOLDER}/W640"),
    _nothing("a folder", f"{FOLDER}/"),
    _nothing("something below a rendition", f"{FOLDER}/w640.jpg/x"),
    *(_nothing(f"{e} is no format", f"{FOLDER}/w640.{e}") for e in ("html", "svg", "pdf", "gif", "jpeg", "JPG", "js")),
    *(
        _nothing(f"{name} is made of nothing", f"{FOLDER}/{name}")
        for name in ("text", "entries", "clean", "text.svg", "entries.txt", "entries.svg", "clean.txt", "clean.svg.svg")
    ),
    *(
        _nothing(f"{name} is no part of a film", f"{FOLDER}/{name}")
        for name in (
            *("av", "av/", "av/plan.json", "av/hls.m3u8", "av/w640", "av/w640.avif", "av/av/v720.m3u8", "hls"),
            *("av/v720-00.m4s", "av/v720-1000000.m4s", "av/v720--1.m4s", "av/v720-1.m4s/x", "av/v7.m3u8", "av/v720-1"),
            *("av/a100.m3u8", "av/a01.m3u8", "av/sources.m3u8", "av/%2e%2e/hls.m3u8", "av//v720.m3u8", "x/hls.m3u8"),
            *("av/sound.mp3", "av/0720.mp4", "av/sprite-.jpg", "AV/v720.m3u8", "av/v720.M3U8"),
        )
    ),
    *(
        _nothing(f"{name} is no entry", f"{FOLDER}/{name}")
        for name in (
            "e.bin",
            "e7",
            "e00.bin",
            "e07.bin",
            "e10000.bin",
            "e-1.bin",
            "e7.html",
            "e7.bin.html",
            "p1-e7.bin",
        )
    ),
    *(
        _nothing(f"{name} is nothing of a film", f"{FOLDER}/{name}")
        for name in (
            *(
                "av/",
                "av/plan.json",
                "av/hls.m3u8",
                "av/v7.m3u8",
                "av/v07.m3u8",
                "av/v720-00.m4s",
                "av/v720-1000000.m4s",
            ),
            *("av/v720.m4s", "av/a012.m3u8", "av/source0.m3u8", "av/0.mp4", "av/sound.mp3", "av/../hls.m3u8"),
            *("hls-0.m3u8", f"hls-{DIGEST.upper()}.m3u8", f"hls{DIGEST}.m3u8", f"captions-{DIGEST}.vtt"),
            *("av/captions-0.vtt", f"av/captions-{DIGEST}.html", f"av/captions-{DIGEST}.vtt/x", "av/av/720.mp4"),
            *(f"../captions/captions-{DIGEST}.vtt", f"w640/hls-{DIGEST}.m3u8", "v720.m3u8"),
        )
    ),
    _nothing("where captions are kept", f"/f/private/{FILE}/captions/captions-{DIGEST}.vtt"),
    _nothing("two extensions", f"{FOLDER}/w640.jpg.html"),
    _nothing("an empty extension", f"{FOLDER}/w640."),
    _nothing("an upper-case version", f"{FOLDER.upper().replace('/F/PUBLIC/FILE', '/f/public/file')}/w640"),
    _nothing("a short version", f"/f/public/{FILE}/0123456789abcde/w640"),
    _nothing("no version", f"/f/public/{FILE}/w640"),
    _nothing("a bad id", f"/f/public/file_01ARZ3NDEKTSV4RRFFQ69G5FAU1/{VERSION}/w640"),
    _nothing("a letter that ids don't have", f"/f/public/file_01ARZ3NDEKTSV4RRFFQ69G5FAU/{VERSION}/w640"),
    _nothing("the folder itself", "/f/public/"),
    _nothing("a tenant's original", f"/f/public/demo/{FILE}"),
    _nothing("traversal", f"{FOLDER}/../../../private/{FILE}/{VERSION}/w640"),
    _nothing("traversal, encoded", f"{FOLDER}/%2e%2e/w640.jpg"),
    _nothing("traversal, encoded twice", f"{FOLDER}/%252e%252e%252fw640.jpg"),
    _nothing("an encoded slash", f"{FOLDER}%2Fw640.jpg"),
    _nothing("an encoded letter", f"{FOLDER}/%77640.jpg"),
    _nothing("an encoded question mark", f"{FOLDER}/w640.jpg%3Fx=1"),
    _nothing("a null byte", f"{FOLDER}/w640.jpg%00"),
    _nothing("a line break", f"{FOLDER}/w640.jpg%0A"),
    _nothing("a double slash", f"/f/public//{FILE}/{VERSION}/w640"),
    _nothing("a backslash", f"{FOLDER}\\w640"),
    _nothing("a path parameter", f"{FOLDER}/w640.jpg;x=1"),
    _nothing("a long path", f"{FOLDER}/" + "w" * 4000),
]

PRIVATE = FOLDER.replace("public", "private")


def checks(key: str = KEY) -> list[Case]:
    """Addresses with a check: right ones, and what a stranger makes of them."""
    folder, right = checked(key=key), check(FOLDER, key)
    other = FOLDER[: FOLDER.index("/file_")] + f"/{FILE[:-1]}W/{VERSION}"
    return [
        Case("a check", f"{folder}/w640.webp", f"{FOLDER}/w640.webp"),
        Case("a check, without an extension", f"{folder}/w640", f"{FOLDER}/w640.avif", (CHROME,)),
        Case("a check and a query", f"{folder}/w640?utm_source=news", f"{FOLDER}/w640.jpg"),
        _nothing("an invented check", f"{FOLDER}-{'0' * 16}/w640"),
        *(
            _nothing(f"a check with another digit {at}", f"{FOLDER}-{_flipped(right, at)}/w640.webp")
            for at in (0, 7, 15)
        ),
        _nothing("the check of another file", f"{other}-{right}/w640.webp"),
        _nothing("the check of another version", f"{FOLDER[:-1]}e-{right}/w640.webp"),
        _nothing("the check of another key", f"{FOLDER}-{check(FOLDER, 'f' * 64)}/w640.webp"),
        _nothing("the check of a private address", f"{FOLDER}-{check(PRIVATE, key)}/w640.webp"),
        _nothing("a short check", f"{FOLDER}-{right[:-1]}/w640.webp"),
        _nothing("a long check", f"{folder}0/w640.webp"),
        _nothing("two checks", f"{folder}-{right}/w640.webp"),
        _nothing("an empty check", f"{FOLDER}-/w640.webp"),
        _nothing("a check in upper case", f"{FOLDER}-{right.upper()}A/w640.webp"),
        _nothing("a check in the query", f"{FOLDER}-/w640.webp?check={right}"),
        _nothing("a check instead of a version", f"{FOLDER[:-17]}/-{right}/w640.webp"),
        _nothing("a check and an impossible name", f"{folder}/original"),
        _nothing("a check and a width too large", f"{folder}/w16384"),
        _nothing("an encoded hyphen", f"{FOLDER}%2D{right}/w640.webp"),
    ]


def _flipped(text: str, at: int) -> str:
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]


CASES = FORMATS + VALID + INVALID
