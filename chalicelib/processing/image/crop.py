"""Chooses the part of an image that a recipe of a fixed shape shows. Pixels, as seen (orientation applied)."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageFilter, ImageOps

from chalicelib.renditions.ladder import Size
from chalicelib.renditions.recipes import Recipe

_SIDE = 96  # pixels, the longer side, at which attention is measured
_TO_THE_MIDDLE = 0.3  # the part of its score that a window loses at the very edge: people put things in the middle


def whole_size(recipe: Recipe, width: int, height: int, shown: tuple[int, int]) -> tuple[int, int]:
    """The size to resize the whole image to, so that the shown part of it has the size `shown`."""
    if recipe.aspect is None:
        return shown
    pick = max if recipe.fit == "cover" else min
    scale = pick(shown[0] / width, shown[1] / height)
    size = round(width * scale), round(height * scale)
    low, high = (shown, (2**31, 2**31)) if recipe.fit == "cover" else ((1, 1), shown)
    return min(high[0], max(low[0], size[0])), min(high[1], max(low[1], size[1]))


def place(recipe: Recipe, image: Image.Image, shown: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box of `image` (resized to `whole_size`) that is shown; for `contain`, it reaches beyond the image."""
    if recipe.aspect is None or recipe.fit == "contain":
        left, top = (image.width - shown[0]) // 2, (image.height - shown[1]) // 2
    elif recipe.focus:
        centers = zip(recipe.focus, image.size, shown, strict=True)
        left, top = (max(0, min(all_ - part, round(focus * all_ - part / 2))) for focus, all_, part in centers)
    else:
        left, top = _most_attractive(image, shown)
    return left, top, left + shown[0], top + shown[1]


def box(recipe: Recipe, image: Image.Image, sizes: Sequence[Size]) -> tuple[int, int, int, int]:
    """The box of `image` (resized to `whole_size`) that the largest of these sizes shows; all of it without a shape."""
    if recipe.aspect is None or not sizes:
        return 0, 0, *image.size
    return place(recipe, image, (sizes[-1].width, sizes[-1].height))


def cut(recipe: Recipe, image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """The part in the box. The background shows where the box reaches beyond the image, and through clear pixels."""
    if box == (0, 0, *image.size):
        return image
    if recipe.fit == "cover":
        return image.crop(box)
    paper = Image.new("RGB", (box[2] - box[0], box[3] - box[1]), recipe.background)
    paper.paste(image, (-box[0], -box[1]), image.getchannel("A") if image.mode == "RGBA" else None)
    return paper


def _most_attractive(image: Image.Image, shown: tuple[int, int]) -> tuple[int, int]:
    """Left and top of the window with the most edges and the strongest colours. The middle is preferred a little."""
    scale = min(1.0, _SIDE / max(image.size))
    small = image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.BOX
    )
    energy = _energy(small)
    left = _best_start(energy.resize((small.width, 1), Image.Resampling.BOX).tobytes(), shown[0] / image.width)
    top = _best_start(energy.resize((1, small.height), Image.Resampling.BOX).tobytes(), shown[1] / image.height)
    return round(left * (image.width - shown[0])), round(top * (image.height - shown[1]))


def _energy(image: Image.Image) -> Image.Image:
    rgb = Image.new("RGB", image.size, "white")
    rgb.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    padded = ImageOps.expand(rgb.convert("L"), 1)  # because the filter does not change the border
    padded.paste(rgb.convert("L").resize(padded.size, Image.Resampling.NEAREST))
    padded.paste(rgb.convert("L"), (1, 1))
    edges = padded.filter(ImageFilter.FIND_EDGES).crop((1, 1, image.width + 1, image.height + 1))
    return Image.blend(edges, rgb.convert("HSV").getchannel("S"), 0.25)


def _best_start(profile: bytes, part: float) -> float:
    """The best start of a window of this part of the profile's length: from 0 (first) to 1 (last)."""
    window = max(1, round(len(profile) * part))
    last = len(profile) - window
    if last < 1:
        return 0.5
    scores = [
        (sum(profile[start : start + window]) + 1) * (1 - _TO_THE_MIDDLE * abs(2 * start / last - 1))
        for start in range(last + 1)
    ]
    return scores.index(max(scores)) / last
