"""A sound has the same figures, however many of its frames go through the filters together."""

from __future__ import annotations

import io

import pytest

from chalicelib.processing.media import sound_child
from chalicelib.processing.media.engine import MOV
from tests import films


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("seconds", [0.05, 2.0, 45.0])
def test_frames_that_are_measured_together(seconds: float, stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = films.tone("mp4", "aac", seconds=seconds, wave="0.3*sin(2*PI*(200+20*t)*t)")
    wanted = {"format": MOV[0], "whitelist": MOV[1], "seconds": seconds, "stride": stride, "seek": True}
    together = sound_child.main(io.BytesIO(data), wanted)
    monkeypatch.setattr(sound_child, "TOGETHER", 1)
    assert together == sound_child.main(io.BytesIO(data), wanted)
    assert together[0]["waveform"]
    assert bool(together[0]["loudness"]) == (seconds > 1)
