"""The ladder: which heights are encoded, how large, at which bit rates, and by which name of the codec. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from chalicelib.renditions.media_names import MOST_ANSWERED

# Pixels on the shorter side, and bit/s that the encoder may not exceed in the long run, at 30 pictures a second.
LADDER = {240: 400_000, 360: 800_000, 480: 1_400_000, 720: 2_500_000, 1080: 4_000_000}

# Pictures for fast forward have at most so many pixels on their shorter side, and so many bytes.
KEY_SIDE = 240
KEY_BYTES = 64_000

# The encoder may save up the bits of so many seconds.
BUFFER = Fraction(2, 3)

# Bytes of a segment, at most.
MOST_BYTES = MOST_ANSWERED

# Bytes of those segments that are too large for an answer, at most, in all of a film. They are stored before a playlist
# names them, and so the film's bytes are stored twice: some twenty seconds of a phone's 2160p.
MOST_STORED = 128 * 1024**2

# H.264's levels (table A-1): macroblocks a second, macroblocks of a picture, and kbit/s in the High profile.
_LEVELS = (
    (10, 1485, 99, 80),
    (11, 3000, 396, 240),
    (12, 6000, 396, 480),
    (13, 11880, 396, 960),
    (20, 11880, 396, 2500),
    (21, 19800, 792, 5000),
    (22, 20250, 1620, 5000),
    (30, 40500, 1620, 12500),
    (31, 108000, 3600, 17500),
    (32, 216000, 5120, 25000),
    (40, 245760, 8192, 25000),
    (42, 522240, 8704, 62500),
    (51, 983040, 36864, 300000),
    (52, 2073600, 36864, 300000),
)


@dataclass(frozen=True)
class Encoded:
    """`side` names the rung; `rate` in bit/s is the encoder's bound in the long run; `level` is ten times H.264's."""

    side: int
    width: int
    height: int
    rate: int
    level: int

    @property
    def codec(self) -> str:
        return f"avc1.6400{self.level:02x}"


def ladder(width: int, height: int, frame_rate: Fraction) -> list[Encoded]:
    """The encoded rungs of a picture as it is shown, the smallest first. None is larger than the picture."""
    own = min(width, height)
    sides = [side for side in LADDER if side <= own]
    # A film between two of them keeps its own size, if that is worth it.
    if not sides or (own < max(LADDER) and own > 1.15 * sides[-1]):
        sides.append(own)
    return [_encoded(side, width, height, frame_rate) for side in sides]


def key_rung(width: int, height: int) -> Encoded:
    """The rung of single pictures."""
    rung = _encoded(min(KEY_SIDE, width, height), width, height, Fraction(1))
    return Encoded(rung.side, rung.width, rung.height, rung.rate, 30)


def _encoded(side: int, width: int, height: int, frame_rate: Fraction) -> Encoded:
    shorter = min(width, height)
    # A panorama has no more pixels than a picture of 16:9 four times as wide.
    longer = min(max(width, height), shorter * 8)
    # An odd side loses a line: nothing is enlarged.
    around = min(_even(side), max(16, shorter // 2 * 2)), _even(longer * side / shorter)
    new = around if width < height else around[::-1]
    blocks = -(-new[0] // 16) * -(-new[1] // 16)
    rate = _rate(side, new, frame_rate)
    fits = (
        level
        for level, speed, most, kbits in _LEVELS
        if blocks <= most and blocks * frame_rate <= speed and rate <= kbits * 1000
    )
    level = next(fits, _LEVELS[-1][0])
    return Encoded(around[0], *new, rate, level)


def _rate(side: int, size: tuple[int, int], pictures: Fraction) -> int:
    """Bit/s for so many pixels, between the ladder's figures; a third more for twice as many pictures a second."""
    above = next((each for each in LADDER if each >= side), max(LADDER))
    pixels = size[0] * size[1] / (above * above * 16 / 9)
    quick = 1.0 if pictures <= 30 else 1.15
    return int(min(4_500_000, max(100_000, round(LADDER[above] * pixels**0.75 * quick / 1000) * 1000)))


def _even(pixels: float) -> int:
    return int(max(16, 2 * round(pixels / 2)))
