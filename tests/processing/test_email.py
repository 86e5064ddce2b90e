"""E-mail: facts, text and attachments of sound messages, and hostile ones that cost no more than the bounds."""

from __future__ import annotations

import io
import json
import random
import time
from email.message import EmailMessage
from typing import Any

import pytest

from chalicelib.facts import EmailInfo
from chalicelib.processing import email
from chalicelib.processing.child import Limits
from chalicelib.processing.kinds import Made, Order, Source
from chalicelib.renditions.recipes import RECIPES

DOCUMENT = RECIPES["document"]
MEMORY = 1769 * 1024**2


def processed(data: bytes, **more: Any) -> tuple[Made, dict[str, bytes]]:
    emitted: dict[str, bytes] = {}
    source = Source("message/rfc822", len(data), io.BytesIO(data), "a.eml")
    order = Order(DOCUMENT, MEMORY, **more)
    made = email.process(source, order, lambda rendition, body: emitted.update({rendition.basename: body}))
    return made, emitted


def info_of(made: Made) -> EmailInfo:
    assert isinstance(made.info, EmailInfo)
    return made.info


def codes(made: Made) -> list[str]:
    return [warning.code for warning in made.warnings]


def message(**more: Any) -> EmailMessage:
    made = EmailMessage()
    made["From"] = "Zoë Example <zoe@example.com>"
    made["To"] = '"Doe, John" <john@example.com>, jane@example.com'
    made["Subject"] = "Grüße aus Köln"
    made["Date"] = "Sun, 22 Nov 2026 14:00:00 +0100"
    made.set_content(more.pop("text", "first line\nsecond line\n"))
    return made


def test_a_message_is_described_and_its_text_is_read() -> None:
    made, emitted = processed(message().as_bytes())
    facts = info_of(made)
    assert facts.model_dump(by_alias=True) == {
        "subject": "Grüße aus Köln",
        "from": "Zoë Example <zoe@example.com>",
        "to": ["Doe, John <john@example.com>", "jane@example.com"],
        "date": "2026-11-22T13:00:00.000Z",
        "attachments": 0,
    }
    assert made.text.splitlines() == ["first line", "second line"]
    assert made.headings[:2] == ("Grüße aus Köln", "Zoë Example <zoe@example.com>")
    assert made.preview
    assert {"w320.webp", "w640.jpg"} <= emitted.keys()
    assert "entries.json" not in emitted
    assert codes(made) == []


def test_attachments_are_entries() -> None:
    sent = message()
    sent.add_attachment(b"%PDF-" + bytes(995), maintype="application", subtype="pdf", filename="Rechnung März.pdf")
    sent.add_attachment(b"x", maintype="application", subtype="x-thing", filename="../../evil\u202e.sh")
    sent.add_attachment(message(text="inner words"))
    made, emitted = processed(sent.as_bytes())
    assert info_of(made).attachments == 3
    listed = json.loads(emitted["entries.json"])["entries"]
    assert [(entry["name"], entry["size"]) for entry in listed] == [
        ("Rechnung März.pdf", 1000),
        ("../../evil.sh", 1),
        ("Grüße aus Köln.eml", None),
    ]
    assert listed[0]["packed_size"] > 1300, "base64 is a third longer"
    assert [entry["flags"] for entry in listed] == [[], ["parent", "controls"], []]
    assert "inner words" not in made.text
    assert "Rechnung März.pdf" in made.headings


def test_of_two_texts_the_plain_one_is_read_and_of_html_its_words() -> None:
    sent = message(text="plain words")
    sent.add_alternative("<p>other words</p>", subtype="html")
    assert processed(sent.as_bytes())[0].text.strip() == "plain words"
    blank = EmailMessage()
    blank.set_content(" \n\n")
    blank.add_alternative("<p>the words</p>", subtype="html")
    assert processed(blank.as_bytes())[0].text == "the words"
    html = b"Subject: x\nContent-Type: text/html; charset=iso-8859-1\n\n"
    html += b"<head><title>no</title></head><style>p{}</style><p>f\xfcr &amp; alle</p><script>evil()</script><p>two"
    assert processed(html)[0].text == "für & alle\ntwo"


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("utf-8", "日本".encode(), "日本"),
        ("windows-1251", "мир".encode("windows-1251"), "мир"),
        ("iso-2022-jp", "日本".encode("iso-2022-jp"), "日本"),
        ("no-such-thing", b"caf\xe9", "café"),
        ("punycode", b"caf\xe9", "café"),
    ],
)
def test_the_text_is_decoded_as_it_says_if_it_can_be(charset: str, body: bytes, text: str) -> None:
    made, _ = processed(f"Subject: x\nContent-Type: text/plain; charset={charset}\n\n".encode() + body)
    assert made.text == text


def test_a_picture_alone_is_made_when_it_is_asked_for() -> None:
    made, emitted = processed(message().as_bytes(), only="w640")
    assert {*emitted} == {"w640.webp", "w640.jpg"}
    assert (made.info, made.text) == (None, "")


def test_a_message_without_anything_is_a_message() -> None:
    made, _ = processed(b"\n\n")
    assert info_of(made) == EmailInfo()


def test_a_message_of_ten_thousand_parts_is_listed_within_its_bounds() -> None:
    parts = b"".join(
        b"--b\r\nContent-Disposition: attachment; filename=%d.txt\r\n\r\nx\r\n" % number for number in range(11_000)
    )
    began = time.monotonic()
    made, emitted = processed(b"Subject: many\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--")
    assert time.monotonic() - began < 15
    assert info_of(made).attachments == 9_999, "the whole message is the first of ten thousand parts"
    assert len(json.loads(emitted["entries.json"])["entries"]) == 9_999


def nested(depth: int) -> bytes:
    """A multipart message in a multipart message, and so on."""
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth))
    return b"Subject: deep\nFrom: a@b\n" + opened + b"\ninner\n" * 1000


def test_a_deeply_nested_message_is_described_by_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, "LIMITS", Limits(memory=512 * 1024**2, seconds=2))
    monkeypatch.setattr(email, "LIMITS_OF_HEAD", Limits(memory=512 * 1024**2, seconds=2))
    made, _ = processed(nested(5000))
    assert codes(made) == ["too_costly_to_read"]


@pytest.mark.parametrize(
    "header",
    [
        b"To: " + b"(" * 100_000,
        b"To: " + b"a@b, " * 100_000,
        b"To: " + b"<" * 100_000,
        b'To: "' + b"\\" * 100_000,
        b"Subject: " + b"=?a?q?" * 100_000,
        b"Subject: " + b"=?utf-8?q?a?= " * 50_000,
        b"\n".join(b"X-%d: y" % number for number in range(200_000)),
        b"Content-Type: multipart/mixed; " + b"a=b; " * 100_000,
        b"Content-Disposition: attachment; " + b"".join(b"filename*%d*=a; " % number for number in range(20_000)),
        b"Date: " + b"1 " * 100_000,
        b"Date: Fri, 31 Dec 9999 23:59:59 -2359",
    ],
    ids=["comments", "many", "angles", "quotes", "words", "encoded", "headers", "parameters", "pieces", "date", "year"],
)
def test_a_header_bomb_does_not_explode(header: bytes) -> None:
    began = time.monotonic()
    made, _ = processed(header + b"\nFrom: a@example.com\n\nbody")
    assert time.monotonic() - began < 10
    assert len(info_of(made).model_dump_json().encode()) <= 16 * 1024


def test_recipients_for_whom_the_record_has_no_room_are_left_out() -> None:
    names = ", ".join(f'"{"日" * 300}" <a{number}@example.com>' for number in range(40))
    made, _ = processed(f"To: {names}\nSubject: x\n\nbody".encode())
    assert len(info_of(made).model_dump_json().encode()) <= 16 * 1024
    facts, warnings = email._info({"to": ["日" * 320] * 50, "subject": "x", "from": "y", "date": "", "attachments": []})
    assert len(facts.model_dump_json().encode()) <= 16 * 1024
    assert 5 < len(facts.to) < 50
    assert [warning.code for warning in warnings] == ["facts_trimmed"]


def test_of_a_very_large_message_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, "MAX_BYTES", 1000)
    made, _ = processed(message(text="word " * 1000).as_bytes())
    assert info_of(made).subject == "Grüße aus Köln"
    assert "word" in made.text
    assert codes(made) == ["too_large_to_read"]


@pytest.mark.parametrize("subject", [b"=?utf-8?b?YWJ?=", b"=?u\xfff-8?q?a?=", b"=?utf-8?q?=E9?=", b"=?x?x?x?="])
def test_a_subject_that_cannot_be_decoded_stays_as_it_is(subject: bytes) -> None:
    made, _ = processed(b"Subject: " + subject + b"\nFrom: a@example.com\n\nbody")
    assert info_of(made).subject
    assert (info_of(made).from_, codes(made)) == ("a@example.com", [])


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Type: image/png; name*0*=a; name*=b",
        b'Content-Type: text/html; charset="a\0b"\nContent-Disposition: attachment',
        b"Content-Type: text/plain; charset*0*=a; charset*=b",
    ],
    ids=["name", "charset of an attachment", "charset of a text"],
)
def test_a_part_with_a_header_that_the_library_cannot_read_takes_nothing_else_with_it(fields: bytes) -> None:
    """Python's `email` raises TypeError for the first and third, and ValueError for the second."""
    data = (
        b"From: a@example.com\nSubject: sent\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst words\n--b\n"
        + fields
        + b"\n\nm\xf6re\n--b--\n"
    )
    made, _ = processed(data)
    assert (info_of(made).subject, codes(made)) == ("sent", [])
    assert "first words" in made.text


@pytest.mark.parametrize("seed", range(12))
def test_damage_anywhere_never_does_more_than_change_the_words(seed: int) -> None:
    chance = random.Random(seed)
    sent = message()
    sent.add_attachment(bytes(500), maintype="image", subtype="png", filename="ä.png")
    data = bytearray(sent.as_bytes())
    for _ in range(chance.choice((1, 10, 100))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    made, _ = processed(bytes(data))
    assert len(info_of(made).model_dump_json()) < 16 * 1024
