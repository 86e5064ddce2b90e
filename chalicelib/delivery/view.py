"""A record as clients see it, in answers of the API and in events."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from chalicelib.catalog.retention import delete_at
from chalicelib.delivery.access import Access, access_to, base_url_of, urls_of
from chalicelib.delivery.markup import markup
from chalicelib.model import PUBLIC_OF_SERVICE, File, Rendition, timestamp

# The stored fields that clients see. All others are for the pipeline.
_WIRE = (
    "id",
    "status",
    "kind",
    "filename",
    "content_type",
    "size",
    "sha256",
    "visibility",
    "recipe",
    "tags",
    "metadata",
    "focus",
    "revision",
    "created_at",
    "updated_at",
    "expires_at",
    "error",
    "image",
    "source_url",
)


# Facts that a record has only where they are known. All other fields are there always, if only as null.
_IF_KNOWN = (
    *("video", "audio", "pdf", "document", "spreadsheet", "presentation", "text", "archive", "email", "font"),
    *("preview", "poster", "warnings", "scan", "captions", "services", "owner"),
    *("expires_after", "legal_hold"),
)

# A whole record. `delivery` is larger than all the rest, so it must be asked for.
WHOLE = frozenset({*_WIRE, *_IF_KNOWN, "delete_at", "renditions"})
# Markup that only a film or a sound has.
_IF_IT_PLAYS = frozenset({"video", "audio", "hls"})

# An entry of a list is small. It lacks what only a page about one file shows: `_BRIEF` has its fields, and `_DETAILS`
# says what is left out of them. A rendition's `format` says its type.
_BRIEF = WHOLE - {"focus", "source_url"}
_IMAGE = ("exif", "palette", "blurhash", "phash", "sharpness", "megapixels", "color_space")
_DETAILS: Any = {  # as pydantic's `exclude` takes it
    "image": {*_IMAGE, "artist", "copyright", "caption", "title", "keywords"},
    "preview": {"blurhash"},
    "pdf": {"sizes"},
    "spreadsheet": {"sheets"},
    "text": {"columns", "structure"},
    "video": {"audio_tracks", "subtitles", "chapters", "tags", "location"},
    "audio": {"chapters", "tags", "location", "loudness"},
    "services": {"__all__": {"result"}},
}
_RENDITION_DETAILS = {"content_type"}


def wire(
    file: File, fields: Collection[str] = WHOLE, *, expires_in: int | None = None, brief: bool = False
) -> dict[str, Any]:
    """A record as clients see it, or some fields of it. A private file's addresses work for `expires_in` seconds.

    With `brief`, these fields lack their details, as an entry of a list does.
    """
    stored = [name for name in _WIRE if name in fields]
    known = [name for name in _IF_KNOWN if name in fields and getattr(file, name)]
    details = _DETAILS if brief else None
    values = file.model_dump(mode="json", include={*stored, *known}, exclude=details, by_alias=True)
    body = {name: values[name] for name in (*stored, *known)}
    if "delete_at" in fields and (moment := delete_at(file)):
        body["delete_at"] = timestamp(moment)
    if "legal_hold" in body:
        body["legal_hold"] = True
    if "services" in body:
        body["services"] = {name: _public(state) for name, state in body["services"].items()}
    for caption in body.get("captions", ()):
        del caption["sha256"]
    if "renditions" in fields:
        urls = urls_of(file, [each.basename for each in file.all_renditions], expires_in)
        out = _RENDITION_DETAILS if brief else frozenset[str]()
        # Without an address there is nothing to show yet.
        body["renditions"] = [_rendition(each, url, out) for each, url in zip(file.all_renditions, urls, strict=False)]
    if "delivery" in fields:
        access = access_to(file, expires_in)
        body["delivery"] = _delivery(file, access) if access else None
    return body


def entry(file: File, include: Collection[str] = ()) -> dict[str, Any]:
    """A record as lists show it: brief, and with the `delivery` or the `details` that the caller asks for."""
    fields = WHOLE if "details" in include else _BRIEF
    return wire(file, fields | ({"delivery"} & {*include}), brief="details" not in include)


def _public(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name in PUBLIC_OF_SERVICE}


def unsigned(file: File) -> dict[str, Any]:
    """A record as events carry it: whole, with addresses that are not signed.

    An event may be read days later, when a signature would be over. The address of a private file opens with a grant or
    a signature that the reader asks for.
    """
    base_url = base_url_of(file)
    body = wire(file, [*_WIRE, *_IF_KNOWN, "delete_at"])
    body["renditions"] = [_rendition(each, base_url + each.basename) for each in file.all_renditions if base_url]
    return body


def _rendition(rendition: Rendition, url: str, out: Collection[str] = ()) -> dict[str, Any]:
    """`tag` is part of the address only, and the fields of `out` are left out."""
    left_out = {"tag", *out} | ({"duration"} if rendition.duration is None else set())
    # Its values are plain, so that no dump by the model is needed.
    return {**{name: value for name, value in vars(rendition).items() if name not in left_out}, "url": url}


def _delivery(file: File, access: Access) -> dict[str, Any]:
    made = asdict(markup(file, access))
    return {
        "base_url": access.base_url,
        "query": access.query,
        "expires_at": timestamp(access.expires_at) if access.expires_at else None,
        **{name: made[name] for name in made if made[name] or name not in _IF_IT_PLAYS},
    }
