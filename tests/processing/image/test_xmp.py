from __future__ import annotations

import random
import time

import pytest

from chalicelib.processing.image.xmp import read
from tests.words_of_pictures import xmp

ALL = {
    "dc:creator": ["Ann", "Bo & Co"],
    "dc:subject": ["sea", "<sand>"],
    "dc:rights": {"de": "nein", "x-default": "© Ann", "en": "no"},
    "dc:description": {"de": "Eine Tür", "en": "A door"},
    "photoshop:DateCreated": "2020-05-30T15:56:01+02:00",
}
FOUND = {
    "dc:creator": ["Ann", "Bo & Co"],
    "dc:subject": ["sea", "<sand>"],
    "dc:rights": ["© Ann", "nein", "no"],
    "dc:description": ["Eine Tür", "A door"],
    "photoshop:DateCreated": ["2020-05-30T15:56:01+02:00"],
}


def test_arrays_languages_and_attributes_are_read() -> None:
    assert read(xmp(ALL)) == FOUND


@pytest.mark.parametrize(
    "encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16", "utf-32", "utf-8-sig"]
)
def test_a_packet_may_have_any_encoding_of_unicode(encoding: str) -> None:
    assert read(xmp(ALL).decode().encode(encoding)) == FOUND


def test_a_packet_may_name_a_wrong_encoding() -> None:
    assert read(xmp(ALL, head='<?xml version="1.0" encoding="utf-16"?>')) == FOUND
    assert read(b"\0\n " + xmp(ALL)) == FOUND
    assert read(xmp(ALL).replace(b"Ann", b"An\x01n")) == FOUND


def test_letters_in_another_encoding_are_western_or_lose_their_text() -> None:
    western = (
        xmp({"dc:title": {"x-default": "M\xfcller"}}).replace("\xfc".encode(), b"\xfc").replace(b"\xef\xbb\xbf", b"")
    )
    assert read(western)["dc:title"] == ["Müller"]
    other = xmp({"dc:title": {"x-default": "QQQ"}, "photoshop:DateCreated": "2020"}).replace(
        b"QQQ", "Иван".encode("cp1251")
    )
    assert "\ufffd" in read(other)["dc:title"][0]
    assert read(other)["photoshop:DateCreated"] == ["2020"]


def test_other_prefixes_and_undeclared_ones() -> None:
    packet = xmp(ALL)
    for prefix in (b"dc", b"rdf", b"photoshop"):
        packet = packet.replace(prefix + b":", b"o" + prefix + b":").replace(b"xmlns:" + prefix, b"xmlns:o" + prefix)
    assert read(packet) == FOUND
    assert read(b"<rdf:RDF><dc:title><rdf:Alt><rdf:li>A</rdf:li></rdf:Alt></dc:title>") == {"dc:title": ["A"]}
    stranger = xmp({"dc:title": ["A"]}).replace(b"http://purl.org/dc/elements/1.1/", b"urn:other")
    assert read(stranger) == {}


def test_simple_and_qualified_values() -> None:
    qualified = (
        '<dc:creator><rdf:Seq><rdf:li rdf:parseType="Resource"><rdf:value>Ann</rdf:value><xmp:Nickname>A</xmp:Nickname>'
        "</rdf:li></rdf:Seq></dc:creator><dc:title>Plain</dc:title>"
    )
    assert read(xmp({}, inside=qualified)) == {"dc:creator": ["Ann"], "dc:title": ["Plain"]}


def test_words_of_other_files_faces_and_places_are_not_read() -> None:
    inside = (
        '<xmpMM:Pantry><rdf:Bag><rdf:li><rdf:Description dc:title="Other"><dc:creator><rdf:Seq><rdf:li>Eve</rdf:li>'
        "</rdf:Seq></dc:creator></rdf:Description></rdf:li></rdf:Bag></xmpMM:Pantry>"
        '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description '
        'mwg-rs:Name="Eve" dc:description="Eve"/></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>'
        "<exif:GPSLatitude>48,51.5N</exif:GPSLatitude>"
    )
    assert read(xmp({"dc:subject": ["sea"]}, inside=inside)) == {"dc:subject": ["sea"]}


def test_a_packet_counts_up_to_its_damage() -> None:
    packet = xmp({"dc:subject": ["sea"], "dc:title": ["A"]})
    assert read(packet[: packet.index(b"<dc:title>")]) == {"dc:subject": ["sea"]}
    assert read(packet[: packet.index(b"</dc:title>")]) == {"dc:subject": ["sea"]}
    assert read(packet.replace(b"<dc:title>", b"<dc:title>&#0;")) == {"dc:subject": ["sea"]}
    assert read(b"") == read(b"no XML") == read(b"\xff" * 99) == {}


ENTITIES = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "lol"}">' for n in range(9))


@pytest.mark.parametrize(
    "head",
    [
        f"<!DOCTYPE x [{ENTITIES}]>",
        '<!DOCTYPE x [<!ENTITY a8 SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">',
    ],
)
def test_entities_and_document_types_are_refused(head: str) -> None:
    packet = xmp({"dc:subject": ["sea"]}, inside="<dc:title>&a8;</dc:title>", head=head)
    assert read(packet) == {}


@pytest.mark.parametrize(
    "inside",
    [
        "<a>" * 300_000,
        "<a/>" * 250_000,
        "<a xmlns:b='c'>" * 60_000,
        "<dc:subject><rdf:Bag>" + "<rdf:li>a</rdf:li>" * 60_000,
        "<dc:title>" + "&amp;\n" * 170_000 + "</dc:title>",
        "<a " + " ".join(f"b{n}=''" for n in range(100_000)) + "/>",
        "<dc:creator " * 80_000,
        "<dc:title>" + "x" * 1_000_000 + "</dc:title>",
        "<dc:title>" * 55,
    ],
)
def test_hostile_packets_take_little_time_and_memory(inside: str) -> None:
    packet = xmp({"photoshop:DateCreated": "2020"}, inside=inside)[: 1024**2]
    begun = time.process_time()
    found = read(packet)
    assert time.process_time() - begun < 1
    assert found.pop("photoshop:DateCreated") == ["2020"]
    assert all(len(values) <= 500 for values in found.values())


def test_a_packet_counts_up_to_its_bounds() -> None:
    assert read(xmp({}, inside="<a/>" * 10_000 + "<dc:title>A</dc:title>")) == {"dc:title": ["A"]}
    assert read(xmp({"dc:subject": ["sea"]}, inside="<a/>" * 20_000 + "<dc:title>A</dc:title>")) == {
        "dc:subject": ["sea"]
    }
    assert read(xmp({}, inside="<a>" * 70 + "</a>" * 70 + "<dc:title>A</dc:title>")) == {}


def test_damaged_packets_raise_nothing() -> None:
    generator, whole = random.Random(3), xmp(ALL)
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 6)):
            at = generator.randrange(len(data))
            data[at : at + generator.randrange(3)] = generator.randbytes(generator.randrange(3))
        for values in read(bytes(data)).values():
            assert all(isinstance(value, str) for value in values)
