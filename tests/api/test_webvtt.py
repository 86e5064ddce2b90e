"""Captions of strangers are read strictly, and written anew with what is allowed."""

from __future__ import annotations

import random
import re
import time
from contextlib import suppress

import pytest

from chalicelib.api import webvtt
from chalicelib.api.webvtt import InvalidCaptionsError, rewritten

pytestmark = pytest.mark.pure


def cue(text: str) -> str:
    """The text of the one caption of a file that has this text."""
    written = rewritten(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n")
    assert written.startswith("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n")
    return written.split("\n", 3)[3].removesuffix("\n")


def test_webvtt_is_written_anew_without_what_is_no_caption() -> None:
    given = (
        "\ufeffWEBVTT - a film\r\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\r\n\r\n"
        "NOTE a word\r\nof mine\r\n\r\n"
        "STYLE\r\n::cue { background: url(https://evil.example/a) }\r\n\r\n"
        "REGION\r\nid:fred\r\n\r\n"
        "second\r\n00:00:03.000 --> 00:00:04.500 line:0 region:fred position:50%,center bad:1 align:start\r\nB\r\n\r\n"
        "01:00.000 --> 100:00:02.000\r\nC\r\nD\r\n\r\n"
        "1\r\n00:01.000 --> 00:02.000\r\nA"
    )
    assert rewritten(given) == (
        "WEBVTT\n\n"
        "1\n00:00:01.000 --> 00:00:02.000\nA\n\n"
        "second\n00:00:03.000 --> 00:00:04.500 line:0 position:50%,center align:start\nB\n\n"
        "00:01:00.000 --> 100:00:02.000\nC\nD\n"
    )


def test_subrip_is_converted() -> None:
    given = (
        '1\n00:00:01,000 --> 00:00:02,5\n{\\an8}<i>Hello</i> <font color="red">you</font> & me\n\n\n'
        "2\n0:0:3.25 --> 00:00:04,000 X1:40 X2:600\nBye\n"
    )
    assert rewritten(given) == (
        "WEBVTT\n\n"
        "1\n00:00:01.000 --> 00:00:02.500\n<i>Hello</i> you &amp; me\n\n"
        "2\n00:00:03.250 --> 00:00:04.000\nBye\n"
    )


def test_what_is_written_is_written_the_same_again() -> None:
    once = rewritten("WEBVTT\n\na\n00:01.000 --> 00:02.000 size:40%\n<v.loud Ann &amp; Bob>A &lt; B &#38; C&nbsp;<b>d")
    assert rewritten(once) == once


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("a &amp; b &lt;i&gt; c", "a &amp; b &lt;i&gt; c"),
        ("AT&T > all", "AT&amp;T &gt; all"),
        ("<b>bold <i>both</b> plain</i>", "<b>bold <i>both</i></b> plain"),
        ("<u>open", "<u>open</u>"),
        ("closed</u>", "closed"),
        ("<c.yellow.bg_blue.!bad>x</c>", "<c.yellow.bg_blue>x</c>"),
        ("<v Mary>x", "<v Mary>x</v>"),
        ('<v Mary" onclick="alert(1)>x</v>', '<v Mary" onclick="alert(1)>x</v>'),  # a name, whatever it looks like
        ("<v a&lt;b>x</v>", "<v a&lt;b>x</v>"),
        ("<v a<b>x</v>", "&lt;v a<b>x</b>"),
        ("1 < 2 and <3> > <", "1 &lt; 2 and  &gt; &lt;"),
        ("<lang en-GB>x</lang>", "<lang en-GB>x</lang>"),
        ("<lang javascript:alert(1)>x</lang>", "<lang>x</lang>"),
        ("<ruby>漢<rt>kan</rt></ruby>", "<ruby>漢<rt>kan</rt></ruby>"),
        ("<rt>alone</rt>", "alone"),
        ("one <00:00:01.500>two <bad time>three", "one <00:00:01.500>two three"),
        ("<script>alert(1)</script>said", "said"),
        ("a<SCRIPT src=x>alert(1)", "a"),
        ("<style>*{}</style >said", "said"),
        ('<img src=x onerror="alert(1)">said', "said"),
        ("<b onclick=alert(1)>x</b>", "<b>x</b>"),
        ("<a href='javascript:alert(1)'>x</a>", "x"),
        ("&lt;script&gt;alert(1)", "&lt;script&gt;alert(1)"),
        ("x &#10;&#10;STYLE&#0;&#27;y", "x   STYLE�y"),
        ("x\n<img>\ny", "x\ny"),
        ("unfinished <b", "unfinished &lt;b"),
        ("to &rlm;the\u200e left", "to &rlm;the&lrm; left"),
    ],
)
def test_only_known_tags_are_written_and_all_text_is_escaped(given: str, written: str) -> None:
    assert cue(given) == written


@pytest.mark.parametrize(
    ("given", "line", "why"),
    [
        ("", 1, "no captions"),
        ("WEBVTT", 1, "no captions"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\n<img>\n", 5, "no captions"),
        ("WEBVTT\n\nhello\nyou", 3, "must be the times"),
        ("hello\n", 1, "must be the times"),
        ("WEBVTT\n00:01.000 --> 00:02.000\nA", 2, "before the empty line"),
        ("WEBVTT\n\n00:01,000 --> 00:02,000\nA", 3, "can't be read"),
        ("WEBVTT\n\nid\n00:61.000 --> 00:02.000\nA", 4, "can't be read"),
        ("1\n00:00:01,000 -> 00:00:02,000\nA", 1, "must be the times"),
        ("1\n00:00:03,000 --> 00:00:02,000\nA", 2, "ends before it begins"),
        ("1\n00:00:01,000 --> 00:00:02,000\nA\n2\n00:00:03,000 --> 00:00:04,000\nB", 5, "no empty line before"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nA\n\n\nno times", 7, "must be the times"),
        ("WEBVTT\n" + "\n00:01.000 --> 00:02.000\nA\n" * (webvtt.MAX_CUES + 1), 60_003, "too many"),
    ],
)
def test_captions_that_cannot_be_read_are_refused_with_their_line(given: str, line: int, why: str) -> None:
    with pytest.raises(InvalidCaptionsError, match=why) as refused:
        rewritten(given)
    assert refused.value.line == line


@pytest.mark.parametrize("piece", ["<script ", "<script>", "<b></u>", "< ", "&#10;"])
def test_a_megabyte_of_anything_is_read_in_moments(piece: str) -> None:
    began = time.process_time()
    with suppress(InvalidCaptionsError):
        rewritten(f"1\n00:00:01,000 --> 00:00:02,000\nA{piece * (1_000_000 // len(piece))}")
    assert time.process_time() - began < 5


@pytest.mark.parametrize("name", ["STYLE", "NOTE", "REGION x", "WEBVTT"])
def test_a_cue_whose_id_names_another_block_loses_the_id(name: str) -> None:
    assert rewritten(f"WEBVTT\n\n{name}\n00:01.000 --> 00:02.000\nA").count(name.split()[0]) == (name == "WEBVTT")


def test_whatever_comes_in_only_cues_come_out() -> None:
    """Random pieces of captions and of attacks: what is written has nothing but the header, cues and known tags."""
    pieces = [
        *("00:01.000 --> 00:02.000", "\n", "\n\n", "STYLE\n", "REGION", "NOTE ", "<", ">", "&", "&lt;", "&#10;"),
        *("<b>", "</b>", "<script>", "</script>", "<v ", "a", " ", "-->", "&#62;", "{\\an8}", "<c.x", "::cue{}", "\t"),
    ]
    random.seed(1)
    read = 0
    for _ in range(4000):
        body = "".join(random.choices(pieces, k=random.randrange(1, 25)))
        try:
            written = rewritten("WEBVTT\n\n00:05.000 --> 00:06.000\nfirst\n\n00:01.000 --> 00:02.000\n" + body)
        except InvalidCaptionsError:
            continue
        read += 1
        head, *blocks = written.removesuffix("\n").split("\n\n")
        assert head == "WEBVTT"
        for block in blocks:
            lines = block.split("\n")
            at = 0 if "-->" in lines[0] else 1
            assert re.fullmatch(r"[\d:.]+ --> [\d:.]+", lines[at])
            for line in lines[at + 1 :]:
                assert line
                assert not re.sub(r"</?(?:b|v|c)(?:\.[\w-]+)*(?: [^<>]*)?>", "", line).count("<")
                assert "-->" not in line
        assert rewritten(written) == written
    assert read > 500
