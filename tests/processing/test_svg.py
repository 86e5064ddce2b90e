"""SVG: pictures of sound ones through the recipes, clean copies, and hostile ones that reach nobody."""

from __future__ import annotations

import base64
import gzip
import io
import random
import re
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from chalicelib.model import ImageInfo, PermanentFault
from chalicelib.processing import child, svg
from chalicelib.processing.kinds import Made, Order, Source, processor_of
from chalicelib.processing.on_demand import render_one
from chalicelib.processing.svg_clean import ATTRIBUTES, ELEMENTS, BrokenError, RefusedError, clean
from chalicelib.renditions.ladder import ladder
from chalicelib.renditions.recipes import RECIPES
from tests import images, svgs

PHOTO = RECIPES["photo"]
MEMORY = 1769 * 1024**2


def processed(data: bytes, **more: Any) -> tuple[Made, dict[str, bytes]]:
    emitted: dict[str, bytes] = {}
    source = Source("image/svg+xml", more.pop("size", len(data)), io.BytesIO(data), "a.svg")
    order = Order(PHOTO, MEMORY, **more)
    made = svg.process(source, order, lambda rendition, body: emitted.update({rendition.basename: body}))
    return made, emitted


def codes(made: Made) -> list[str]:
    return [warning.code for warning in made.warnings]


def colour(picture: bytes, at: tuple[int, int]) -> tuple[int, int, int]:
    with Image.open(io.BytesIO(picture)) as image:
        found = image.convert("RGB").getpixel(at)
    assert isinstance(found, tuple)
    return found[0], found[1], found[2]


def test_an_svg_is_an_image_in_the_widths_of_the_recipe() -> None:
    made, emitted = processed(svgs.svg(svgs.RED + '<text x="2" y="12">words inside</text>'))
    assert isinstance(made.info, ImageInfo)
    assert (made.info.format, made.info.width / made.info.height, made.info.frames) == ("svg", 2, 1)
    assert {"w160.webp", "w640.webp", "w1280.jpg", "clean.svg"} <= emitted.keys()
    red, green, blue = colour(emitted["w160.webp"], (150, 70))
    assert red > 240
    assert max(green, blue) < 20
    assert (made.text, made.warnings) == ("words inside", ())
    letters = colour(emitted["w640.webp"], (52, 120)), colour(emitted["w640.webp"], (600, 300))
    with Image.open(io.BytesIO(emitted["w640.webp"])) as image:
        assert min(image.convert("RGB").getchannel(0).tobytes()) < 60, letters


@pytest.mark.parametrize("unit", ["mm", "cm", "in", "pt", "pc", "px", "em", ""])
def test_a_size_in_any_unit_is_a_size(unit: str) -> None:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="4{unit}" height="2{unit}" viewBox="0 0 40 20">'
    made, emitted = processed(svgs.svg(svgs.RED, head))
    assert made.warnings == ()
    assert colour(emitted["w160.webp"], (150, 70))[0] > 240


def test_a_picture_is_made_alone_when_it_is_asked_for() -> None:
    made, emitted = processed(svgs.svg(svgs.RED), only="w640")
    assert {*emitted} == {"w640.webp", "w640.jpg"}
    assert made == Made()


def test_a_compressed_svg_is_an_svg() -> None:
    assert "clean.svg" in processed(gzip.compress(svgs.svg(svgs.RED)))[1]


def test_the_same_svg_gives_the_same_bytes() -> None:
    data = svgs.svg(svgs.RED + "<text>x</text>")
    assert processed(data)[1] == processed(data)[1]


def test_letters_that_no_font_here_has_are_told_of() -> None:
    assert codes(processed(svgs.svg("<text>日本</text>" + svgs.RED))[0]) == ["letters_missing"]


# --- the clean copy


def copied(body: str, **more: str) -> str:
    return clean(svgs.svg(body, **more)).svg


def test_what_is_allowed_is_kept_as_it_is() -> None:
    body = (
        '<defs><linearGradient id="a"><stop offset="0" stop-color="red"></stop></linearGradient></defs>'
        '<g transform="translate(1 2) rotate(3)" style="fill:url(#a);opacity:calc(.5 + .1)">'
        '<path d="M0 0L1 1" stroke="url(\'#a\')" class="b"></path><use href="#a"></use></g>'
        '<text xml:space="preserve">a &lt; b &amp; c</text>'
        "<style>@media print{.b:not(.c){fill:rgb(1,2,3)}}</style>"
        '<image href="data:image/png;base64,iVBORw0KGgo=" width="1"></image>'
    )
    assert copied(body) == f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">{body}</svg>'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<script>alert(1)</script>", ""),
        ("<foreignObject><g/><body xmlns='http://www.w3.org/1999/xhtml'/></foreignObject>", ""),
        ('<rect onclick="x()" onload="y()" ONLOAD="z()"/>', "<rect></rect>"),
        ('<a href="javascript:alert(1)" xlink:href="http://e/"><rect/></a>', "<g><rect></rect></g>"),
        ('<image href="/etc/passwd"/><image xlink:href="file:///etc/passwd"/>', "<image></image><image></image>"),
        ('<image href="http://e/x.png"/><image href="../x.png"/>', "<image></image><image></image>"),
        ('<image href="data:image/svg+xml;base64,AAAA"/>', "<image></image>"),
        ('<image href="data:text/html,x"/><use href="http://e/x.svg#a"/>', "<image></image><use></use>"),
        ('<use href="data:image/png;base64,AAAA"/>', "<use></use>"),
        ('<rect fill="url(http://e/a#b)"/>', '<rect fill="none(http://e/a#b)"></rect>'),
        ('<rect fill="URL( &quot;//e/a&quot; )"/>', "<rect fill='none(//e/a\" )'></rect>"),
        ('<rect style="background:u\\72l(http://e)"/>', '<rect style="background:none(http://e)"></rect>'),
        (
            '<rect style="background:image-set(&apos;//e&apos; 1x)"/>',
            "<rect style=\"background:none('//e' 1x)\"></rect>",
        ),
        ("<style>@import 'http://e/';</style>", "<style>@none 'http://e/';</style>"),
        ("<style>@\\import url(//e/)</style>", "<style>@none none(//e/)</style>"),
        ("<style>a{b:u<!-- -->rl(//e/)}</style>", "<style>a{b:none(//e/)}</style>"),
        ("<style>a{b:u<![CDATA[rl(//e/]]></style>", "<style>a{b:none(//e/</style>"),
        ("<style>a{b:u<script/>rl(//e/)}</style>", "<style>a{b:none(//e/)}</style>"),
        ("<style>" + " " * 9000 + "url" + "(//e/)</style>", "<style>" + " " * 9000 + "none(//e/)</style>"),
        ("<style>@font-face{src:url(//e/)}</style>", "<style>@none{src:none(//e/)}</style>"),
        ('<animate attributeName="href" to="javascript:x"/><set/>', ""),
        ('<rect><animate attributeName="x"/></rect><x:thing><rect/></x:thing>', "<rect></rect>"),
        ('<rect x:href="http://e/" x:d="1" xml:base="http://e/" id="a"/>', '<rect id="a"></rect>'),
        ('<feImage href="http://e/"/><filter><feImage href="#a"/></filter>', "<filter></filter>"),
        ('<filter><feGaussianBlur stdDeviation="5e9"/></filter>', "<filter><feGaussianBlur></feGaussianBlur></filter>"),
        ("<?xml-stylesheet href='http://e/'?><!-- <script/> --><g/>", "<g></g>"),
    ],
)
def test_what_is_not_allowed_is_left_out(body: str, expected: str) -> None:
    assert copied(body) == f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">{expected}</svg>'


@pytest.mark.parametrize(
    "data",
    [
        svgs.laughs(),
        svgs.long_entity(200_000),
        svgs.svg("&a;", before='<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
        svgs.svg("", before='<!DOCTYPE svg [<!ENTITY % a SYSTEM "http://e/">%a;]>'),
        svgs.svg("&a;", before='<!DOCTYPE svg [<!ENTITY a "<script/>">]>'),
        svgs.nested(100),
        svgs.svg("<x:g>" * 100 + "</x:g>" * 100),
        svgs.svg("<g/>" * 60_000),
        svgs.doubling_uses(9),
        svgs.svg('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'),
        svgs.svg("<filter>" + "<feFlood/>" * 200 + "</filter>"),
        svgs.svg(f'<rect fill="{"url(#a)" * 60_000}"/>'),
    ],
    ids=[
        *("laughs", "entity", "system", "parameter", "markup", "deep", "deep-left-out"),
        *("many", "uses", "circle", "filters", "references"),
    ],
)
def test_a_document_that_explodes_is_refused_and_not_shown(data: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(RefusedError):
        clean(data)
    assert time.monotonic() - began < 5
    made, emitted = processed(data)
    assert (made.info, emitted, codes(made)) == (None, {}, ["not_cleaned"])


def test_plain_entities_and_a_doctype_are_no_harm() -> None:
    before = (
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/x.dtd" '
        '[<!ENTITY ns "http://www.w3.org/2000/svg">]>'
    )
    assert clean(svgs.svg("<g/>", head='<svg xmlns="&ns;">', before=before)).svg.endswith("<g></g></svg>")


@pytest.mark.parametrize(
    "data",
    [b"<svg", svgs.svg("<g>"), b"<html/>", b"<svg/>", svgs.svg("&nope;"), b"\xff\xfe<", gzip.compress(b"x" * 99)[:20]],
    ids=["cut", "open", "html", "namespace", "entity", "utf-16", "gzip"],
)
def test_what_is_no_svg_is_corrupt(data: bytes) -> None:
    with pytest.raises(PermanentFault) as fault:
        processed(data)
    assert fault.value.code == "corrupt"


# --- the child


@pytest.mark.parametrize("turbulence", [False, True])
def test_filters_that_run_for_minutes_are_stopped_and_the_copy_is_not_served(
    monkeypatch: pytest.MonkeyPatch, turbulence: bool
) -> None:
    monkeypatch.setattr(svg, "LIMITS", child.Limits(memory=1024**3, seconds=1))
    began = time.monotonic()
    made, emitted = processed(svgs.slow_filters(20, turbulence))
    assert time.monotonic() - began < 8
    assert (emitted, codes(made)) == ({}, ["too_costly_to_read"])


@pytest.mark.parametrize(
    ("width", "height"), [("1e9", "1e9"), ("1e9", "1"), ("1", "1e6"), ("-5", "x"), ("1e-30", "1e-30"), ("100%", "")]
)
def test_an_svg_of_any_size_is_drawn_within_the_bounds(width: str, height: str) -> None:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
    made, _ = processed(svgs.svg(svgs.RED, head=head))
    if isinstance(made.info, ImageInfo):
        assert max(made.info.width, made.info.height) <= svg.MAX_SIDE
    else:
        assert codes(made) in (["too_costly_to_read"], ["no_preview"])


@pytest.mark.parametrize("size", ['width="0" height="9"', 'width="9" height="-1e38"'])
def test_an_svg_without_a_size_has_no_picture_and_says_so(size: str) -> None:
    made, emitted = processed(svgs.svg(svgs.RED, head=f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'))
    assert (made.info, emitted, codes(made)) == (None, {}, ["no_preview"])


def test_no_file_of_the_machine_is_drawn(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(images.png(40, 20))
    body = (
        f'<image href="{secret}" width="40" height="20"/><image xlink:href="file://{secret}" width="40" height="20"/>'
    )
    _, with_it = processed(svgs.svg(svgs.RED + body))
    _, without = processed(svgs.svg(svgs.RED))
    assert with_it["w640.webp"] == without["w640.webp"]


def test_a_picture_inside_is_drawn() -> None:
    inside = base64.b64encode(images.png(40, 20)).decode()
    body = f'<image href="data:image/png;base64,{inside}" width="40" height="20"/>'
    _, with_it = processed(svgs.svg(svgs.RED + body))
    _, without = processed(svgs.svg(svgs.RED))
    assert with_it["w640.webp"] != without["w640.webp"]
    assert inside.encode() in with_it["clean.svg"]


@pytest.mark.parametrize(
    ("data", "more"),
    [(gzip.compress(bytes(100 * 1024**2)), {}), (svgs.svg(svgs.RED), {"size": svg.MAX_BYTES + 1})],
    ids=["bomb", "large"],
)
def test_a_very_large_svg_is_stored_and_not_read(data: bytes, more: dict[str, int]) -> None:
    made, emitted = processed(data, **more)
    assert (emitted, codes(made)) == ({}, ["not_cleaned"])


# --- anything

SAMPLE = svgs.svg(
    '<defs><filter id="f"><feGaussianBlur stdDeviation="2"/></filter><style>.a{fill:url(#g)}</style></defs>'
    '<a href="http://e/"><use xlink:href="#g"/></a><g id="g" class="a" filter="url(#f)"><path d="M0 0h9v9z"/></g>'
    '<image href="data:image/png;base64,AAAA"/><script>x</script><text onclick="x">words</text>'
)
LEADS = re.compile(r"#|data:image/(png|jpeg|gif|webp);base64,")
FETCHES = re.compile(r"@import|url\(\s*[\"']?(?!#)|image-set\(|src\(|\\", re.I)


def is_clean(copy: str) -> bool:
    """True if the copy has only names of the lists, and leads nowhere, as another reader sees it."""
    for element in ET.fromstring(copy).iter():
        namespace, _, tag = element.tag.rpartition("}")
        assert (namespace, tag in ELEMENTS) == ("{http://www.w3.org/2000/svg", True), element.tag
        for name, value in element.attrib.items():
            assert name in ATTRIBUTES | {"href", "{http://www.w3.org/XML/1998/namespace}space"}, name
            if not LEADS.match(value) if name == "href" else FETCHES.search(value) and "(" in value:
                return False
        if tag == "style" and FETCHES.search("".join(element.itertext())):
            return False
    return True


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_written_the_copy_is_clean(seed: int) -> None:
    chance = random.Random(seed)
    pieces = (b"<", b">", b'"', b"url(", b"<script>", b"&#117;", b"\\", b"<!--", b"]]>", b"http://e/", b"<style>", b"@")
    done = 0
    for _ in range(100):
        data = bytearray(SAMPLE)
        for _ in range(chance.choice((1, 2, 5))):
            at = chance.randrange(len(data))
            data[at : at + chance.choice((0, 1, 8))] = chance.choice((*pieces, bytes([chance.randrange(256)])))
        try:
            copy = clean(bytes(data)).svg
        except (RefusedError, BrokenError):
            continue
        done += 1
        assert is_clean(copy), copy
        assert clean(copy.encode()).svg == copy, "a clean copy stays as it is"
    assert done


@pytest.mark.parametrize("seed", range(6))
def test_damage_anywhere_never_does_more_than_fail(seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(SAMPLE)
    for _ in range(2):
        data[chance.randrange(len(data))] = chance.choice(b'0123456789abc "#')
    try:
        made, _ = processed(bytes(data))
    except PermanentFault as fault:
        assert fault.code == "corrupt"
    else:
        assert made.info or made.warnings


def test_an_avif_of_an_svg_is_made_on_demand_with_the_pixels_of_its_webp() -> None:
    data = svgs.svg(svgs.RED)
    made, emitted = processed(data)
    assert isinstance(made.info, ImageInfo)
    [size] = [size for size in ladder(PHOTO, made.info.width, made.info.height) if size.name == "w640"]
    source = Source("image/svg+xml", len(data), io.BytesIO(data), "a.svg")
    rendition, body = render_one(processor_of("image/svg+xml"), source, PHOTO, size, PHOTO.on_demand[0])
    assert (rendition.basename, rendition.width, rendition.height) == ("w640.avif", 640, 320)
    assert max(abs(a - b) for a, b in zip(colour(body, (9, 9)), colour(emitted["w640.webp"], (9, 9)), strict=True)) < 9
