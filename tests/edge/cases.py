"""One table of what `edge/negotiate.js` answers: test_negotiate.py runs it in a JavaScript engine alone, and
tests/e2e/test_edge.py through the front door of the deployed stack."""

from __future__ import annotations

from dataclasses import dataclass

VERSION = "0123456789abcdef"
FILE = "file_01ARZ3NDEKTSV4RRFFQ69G5FAV"
FOLDER = f"/f/public/{FILE}/{VERSION}"

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

VALID = [
    *(Case(f"{e} asked for", f"{FOLDER}/w640.{e}", f"{FOLDER}/w640.{e}", (CHROME,)) for e in ("avif", "webp", "jpg")),
    Case("png asked for", f"{FOLDER}/w640.png", f"{FOLDER}/w640.png"),
    Case("a query", f"{FOLDER}/w640?utm_source=news&x=%2F", f"{FOLDER}/w640.jpg"),
    Case("a query with an address in it", f"{FOLDER}/w640.webp?../../w1.jpg", f"{FOLDER}/w640.webp"),
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

CASES = FORMATS + VALID + INVALID
