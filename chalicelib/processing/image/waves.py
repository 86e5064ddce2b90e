"""The picture of a sound that has no cover: its waveform as calm bars, which are still bars at 160 pixels."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from chalicelib.processing.image.drawing import png

WIDTH, HEIGHT = 1920, 640  # pixels
BARS, BAR, MARGIN = 56, 20, 64  # 56 bars, each 20 pixels wide
TALLEST = 448  # pixels

PAPER, INK = (244, 246, 249), (74, 98, 138)

# A quiet sound is drawn as if it were up to so many times as loud. Silence stays a row of dots.
MOST_GAIN = 12.0

_FINE = 2  # drawn so many times as large, for smooth ends


def picture(waveform: Sequence[tuple[float, float]]) -> bytes:
    """A PNG of WIDTH x HEIGHT pixels. `waveform` has pairs of the lowest and the highest value, from -1 to 1."""
    heights = _bars(waveform)
    image = Image.new("RGB", (WIDTH * _FINE, HEIGHT * _FINE), PAPER)
    draw = ImageDraw.Draw(image)
    pitch = (WIDTH - 2 * MARGIN - BAR) / (BARS - 1)
    for number, share in enumerate(heights):
        left = round((MARGIN + number * pitch) * _FINE)
        half = round((BAR + share * (TALLEST - BAR)) * _FINE / 2)
        middle = HEIGHT * _FINE // 2
        box = (left, middle - half, left + BAR * _FINE - 1, middle + half - 1)
        draw.rounded_rectangle(box, radius=BAR * _FINE // 2, fill=INK)
    return png(image.reduce(_FINE))


def _bars(waveform: Sequence[tuple[float, float]]) -> list[float]:
    """The bars' heights from 0 to 1: the mean of their parts' peaks, by the loudest of them."""
    peaks = [min(1.0, max(abs(low), abs(high))) for low, high in waveform] or [0.0]
    means = []
    for number in range(BARS):
        first = number * len(peaks) // BARS
        part = peaks[first : max(first + 1, (number + 1) * len(peaks) // BARS)]
        means.append(sum(part) / len(part))
    gain = min(MOST_GAIN, 1 / max(*means, 1e-9))
    return [min(1.0, mean * gain) for mean in means]
