"""How strangers' text becomes numbers: by ASCII digits only, and with a bound, everywhere in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.api import fields
from tests.stage import ROOT

MODULES = sorted((ROOT / "chalicelib").rglob("*.py"))
# `int` with a base takes "-5", "+5", "0x5" and "5_0", too. In these modules it reads bits that our own code wrote.
OWN_BITS = {"processing/image/heif.py", "processing/image/fingerprints.py", "processing/media/hls/nal.py"}


def calls(module: Path, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
            yield node


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT / "chalicelib")))
def test_no_pattern_takes_the_digits_of_other_scripts(module: Path) -> None:
    for call in calls(module, *(f"re.{name}" for name in ("compile", "match", "fullmatch", "search", "sub", "split"))):
        pattern = ast.unparse(call.args[0])
        bytes_or_ascii = re.match(r"r?b", pattern) or "re.ASCII" in ast.unparse(call)
        assert bytes_or_ascii or r"\d" not in pattern, f"line {call.lineno}: \\d of a str takes \u0665; write [0-9]"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT / "chalicelib")))
def test_int_with_a_base_reads_nothing_of_a_stranger(module: Path) -> None:
    if str(module.relative_to(ROOT / "chalicelib")) not in OWN_BITS:
        assert not [call.lineno for call in calls(module, "int") if len(call.args) + len(call.keywords) > 1]


@pytest.mark.parametrize(
    "text", ["\u0662\u0660\u0662\u0666-11-22T12:00:00Z", "2026-11-22T12:00:0\uff10Z", "2026-11-22T12:00:00.\u0665Z"]
)
def test_a_moment_is_written_in_ascii(text: str) -> None:
    with pytest.raises(ValueError, match="moment"):
        fields._check_moment(text)


@pytest.mark.parametrize(
    "text", ["-5", "+5", "0x5", "5_0", " 5", "5 ", "\u0665", "\u00b2", "", "9" * 10, "9" * 5000, 5, None]
)
def test_a_whole_number_has_at_most_nine_ascii_digits(text: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        fields._whole_number(text)
