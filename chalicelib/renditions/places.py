"""The addresses of a file's renditions, served or being made, and what a record says of them.

All that others may assume of a record with renditions is here. A file of any kind may have renditions. Its picture is
the image itself (`image`), or what was made of another file (`preview`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from chalicelib.model import File, Kind, Rendition, rendition_key, rendition_prefix, source_version
from chalicelib.renditions.ladder import Size, rendition_of
from chalicelib.renditions.recipes import RECIPES, Encoding, Recipe, recipe_for

VERSIONS: Mapping[Kind, int] = {Kind.VIDEO: 2}
"""The version of a kind's processor, where it is not the first: part of the addresses of what it makes."""


STREAMABLE = frozenset({Kind.VIDEO, Kind.AUDIO})
"""The kinds that have parts below `av/`, which are made on demand."""

STREAM = "hls"
"""Name of the rendition that is the master playlist."""


def hls_of(file: File) -> Rendition | None:
    """The master playlist in the record, by which the file plays; None if it has none."""
    return next((each for each in file.other_renditions if each.name == STREAM), None)


def has_stream(file: File) -> bool:
    """True if the file has playlists, and the plan that its segments are made by."""
    return hls_of(file) is not None


def eager(file: File) -> int | Literal["all"]:
    """The segments of a rung that are made before anybody watches; 0 for a file that has no stream."""
    return served_recipe(file).eager if has_stream(file) and file.recipe in RECIPES else 0


def recipe_of(file: File) -> Recipe:
    """The recipe that the file is processed by, now or next time."""
    focus = (file.focus.x, file.focus.y) if file.focus else None
    return recipe_for(file.wanted_recipe or file.recipe, focus)


def served_recipe(file: File) -> Recipe:
    """The recipe of the renditions that are served."""
    return recipe_for(file.recipe, (file.focus.x, file.focus.y) if file.focus else None)


def made_version(file: File) -> str:
    """The version of the renditions that processing the file makes now. Its kind must be known, if it was read."""
    return source_version(file.version_id or "", recipe_of(file).fingerprint, file.generation, _newest(file))


def _newest(file: File) -> int:
    """The present version of the kind's processor."""
    return VERSIONS.get(file.kind, 1) if file.kind else 1


def processor_version(file: File) -> int | None:
    """The version of the kind's processor that made what is served; None if the record does not tell."""
    of_bytes = (file.version_id or "", file.made_with or "", file.generation)
    versions = range(_newest(file), 0, -1)
    return next((each for each in versions if source_version(*of_bytes, each) == file.source_version), None)


def is_behind(file: File) -> bool:
    """True if a newer processor of the file's kind would make other renditions than those that are served."""
    return _newest(file) > 1 and processor_version(file) != _newest(file)


def made_prefix(file: File) -> str:
    """The prefix that processing the file writes to now."""
    return rendition_prefix(file.visibility, file.id, made_version(file))


def has_renditions(file: File) -> bool:
    """True if there may be objects at the file's addresses: renditions in its record, or those made on demand."""
    some = file.all_renditions or file.picture or file.kind in STREAMABLE
    return bool(file.source_version) and bool(some)


def served_prefix(file: File) -> str | None:
    """The prefix of the renditions that are served, with those made on demand; None when there can be none."""
    return rendition_prefix(file.visibility, file.id, str(file.source_version)) if has_renditions(file) else None


def on_demand(file: File) -> tuple[Encoding, ...]:
    """The encodings in which sizes are made when they are first asked for: all of them, or all but one."""
    if not file.picture or file.recipe not in RECIPES:
        return ()
    recipe = served_recipe(file)
    return (*recipe.on_demand, *(encoding for encoding in recipe.encodings if encoding.up_to is not None))


def in_ladder(file: File, name: str, format: str) -> tuple[Size, Encoding] | None:
    """The rendition of this name for viewers who ask for `format`, made already or not; maybe in another format.

    None when there is none. Today's recipe decides: a file that was processed under an older one keeps its address,
    and gets renditions that it did not have then. A file without a picture has nothing beyond its record's renditions.
    """
    picture = file.picture
    page, name = page_of(name)
    if picture is None or file.recipe not in RECIPES or page > pages_shown(file):
        return None
    animated = file.image is not None and file.image.frames > 1
    return rendition_of(served_recipe(file), picture.width, picture.height, name=name, format=format, animated=animated)


MASTER = "poster"
"""The rendition of a film or a sound that its pictures are made of: WebP without loss. It is not in the ladder."""


def master_of(file: File) -> Rendition | None:
    """The master of the file's pictures; None if they are made of the original."""
    return next((each for each in file.all_renditions if (each.name, each.format) == (MASTER, "webp")), None)


def key_of(file: File, rendition: Rendition) -> str:
    """The key of a rendition that is served."""
    return rendition_key(file.visibility, file.id, str(file.source_version), rendition)


def converted(file: File) -> str | None:
    """The name of the whole film as one MP4 that the service `mediaconvert` made; None if there is none."""
    state = file.services.get("mediaconvert")
    name = (state.result or {}).get("name") if state else None
    return str(name) if name else None


MAX_PAGES = 500
"""Pages of a document of which pictures can be had."""

_PAGE = re.compile(r"p([1-9][0-9]{0,3})-(w[0-9]+)")


def page_of(name: str) -> tuple[int, str]:
    """(page, name of the size) of a rendition: (12, `w640`) for `p12-w640`, and (1, `w640`) for `w640`."""
    match = _PAGE.fullmatch(name)
    return (int(match[1]), match[2]) if match else (1, name)


def pages_shown(file: File) -> int:
    """The pages of which pictures can be had; 1 for a file that has no pages."""
    return min(file.pdf.pages or 1, MAX_PAGES) if file.pdf else 1
