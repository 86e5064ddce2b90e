"""`PATCH /v1/files/{id}`: a client changes what it told of a file."""

from __future__ import annotations

from typing import Any

from chalice import Blueprint, Response
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from chalicelib.api.answers import ChangedFile
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import AnyVisibility, ExpiresAfter, Filename, FocalPoint, Metadata, PosterTime, Tags
from chalicelib.api.parsing import Body
from chalicelib.api.routing import Call, route
from chalicelib.api.updates import require_original, settle, still_processing, until_written
from chalicelib.api.wire import record
from chalicelib.catalog import edits, files
from chalicelib.model import File, Kind, Status, Visibility, rendition_prefix, source_version
from chalicelib.observability import append, logger
from chalicelib.renditions import captions, places
from chalicelib.renditions.media_names import FOLDER
from chalicelib.settings import settings
from chalicelib.storage import derived

routes = Blueprint(__name__)


class PatchFile(Body):
    """The body of `PATCH /v1/files/{id}`: the fields to change. `metadata` is merged (RFC 7396), the rest replaced."""

    filename: Filename = Field(default_factory=str)
    tags: Tags | None = None
    metadata: Metadata | None = None
    visibility: AnyVisibility = Field(default_factory=lambda: Visibility.PRIVATE)
    focus: FocalPoint | None = None
    poster: PosterTime | None = None
    expires_after: ExpiresAfter | None = None


_METADATA = TypeAdapter(Metadata, config=ConfigDict(defer_build=True))


def merged_metadata(present: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A record's metadata after a merge patch (RFC 7396): objects are merged, null removes, all else replaces.

    Raises Problem `invalid_field` if the merged metadata is out of bounds.
    """

    def merge(target: Any, patch: Any) -> Any:
        if not isinstance(patch, dict):
            return patch
        merged = dict(target) if isinstance(target, dict) else {}
        for name, value in patch.items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = merge(merged.get(name), value)
        return merged

    try:
        return _METADATA.validate_python(merge(present, patch))
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"]
        raise Problem("invalid_field", f"`metadata`: after the merge it {message}.", field="metadata") from None


@route(
    routes,
    "PATCH",
    "/v1/files/{file_id}",
    scope=Scope.FILES_WRITE,
    own=True,
    body=PatchFile,
    returns={200: ChangedFile},
    problems=("precondition_failed", "file_processing", "file_changing", "original_missing", "upload_expired"),
    headers=("If-Match", "If-None-Match", "ETag"),
)
def patch_file(call: Call, body: PatchFile, file_id: str) -> Response:
    """Change a file's name, tags, metadata, visibility, focal point or retention, or the second that a poster shows.

    Fields that are left out stay as they are. `metadata` is merged (RFC 7396); the other fields are replaced, and null
    empties them. Another visibility moves the renditions to other addresses. Another focal point makes the renditions
    that are cropped to it again, and another poster all of a film's. Costs one DynamoDB read and write; another
    visibility also costs a copy of each rendition.
    """
    if not body.model_fields_set:
        raise Problem("invalid_field", "The body must have at least one field to change.", field="body")
    file = until_written(call, file_id, lambda file: _patch(file, body))
    settle(file)
    return record(call, file)


def _patch(file: File, body: PatchFile) -> File | None:
    """The changed record; None if it has changed since it was read."""
    values = _changed(file, body)
    if not values:
        return file
    _refuse_for_now(file, values)
    if body.poster:
        _check_poster(file, body.poster.time)
    again = file.status is Status.READY and _is_made_otherwise(file, body, values)
    if again:
        require_original(file)  # before anything is copied
    target = None
    if "visibility" in values and (served := places.served_prefix(file)):
        moved = _moved(file, Visibility(values["visibility"]))
        if moved is None:
            return None
        target = places.served_prefix(moved)
        values |= {"source_version": moved.source_version, "generation": moved.generation}
        values["leftovers"] = [*file.leftovers, served]
    written = edits.reprocess(file, file.recipe, values) if again else edits.change(file, values)
    if written is None:
        if target:
            _remove_copies(file, target)
        return None
    append(file_id=file.id)
    logger.info("file changed", extra={"fields": sorted(body.model_fields_set)})
    return written


def _refuse_for_now(file: File, values: dict[str, Any]) -> None:
    if file.status is Status.EXPIRED:
        raise Problem("upload_expired", "The time for this upload is over; create the file again.")
    if file.status is Status.PROCESSING:
        if edits.kept_otherwise(file, values):
            raise still_processing("The retention of a file can't change while the file is processed.")
        for name in ("visibility", "focus", "poster"):
            if name in values:
                raise still_processing(f"`{name}`: can't change while the file is processed.", name)


def _changed(file: File, body: PatchFile) -> dict[str, Any]:
    """The fields that get another value than the record has, as JSON; None where a field becomes empty."""
    wanted = body.model_dump(mode="json", include=body.model_fields_set)
    if "tags" in wanted:
        wanted["tags"] = wanted["tags"] or []
    if "metadata" in wanted:
        wanted["metadata"] = {} if body.metadata is None else merged_metadata(file.metadata, body.metadata)
    present = file.model_dump(mode="json", include=set(wanted))
    return {name: value for name, value in wanted.items() if value != present[name]}


def _check_poster(file: File, time: float) -> None:
    if file.kind is not Kind.VIDEO or file.video is None:
        of = f"of the kind `{file.kind}`" if file.kind else "not processed yet"
        raise Problem("invalid_field", f"`poster`: only a film has one, and this file is {of}.", field="poster")
    if file.video.duration is not None and time > file.video.duration:
        length = f"the film has {file.video.duration} seconds"
        raise Problem("invalid_field", f"`poster.time`: must be within the film: {length}.", field="poster.time")
    if not settings().has_media:
        raise Problem(
            "invalid_field", "`poster`: no poster can be made here, because FFmpeg is turned off.", field="poster"
        )


def _is_made_otherwise(file: File, body: PatchFile, values: dict[str, Any]) -> bool:
    """True if processing the changed file would make other renditions than those that are served."""
    if "poster" in values:
        return file.kind is Kind.VIDEO and settings().has_media  # without FFmpeg a film would lose what it has
    if "focus" not in values or not places.has_renditions(file):
        return False
    focused = file.model_copy(update={"focus": body.focus})
    return places.recipe_of(file).fingerprint != places.recipe_of(focused).fingerprint


def _moved(file: File, visibility: Visibility) -> File | None:
    """The file at another visibility, its renditions copied to their new addresses; None if they are not there.

    The parts of a stream are made anew when they are asked for, all from its plan. So only that is copied.
    """
    generation = file.generation + 1
    version = source_version(
        file.version_id or "", file.made_with or "", generation, places.processor_version(file) or 1
    )
    old = rendition_prefix(file.visibility, file.id, str(file.source_version))
    new = rendition_prefix(visibility, file.id, version)
    if not derived.copy({old + name: new + name for name in _names(file, old)}):
        return None
    return file.model_copy(update={"visibility": visibility, "source_version": version, "generation": generation})


def _names(file: File, prefix: str) -> list[str]:
    """The names of the objects that move with a file: all that nobody can make on demand, and what is dear to make.

    A film has playlists, captions, clips and sounds there. Its segments are thousands, and are made again.
    """
    names = {rendition.basename for rendition in file.all_renditions}
    if places.has_stream(file):
        folder = prefix + FOLDER
        names |= {captions.MASTER, *(FOLDER + name for name in derived.names_in(folder, without="-"))}
    if captions.are_delivered(file):
        names |= {name for each in file.captions for name in (each.name, captions.playlist_of(each.name))}
    if (film := places.converted(file)) is not None:
        names.add(film)
    return sorted(names)


def _remove_copies(file: File, target: str) -> None:
    """Removes the copies of a move that another change overtook.

    They stay if that change made the same copies, or if the record did not get past this move and may still do so.
    """
    current = files.get(file.tenant, file.id)
    if current is None or (current.generation > file.generation and places.served_prefix(current) != target):
        derived.delete_below(target)
