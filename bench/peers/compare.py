"""`python -m bench.peers.compare`, in the bench's venv: the child that measures how much two pictures differ.

A job {"ours", "reference"}: two PNGs, RGBA. Both are laid on black and on white, and the larger difference counts.
The answer: "mean" and "worst" ΔE00 of the pixels, and "psnr" in dB (99 for pictures that are equal).
"""

from __future__ import annotations

from typing import Any

import numpy
from PIL import Image

from bench.peers import pictures, workers

_PAPERS = ("#000000", "#ffffff")
_EQUAL = 99.0
_ROWS = 1 << 18  # pixels at once, so that memory stays bounded
_TO_XYZ = numpy.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = numpy.array([0.95047, 1.0, 1.08883])


def compare(ours: str, reference: str) -> dict[str, Any]:
    with Image.open(ours) as one, Image.open(reference) as other:
        if one.size != other.size:
            return {"outcome": "sizes"}
        papers = _PAPERS if pictures.has_alpha([one, other]) else _PAPERS[:1]
        found = [_difference(_on(one, paper), _on(other, paper)) for paper in papers]
    return {
        "outcome": "compared",
        "mean": round(max(each[0] for each in found), 2),
        "worst": round(max(each[1] for each in found), 1),
        "psnr": round(min(each[2] for each in found), 1),
    }


def _on(picture: Image.Image, paper: str) -> Any:
    whole = Image.new("RGBA", picture.size, paper)
    whole.alpha_composite(picture.convert("RGBA"))
    return numpy.asarray(whole.convert("RGB")).reshape(-1, 3)


def _difference(one: Any, other: Any) -> tuple[float, float, float]:
    """Mean and worst ΔE00, and PSNR."""
    squares = numpy.mean((one.astype(numpy.float32) - other) ** 2)
    if not squares:
        return 0.0, 0.0, _EQUAL
    count, total, worst = len(one), 0.0, 0.0
    differ = numpy.any(one != other, axis=1)
    one, other = one[differ], other[differ]
    for start in range(0, len(one), _ROWS):
        part = delta_e(lab(one[start : start + _ROWS]), lab(other[start : start + _ROWS]))
        total, worst = total + float(part.sum()), max(worst, float(part.max()))
    return total / count, worst, min(_EQUAL, float(10 * numpy.log10(255**2 / squares)))


def lab(pixels: Any) -> Any:
    """CIE Lab (D65) of sRGB pixels, 0-255."""
    values = pixels / 255.0
    linear = numpy.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = numpy.where(xyz > 216 / 24389, numpy.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return numpy.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def delta_e(one: Any, other: Any) -> Any:
    """ΔE00 of Lab colours (Sharma, Wu and Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = one.T, other.T
    mean_c = (numpy.hypot(a1, b1) + numpy.hypot(a2, b2)) / 2
    g = 0.5 * (1 - numpy.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = numpy.hypot(a1, b1), numpy.hypot(a2, b2)
    h1, h2 = numpy.degrees(numpy.arctan2(b1, a1)) % 360, numpy.degrees(numpy.arctan2(b2, a2)) % 360
    grey = c1 * c2 == 0
    turn = h2 - h1
    turn = numpy.where(grey, 0, numpy.where(turn < -180, turn + 360, numpy.where(turn > 180, turn - 360, turn)))
    hue = 2 * numpy.sqrt(c1 * c2) * numpy.sin(numpy.radians(turn / 2))
    light, c = (l1 + l2) / 2, (c1 + c2) / 2
    half = (h1 + h2) / 2
    apart = numpy.abs(h1 - h2) > 180
    h = numpy.where(grey, h1 + h2, numpy.where(apart, numpy.where(h1 + h2 < 360, half + 180, half - 180), half))
    t = 1 - 0.17 * _cos(h - 30) + 0.24 * _cos(2 * h) + 0.32 * _cos(3 * h + 6) - 0.20 * _cos(4 * h - 63)
    bend = -2 * numpy.sqrt(c**7 / (c**7 + 25.0**7))
    rotation = bend * numpy.sin(numpy.radians(60 * numpy.exp(-(((h - 275) / 25) ** 2))))
    dl = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / numpy.sqrt(20 + (light - 50) ** 2))
    dc, dh = (c2 - c1) / (1 + 0.045 * c), hue / (1 + 0.015 * c * t)
    return numpy.sqrt(numpy.maximum(0, dl**2 + dc**2 + dh**2 + rotation * dc * dh))


def _cos(degrees: Any) -> Any:
    return numpy.cos(numpy.radians(degrees))


if __name__ == "__main__":
    workers.serve(lambda job: compare(job["ours"], job["reference"]))
