"""The whole conversions that can be had of a film or a sound: clips, sounds and sprites. Pure: the record tells.

Each is made by one run of the function `stream`, in 28 seconds, when it is first asked for. What would take longer is
not there, and nothing names it: long films and sounds have their HLS stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from chalicelib.facts import AudioInfo, AudioTrack, VideoInfo
from chalicelib.model import File
from chalicelib.renditions.media_names import MediaName, Part

# Seconds of the longest film that has clips, and their heights: pixels of the shorter side, as `v720` has them.
CLIP_SECONDS = 60.0
CLIPS = (720, 360)

# Bytes of the original. A run reads some 50 MB a second, and everything of a film, also where only its sound is needed.
MOST_BYTES = 512 * 1024**2

# Seconds of sound that are encoded, and that are only copied, in one run.
ENCODED = {"m4a": 15 * 60.0, "opus": 25 * 60.0}
COPIED = 4 * 3600.0
_COPIES = {"m4a": "aac", "opus": "opus"}

# The CPU time that a clip may take: a run has 1.7 cores for 20 seconds, and no computer is always as quick as usual.
_CLIP_CPU = 26.0
# Seconds of CPU for a million pixels: of the film, to decode them, by codec, to deinterlace them, and to make them
# fewer; of the clip, to encode them, and to map the colours of HDR, for which a table is made at first.
_DECODED, _DECODED_ELSE = {"h264": 0.0012, "mpeg4": 0.001, "vp8": 0.0012}, 0.005
_WOVEN, _SHRUNK, _MAPPED, _TABLE = 0.0008, 0.0015, 0.02, 0.5
_CODED, _CODED_QUICKLY = 0.009, 0.0065
_USUAL_RATE = 30.0
MOST_RATE = 60.0
"""Pictures a second of a clip. Those of a quicker film are left out."""

# Pixels of a sprite's longer side, and the sprites in one sheet, and in all of a film.
SPRITE_SIDE = 160
ACROSS, DOWN = 10, 10
MOST_SPRITES = 400
# Seconds from one picture to the next: the first that needs no more than MOST_SPRITES.
_INTERVALS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)


def exists(file: File, name: MediaName) -> bool:
    """True if the file has this clip, sound, sheet of sprites or list of sprites."""
    match name.part:
        case Part.CLIP:
            return name.rung in map(str, clips(file))
        case Part.SOUND:
            return name.rung in sounds(file)
        case Part.SPRITE | Part.SPRITES:
            all_of = sprites(file)
            return all_of is not None and name.number < all_of.sheets
        case _:
            return False


# --- clips


def clips(file: File) -> tuple[int, ...]:
    """The heights of a short film's clips, the largest first: each is `av/{height}.mp4`.

    A height is that of the shorter side, and never larger than the film's own. A film that is lower than the highest
    has a clip of its own height.
    """
    film = file.video
    if not film or not film.width or not film.height or not film.duration or film.duration > CLIP_SECONDS:
        return ()
    if (file.size or 0) > MOST_BYTES:
        return ()
    own = min(film.width, film.height)
    heights = {own - own % 2 if own < CLIPS[0] else CLIPS[0], *(height for height in CLIPS[1:] if height < own)}
    return tuple(sorted((height for height in heights if height >= 16 and _is_quick(film, height)), reverse=True))


def is_coded_quickly(film: VideoInfo) -> bool:
    """True for a film that is so long that the encoder must hurry: it needs more bits for the same picture."""
    return (film.duration or 0) > CLIP_SECONDS / 2


def clip_size(film: VideoInfo, height: int) -> tuple[int, int]:
    """Width and height in pixels of a clip as it is shown: even, as H.264 wants them."""
    width, tall = film.width or 0, film.height or 0
    # A panorama has no more than eight times as many pixels across as down.
    longer = min(8 * height, _even(max(width, tall) * height / max(1, min(width, tall))))
    return (height, longer) if width < tall else (longer, height)


def _even(pixels: float) -> int:
    return max(2, 2 * round(pixels / 2))


def _is_quick(film: VideoInfo, height: int) -> bool:
    """True if making the clip takes a run no longer than it may."""
    own = (film.width or 0) * (film.height or 0) / 1e6
    width, tall = clip_size(film, height)
    rate = film.frame_rate or _USUAL_RATE
    decoded = own * rate * _DECODED.get(film.codec or "", _DECODED_ELSE)
    coded = _CODED_QUICKLY if is_coded_quickly(film) else _CODED
    made = own * _SHRUNK + width * tall / 1e6 * (coded + (_MAPPED if film.hdr else 0))
    decoded += own * rate * _WOVEN if film.interlaced else 0
    seconds = (film.duration or 0) * (decoded + min(rate, MOST_RATE) * made)
    return seconds + (_TABLE if film.hdr else 0) <= _CLIP_CPU


# --- sounds


def sounds(file: File) -> tuple[str, ...]:
    """The formats in which the file's sound can be had alone: each is `av/sound.{format}`.

    A sound that is already AAC or Opus is copied as it is, so that it may be longer.
    """
    sound = _sound(file.video or file.audio)
    duration = (file.video or file.audio or AudioInfo(format="")).duration
    if sound is None or not duration or (file.size or 0) > MOST_BYTES or not 0 < (sound.channels or 0) <= 8:
        return ()
    return tuple(
        name for name, most in ENCODED.items() if duration <= (COPIED if sound.codec == _COPIES[name] else most)
    )


def _sound(info: VideoInfo | AudioInfo | None) -> AudioTrack | None:
    """The track that players choose."""
    if isinstance(info, AudioInfo):
        return AudioTrack(codec=info.codec, channels=info.channels)
    tracks = info.audio_tracks if info else []
    return next((each for each in tracks if each.default), next(iter(tracks), None))


# --- sprites


@dataclass(frozen=True)
class Sprites:
    """All small pictures of a film: `count` of them, one each `interval` seconds, of `width` x `height` pixels."""

    interval: int
    count: int
    width: int
    height: int

    @property
    def sheets(self) -> int:
        return ceil(self.count / (ACROSS * DOWN))

    def on_sheet(self, number: int) -> range:
        """The numbers of the pictures on a sheet."""
        first = number * ACROSS * DOWN
        return range(first, min(self.count, first + ACROSS * DOWN))


def sprites(file: File) -> Sprites | None:
    """None for a file that has none."""
    film = file.video
    if not film or not film.duration or not film.width or not film.height:
        return None
    steps = (each for each in _INTERVALS if film.duration <= each * MOST_SPRITES)
    interval = next(steps, None) or ceil(film.duration / MOST_SPRITES)
    scale = min(1.0, SPRITE_SIDE / max(film.width, film.height))
    return Sprites(
        interval=interval,
        count=max(1, ceil(film.duration / interval)),
        width=max(2, round(film.width * scale)),
        height=max(2, round(film.height * scale)),
    )
