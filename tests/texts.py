"""Hostile texts: small sound files of all formats with random changes, which are the same in every run."""

from __future__ import annotations

import codecs
import json
import random
import time
from collections import Counter
from dataclasses import replace
from io import BytesIO
from unittest.mock import patch

from chalicelib.facts import MAX_BYTES, MAX_TEXT, TextInfo
from chalicelib.model import FileWarning
from chalicelib.processing import text, text_reader, texts
from chalicelib.processing.kinds import Made, Order, Source
from chalicelib.processing.words import chosen_words
from chalicelib.renditions.recipes import RECIPES
from chalicelib.text import has_controls
from tests.fuzzing import Case, mutated

MEMORY = 400 * 1024**2
MAX_SECONDS = 2.0
"""CPU time for one file of some kilobytes. A sound one takes 0.003, and a picture 0.1."""

DRAWN = 50  # of so many files, one gets its picture
_ORDER = Order(replace(RECIPES["document"], widths=(16, 32)), MEMORY)

_TABLE = "".join(f'{n};Müller {n};"a ""b""\n{n}";{n},5;2026-11-{n % 28 + 1:02d};ja\r\n' for n in range(40))
_JSON = {"name": "x", "list": [{"a": 1, "b": [1.5, None, True]}] * 5, "deep": {"er": {"est": {"of": "all"}}}}
_XML = '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a k="v">words &d;</a>'
_PAGE = (
    "<html lang=de><title>Ä title</title><script>var a = '<b>'</script><style>p{}</style><h1>One</h1><p>&uuml;</html>"
)
_MARKDOWN = "# One\n\nText *and* more\n\nTwo\n===\n\n```\n# no\n```\n\n- [a](b)\n## Three ##\n"
_SRT = "1\n00:00:01,000 --> 00:00:02,500\n<i>Hello</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nBye\n"
_LOG = "".join(f"2026-11-22T10:00:{n:02d}Z INFO \x1b[32mrequest\x1b[0m {n:032x} done\n" for n in range(40))


def seeds() -> dict[str, tuple[str, bytes]]:
    """A content type and a small file for each format and encoding."""
    return {
        "csv": ("text/csv", _TABLE.encode()),
        "windows-1252": ("text/csv", _TABLE.encode("cp1252")),
        "utf-16": ("text/csv", _TABLE.encode("utf-16")),
        "utf-32": ("text/plain", codecs.BOM_UTF32_BE + _MARKDOWN.encode("utf-32-be")),
        "tsv": ("text/tab-separated-values", _TABLE.replace(";", "\t").encode()),
        "declared": ("text/plain; charset=shift_jis", "日本語のテキスト、東京\n".encode("shift_jis") * 9),
        "json": ("application/json", json.dumps(_JSON).encode()),
        "ndjson": ("application/x-ndjson", (json.dumps(_JSON) + "\n").encode() * 3),
        "xml": ("application/xml", _XML.encode()),
        "html": ("text/html", _PAGE.encode()),
        "markdown": ("text/markdown", _MARKDOWN.encode()),
        "srt": ("application/x-subrip", _SRT.encode()),
        "vtt": ("text/vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000 align:start\nHello\n"),
        "log": ("text/x-log", _LOG.encode()),
        "source": ("text/x-script", b"#!/bin/sh\n# words\nfor a in b; do echo $a; done\n"),
        "plain": ("text/plain", "Words of שלום and 日本 and مرحبا\r\nand more\rand \u2028 more\0".encode()),
    }


def tried(name: str, content_type: str, data: bytes, *, drawn: bool, piece: int) -> Case:
    """Processes a text in pieces of so many bytes, twice, and looks at what was made."""
    begun = time.process_time()
    try:
        first, second = (_made(content_type, data, drawn=drawn, piece=piece) for _ in range(2))
        outcome = _problem(first) or ("ready" if first == second else "another result at the second time")
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    return Case(name, data, outcome, time.process_time() - begun)


def _made(content_type: str, data: bytes, *, drawn: bool, piece: int) -> Made:
    with (
        patch.object(text, "_picture", text._picture if drawn else _no_picture),
        patch.object(text_reader, "PIECE", piece),
    ):
        made = text.process(Source(content_type, len(data), BytesIO(data), "a"), _ORDER, lambda *_: None)
    texts.rendition(made.text)
    chosen_words(made.headings, made.text, 40)
    return made


def _no_picture(*_: object) -> tuple[None, list[FileWarning]]:
    return None, []


def _problem(made: Made) -> str | None:
    """Anything in the findings that no record may have."""
    if not isinstance(made.info, TextInfo):
        return "no facts"
    if len(made.info.model_dump_json().encode()) > MAX_BYTES:
        return "too many facts"
    words = [made.info.excerpt, *(column.name or "" for column in made.info.columns), *made.headings]
    if any(len(each) > MAX_TEXT or has_controls(each) for each in words):
        return "a text that no record may have"
    return None


def fuzz(seed: int, count: int | None = None, seconds: float = 0) -> tuple[Counter[str], list[Case]]:
    """Tries `count` files, or as many as `seconds` allow. Returns how many had each outcome, and the bad cases."""
    generator, sound = random.Random(seed), seeds()
    names, outcomes, bad = sorted(sound), Counter[str](), list[Case]()
    until, tries = time.monotonic() + seconds, 0
    while tries < count if count is not None else time.monotonic() < until:
        name = names[tries % len(names)]
        tries += 1
        data = mutated(sound[name][1], generator, sound[generator.choice(names)][1])
        content_type = sound[generator.choice((name, name, name, generator.choice(names)))][0]
        piece = generator.choice((64, 1000, 1024**2))
        case = tried(name, content_type, data, drawn=tries % DRAWN == 0, piece=piece)
        outcomes[case.outcome] += 1
        if case.outcome != "ready" or case.seconds > MAX_SECONDS:
            bad.append(case)
    return outcomes, bad
