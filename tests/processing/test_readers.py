"""Every module that reads the bytes of originals asks the scan gate before. A new one must be listed here."""

from __future__ import annotations

import re

import pytest

from tests.stage import ROOT

pytestmark = pytest.mark.pure

READS = re.compile(r"\b(open_version|Ranged|parallel\.blocks|open_by_ranges|sha256_of)\(")
GATE = re.compile(r"\bscans\.may_be_read\(")

# Module → how the gate stands before it. `storage` has the means, and knows nothing of files.
BEHIND = {
    "chalicelib/processing/reading.py": "the pipeline calls it after `scanning.admit`",
    "chalicelib/processing/scanner.py": "it is the scan",
    "chalicelib/processing/entry_bytes.py": "on_demand calls it after `scans.may_be_read`",
    "chalicelib/processing/on_demand.py": "first_requests calls it after `scans.may_be_read`",
}


def test_each_reader_of_originals_asks_the_gate() -> None:
    readers = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in (ROOT / "chalicelib").rglob("*.py")
        if "storage" not in path.parts and READS.search(path.read_text(encoding="utf-8"))
    }
    assert len(readers) >= 4
    assert {name for name, text in readers.items() if not GATE.search(text)} == BEHIND.keys()


def test_the_pipeline_admits_a_file_before_it_reads_it() -> None:
    text = (ROOT / "chalicelib/processing/pipeline.py").read_text(encoding="utf-8")
    assert text.count("reading.read(admitted,") == 1
    assert (
        text.index("scans.may_be_read(claimed)") < text.index("scanning.admit(") < text.index("reading.read(admitted,")
    )
    assert len(re.findall(r"\breading\.read\(", text)) == 1
