"""The addresses of a file's renditions, served or being made, and what a record says of them.

All that others may assume of a record with renditions is here. Nothing asks for the file's kind: a file of any kind may
have renditions, and only an image has `image`.
"""

from __future__ import annotations

from chalicelib.model import File, rendition_prefix, source_version
from chalicelib.renditions.ladder import Size, rendition_of
from chalicelib.renditions.recipes import RECIPES, Encoding, Recipe, recipe_for


def recipe_of(file: File) -> Recipe:
    """The recipe that the file is processed by, now or next time."""
    focus = (file.focus.x, file.focus.y) if file.focus else None
    return recipe_for(file.wanted_recipe or file.recipe, focus)


def served_recipe(file: File) -> Recipe:
    """The recipe of the renditions that are served."""
    return recipe_for(file.recipe, (file.focus.x, file.focus.y) if file.focus else None)


def made_version(file: File) -> str:
    """The version of the renditions that processing the file makes now."""
    return source_version(file.version_id or "", recipe_of(file).fingerprint, file.generation)


def made_prefix(file: File) -> str:
    """The prefix that processing the file writes to now."""
    return rendition_prefix(file.visibility, file.id, made_version(file))


def has_renditions(file: File) -> bool:
    """True if there may be objects at the file's addresses: renditions in its record, or those made on demand."""
    return bool(file.source_version) and (bool(file.renditions) or file.image is not None)


def served_prefix(file: File) -> str | None:
    """The prefix of the renditions that are served, with those made on demand; None when there can be none."""
    return rendition_prefix(file.visibility, file.id, str(file.source_version)) if has_renditions(file) else None


def on_demand(file: File) -> tuple[Encoding, ...]:
    """The encodings whose renditions are made when they are first asked for."""
    return served_recipe(file).on_demand if file.image and file.recipe in RECIPES else ()


def in_ladder(file: File, name: str, format: str) -> tuple[Size, Encoding] | None:
    """The rendition of this name for viewers who ask for `format`, made already or not; maybe in another format.

    None when there is none. Today's recipe decides: a file that was processed under an older one keeps its address,
    and gets renditions that it did not have then. A file without `image` has nothing beyond its record's renditions.
    """
    if file.image is None or file.recipe not in RECIPES:
        return None
    image = file.image
    return rendition_of(
        served_recipe(file), image.width, image.height, name=name, format=format, animated=image.frames > 1
    )
