"""Chromium shows the pictures of an animation that the compositor makes: the same pixels, times and plays."""

from __future__ import annotations

import random
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import product
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext

from chalicelib.processing.image import compositor
from chalicelib.processing.image.frames import seen_for
from tests.animations import CLEAR, KEEP, RESTORE, Drawn, apng, gif, webp

# ImageDecoder is of secure contexts only. Pixels come as they are decoded: not premultiplied, not converted.
SCRIPT = """async ([encoded, type]) => {
  const data = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
  const decoder = new ImageDecoder({data, type, premultiplyAlpha: "none", colorSpaceConversion: "none"});
  await decoder.tracks.ready;
  await decoder.completed;
  const track = decoder.tracks.selectedTrack;
  const pictures = [];
  for (let frameIndex = 0; frameIndex < track.frameCount; frameIndex++) {
    const {image} = await decoder.decode({frameIndex});
    const pixels = new Uint8Array(image.allocationSize({format: "RGBA"}));
    await image.copyTo(pixels, {format: "RGBA"});
    const size = [image.codedWidth, image.codedHeight];
    pictures.push({size, delay: image.duration / 1000, pixels: btoa(String.fromCharCode(...pixels))});
    image.close();
  }
  return {plays: track.repetitionCount === Infinity ? 0 : track.repetitionCount + 1, pictures};
}"""
SIZE = (13, 11)
TYPES = {"gif": "image/gif", "apng": "image/png", "webp": "image/webp"}


@dataclass
class Seen:
    """The pictures (premultiplied), how long each is seen for (milliseconds), and how often all are; 0 is for ever."""

    pictures: list[Image.Image]
    delays: list[float]
    plays: int


@pytest.fixture
def in_chromium(context: BrowserContext) -> Callable[[bytes, str], Seen]:
    page = context.new_page()
    page.route("**/*", lambda route: route.fulfill(body="<p>Pictures.", content_type="text/html"))
    page.goto("https://pictures.test/")

    def look(data: bytes, format: str) -> Seen:
        found: dict[str, Any] = page.evaluate(SCRIPT, [b64encode(data).decode(), TYPES[format]])
        made = [Image.frombytes("RGBA", each["size"], b64decode(each["pixels"])) for each in found["pictures"]]
        delays = [seen_for(each["delay"]) for each in found["pictures"]]
        return Seen([picture.convert("RGBa") for picture in made], delays, found["plays"])

    return look


def by_us(data: bytes) -> Seen:
    animation, _ = compositor.read(BytesIO(data))
    assert animation
    made = [(picture.convert("RGBA").convert("RGBa"), delay) for picture, delay in compositor.composed(animation)]
    return Seen([picture for picture, _ in made], [delay for _, delay in made], animation.plays)


def painted(generator: random.Random, width: int, height: int, alphas: tuple[int, ...]) -> Image.Image:
    palette = [tuple(generator.randbytes(3)) for _ in range(5)]
    raw = ((*generator.choice(palette), generator.choice(alphas)) for _ in range(width * height))
    return Image.frombytes("RGBA", (width, height), b"".join(map(bytes, raw)))


def frame(generator: random.Random, step: int, alphas: tuple[int, ...], **options: Any) -> Drawn:
    x, y = (generator.randrange(0, side, step) for side in SIZE)
    size = generator.randint(1, SIZE[0] - x), generator.randint(1, SIZE[1] - y)
    return Drawn(painted(generator, *size, alphas), x, y, delay=generator.choice([0, 10, 20, 30, 500]), **options)


def combinations(format: str, alphas: tuple[int, ...]) -> Iterator[tuple[bytes, str]]:
    """Every disposal and blending of a frame, before and after every other, with tables of their own and interlaced."""
    disposals = (KEEP, CLEAR) if format == "webp" else (KEEP, CLEAR, RESTORE)
    overs = (True,) if format == "gif" else (True, False)
    of_one = list(product(disposals, overs, (False, True)))
    for number, chosen in enumerate(product(of_one, of_one)):
        generator, step = random.Random(f"{format} {number}"), 2 if format == "webp" else 1
        frames = [
            frame(generator, step, alphas, disposal=disposal, over=over, local=other, interlaced=other)
            for disposal, over, other in (*chosen, generator.choice(of_one), generator.choice(of_one))
        ]
        if number % 3 == 0 or (format == "apng" and number % 2):
            frames[0] = replace(frames[0], pixels=painted(generator, *SIZE, (255,)), x=0, y=0)
        plays, name = number % 4, f"{format} {number}: {chosen}"
        if format == "gif":
            frames[2] = replace(frames[2], pixels=painted(generator, *SIZE, alphas))  # mostly beyond the canvas
            yield gif(SIZE, frames, plays=plays or None), name
        elif format == "webp":
            yield webp(SIZE, frames, plays=plays), name
        else:
            hidden = None if number % 2 else painted(generator, *SIZE, (255,))
            yield apng(SIZE, frames, plays=plays, hidden=hidden, interlaced=number % 5 == 0), name


@pytest.mark.parametrize(
    ("format", "alphas", "tolerance"),
    [
        ("gif", (0, 255), 0),
        ("apng", (0, 255), 0),
        ("webp", (0, 255), 0),
        ("apng", (0, 70, 128, 200, 255), 2),
        ("webp", (0, 70, 128, 200, 255), 2),  # where both are partly clear, decoders round differently
    ],
)
def test_chromium_shows_the_same(
    in_chromium: Callable[[bytes, str], Seen], format: str, alphas: tuple[int, ...], tolerance: int
) -> None:
    for data, name in combinations(format, alphas):
        ours, theirs = by_us(data), in_chromium(data, format)
        assert ours.delays == pytest.approx(theirs.delays), name
        assert ours.plays == theirs.plays, name
        for picture, other in zip(ours.pictures, theirs.pictures, strict=True):
            assert picture.size == other.size, name
            differences = (abs(a - b) for a, b in zip(picture.tobytes(), other.tobytes(), strict=True))
            assert max(differences) <= tolerance, name
