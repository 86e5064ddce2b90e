"""The rule for characters, against Unicode's own table."""

from __future__ import annotations

import sys
import unicodedata

from chalicelib.text import fits_header, has_controls

# Controls, lone surrogates, line separators, paragraph separators.
REFUSED = {"Cc", "Cs", "Zl", "Zp"}


def test_controls_are_unicodes_controls_and_no_other_character() -> None:
    wrong = [
        code
        for code in range(sys.maxunicode + 1)
        if has_controls(chr(code)) != (unicodedata.category(chr(code)) in REFUSED)
    ]
    assert wrong == []


def test_a_text_may_have_tabs_and_lines_and_no_other_control() -> None:
    controls = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in REFUSED]
    assert [each for each in controls if not has_controls(f"a{each}b", lines=True)] == ["\t", "\n", "\r"]


def test_a_header_takes_what_needs_no_encoding() -> None:
    assert fits_header('text/plain; a="~ !"')
    assert not any(fits_header(f"a{chr(code)}") for code in (*range(0x20), *range(0x7F, 0x3000)))
