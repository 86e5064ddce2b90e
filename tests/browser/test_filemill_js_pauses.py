"""The pauses of filemill.js, in Node.js: none that a service asks for makes it ask again at once, or wait for ever."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.stage import ROOT

_SCRIPT = """
const { backoff, pauseOf } = await import(process.argv[1])
const texts = JSON.parse(process.argv[2])
const found = texts.map((text) => {
  const seconds = pauseOf(text)
  return [seconds, Array.from({ length: 100 }, () => backoff(0, seconds))]
})
console.log(JSON.stringify(found))
"""
MOST = 2**31 - 1  # ms; setTimeout fires at once for more


def pauses(*texts: str | None) -> list[tuple[float | None, list[float]]]:
    """For each text the seconds that are read from it, and milliseconds that are waited."""
    module = (ROOT / "browser/src/timing.js").as_uri()
    command = ["node", "--input-type=module", "-e", _SCRIPT, "--", module, json.dumps(texts)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found: list[Any] = json.loads(ran.stdout)
    return [(seconds, waited) for seconds, waited in found]


@pytest.mark.usefixtures("node_modules")
def test_a_pause_is_neither_left_out_nor_endless() -> None:
    texts = ["1e308", "Infinity", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", "1e6", "7"]
    for text, (seconds, waited) in zip(texts, pauses(*texts), strict=True):
        assert seconds is not None and 0 < seconds <= 1e6, text
        assert all(1000 * seconds <= each <= MOST for each in waited), text


@pytest.mark.usefixtures("node_modules")
def test_a_pause_that_makes_no_sense_is_the_usual_one() -> None:
    texts = [None, "", "0", "-1", "-1e308", "-Infinity", "NaN", "soon", "Fri, 27 Nov 1926 04:09:22 GMT"]
    for text, (seconds, waited) in zip(texts, pauses(*texts), strict=True):
        assert seconds is None, text
        assert all(250 <= each <= 500 for each in waited), text
