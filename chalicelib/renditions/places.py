"""Under which addresses a file's renditions are: those that are served, and those that are being made."""

from __future__ import annotations

from chalicelib.model import File, Kind, rendition_prefix, source_version
from chalicelib.renditions.recipes import Recipe, recipe_for


def recipe_of(file: File) -> Recipe:
    """The recipe to process the file by."""
    focus = (file.focus.x, file.focus.y) if file.focus else None
    return recipe_for(file.wanted_recipe or file.recipe, focus)


def served_recipe(file: File) -> Recipe:
    """The recipe of the renditions that clients see."""
    return recipe_for(file.recipe, (file.focus.x, file.focus.y) if file.focus else None)


def made_version(file: File) -> str:
    """The version that processing the file now makes."""
    return source_version(file.version_id or "", recipe_of(file).fingerprint, file.generation)


def made_prefix(file: File) -> str:
    """Where processing the file now writes."""
    return rendition_prefix(file.visibility, file.id, made_version(file))


def served_prefix(file: File) -> str | None:
    """Where the renditions are that clients see, those made on demand with them; None when there can be none."""
    if not file.source_version or file.kind is not Kind.IMAGE:
        return None
    return rendition_prefix(file.visibility, file.id, file.source_version)
