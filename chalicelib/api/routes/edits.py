"""`/v1/files/{id}`: changed, processed again, deleted, restored.

A change is read, checked and written on the revision that was read. Where the client does not say which revision it
means (`If-Match`), a change that another one overtook is made again on top of that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from chalice import Blueprint, Response
from pydantic import (
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from chalicelib.api import etags, uploads
from chalicelib.api.answers import FileResource
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import AnyVisibility, Filename, FocalPoint, Metadata, RecipeName, Tags
from chalicelib.api.own import own_file
from chalicelib.api.parsing import Body
from chalicelib.api.routing import Call, route
from chalicelib.api.wire import record
from chalicelib.catalog import deletion, edits, files
from chalicelib.model import (
    FILE_ID_PATTERN,
    File,
    Status,
    Visibility,
    now,
    rendition_key,
    source_version,
)
from chalicelib.observability import append, logger
from chalicelib.queues import ingest
from chalicelib.renditions import places
from chalicelib.settings import settings
from chalicelib.storage import derived, originals
from chalicelib.upkeep import removal

routes = Blueprint(__name__)


class PatchFile(Body):
    """The body of `PATCH /v1/files/{id}`: what is to change. `metadata` is merged (RFC 7396), the rest replaced."""

    filename: Filename = Field(default_factory=str)
    tags: Tags | None = None
    metadata: Metadata | None = None
    visibility: AnyVisibility = Field(default_factory=lambda: Visibility.PRIVATE)
    focus: FocalPoint | None = None


class Reprocess(Body):
    """The body of `POST /v1/files/{id}/reprocess`. `force`: also when the renditions are what the recipe makes."""

    recipe: RecipeName | None = None
    force: bool = False


_METADATA = TypeAdapter(Metadata, config=ConfigDict(defer_build=True))


def merged_metadata(present: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A record's metadata with a merge patch on it (RFC 7396): objects merge, null removes, all else replaces.

    Raises Problem `invalid_field` when the outcome is out of bounds.
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
        raise Problem("invalid_field", f"`metadata`: {message}, merged.", field="metadata") from None


# How often a change is made again on top of another one, without If-Match.
TRIES = 5


def _until_written(call: Call, file_id: str, write: Callable[[File], File | None]) -> File:
    """What `write` made of the caller's file. It gives None when the file was changed since it was read.

    Raises Problem: `not_found`, `precondition_failed`, and `unavailable` when the file changes faster than that.
    """
    for _ in range(TRIES):
        file = own_file(call, file_id)
        conditional = etags.holds(call, file) is not None
        if written := write(file):
            return written
        if conditional:
            raise etags.failed()
    raise Problem("unavailable", "This file is being changed by others; try again.", headers={"Retry-After": "1"})


def _settle(file: File) -> None:
    """What must happen besides a change, each time that it is asked for: so a repeated request heals a crashed one.

    Old addresses end before new ones are made, so that a worker has nothing of them to hand on.
    """
    removal.clear(file)
    if file.status is Status.PROCESSING and file.lease_until and file.lease_until <= now():
        ingest.send(file)


# --- PATCH


@route(
    routes,
    "PATCH",
    "/v1/files/{file_id}",
    scope=Scope.FILES_WRITE,
    body=PatchFile,
    returns={200: FileResource},
    problems=("precondition_failed", "file_processing", "original_missing", "upload_expired"),
    headers=("If-Match", "If-None-Match", "ETag"),
)
def patch_file(call: Call, body: PatchFile, file_id: str) -> Response:
    """Change what you said of a file.

    Fields that are left out stay; `metadata` is merged (RFC 7396), all others are replaced, and null empties them.
    Another visibility moves the renditions to other addresses; another focal point makes those that are cropped to it
    again. Costs one DynamoDB read and write; a move also a copy of each rendition.
    """
    if not body.model_fields_set:
        raise Problem("invalid_field", "The body must say at least one field to change.", field="body")
    file = _until_written(call, file_id, lambda file: _patch(file, body))
    _settle(file)
    return record(file)


def _patch(file: File, body: PatchFile) -> File | None:
    values = _changed(file, body)
    if not values:
        return file
    if file.status is Status.EXPIRED:
        raise Problem("upload_expired", "The time for this upload is over; create the file again.")
    if file.status is Status.PROCESSING:
        for name in ("visibility", "focus"):
            if name in values:
                raise _processing(f"`{name}`: can't change while the file is processed.", name)
    focused = file.model_copy(update={"focus": body.focus}) if "focus" in values else file
    target = None
    if "visibility" in values and (served := places.served_prefix(file)):
        moved = _moved(file, Visibility(values["visibility"]))
        if moved is None:
            return None
        target = places.served_prefix(moved)
        values |= {"source_version": moved.source_version, "generation": moved.generation}
        values["leftovers"] = [*file.leftovers, served]
    if file.status is Status.READY and places.has_renditions(file) and _is_cropped_otherwise(file, focused):
        written = _open(file, file.recipe, values)
    else:
        written = edits.change(file, values)
    if written is None:
        if target:
            _forget_copies(file, target)
        return None
    append(file_id=file.id)
    logger.info("file changed", extra={"fields": sorted(body.model_fields_set)})
    return written


def _changed(file: File, body: PatchFile) -> dict[str, Any]:
    """What is to be another value, as JSON; None for nothing."""
    wanted = body.model_dump(mode="json", include=body.model_fields_set)
    if "tags" in wanted:
        wanted["tags"] = wanted["tags"] or []
    if "metadata" in wanted:
        wanted["metadata"] = {} if body.metadata is None else merged_metadata(file.metadata, body.metadata)
    present = file.model_dump(mode="json", include=set(wanted))
    return {name: value for name, value in wanted.items() if value != present[name]}


def _is_cropped_otherwise(file: File, focused: File) -> bool:
    return places.recipe_of(file).fingerprint != places.recipe_of(focused).fingerprint


def _moved(file: File, visibility: Visibility) -> File | None:
    """The file with its renditions copied to where they are found at that visibility; None when they aren't there."""
    generation = file.generation + 1
    version = source_version(file.version_id or "", file.made_with or "", generation)
    copies = {
        rendition_key(file.visibility, file.id, str(file.source_version), r): rendition_key(
            visibility, file.id, version, r
        )
        for r in file.renditions
    }
    if not derived.copy(copies):
        return None
    return file.model_copy(update={"visibility": visibility, "source_version": version, "generation": generation})


def _forget_copies(file: File, target: str) -> None:
    """Another change was first: the copies go, unless they are what that one made, or may still become so."""
    current = files.get(file.tenant, file.id)
    if current is None or (current.generation > file.generation and places.served_prefix(current) != target):
        derived.delete_below(target)


def _processing(detail: str, name: str | None = None) -> Problem:
    return Problem("file_processing", detail, field=name, headers={"Retry-After": "2"})


# --- reprocess


@route(
    routes,
    "POST",
    "/v1/files/{file_id}/reprocess",
    scope=Scope.FILES_WRITE,
    body=Reprocess,
    returns={200: FileResource, 202: FileResource},
    problems=("precondition_failed", "file_processing", "not_uploaded", "original_missing"),
    headers=("If-Match", "If-None-Match", "ETag"),
)
def reprocess_file(call: Call, body: Reprocess, file_id: str) -> Response:
    """Make the renditions again, by this or another recipe.

    202, and the record is `processing` until they are made; what there was before is served until then. When it can't
    be done the file is `ready` as before, with an `error`. 200 where there is nothing to do, unless you `force` it.
    Sent again while it is processed, it is the same request. Costs a DynamoDB read and write, a look at the original,
    and a message.
    """
    file = _until_written(call, file_id, lambda file: _reprocess(file, body))
    _settle(file)
    return record(file, 202 if file.status is Status.PROCESSING else 200)


def _reprocess(file: File, body: Reprocess) -> File | None:
    recipe = body.recipe or file.wanted_recipe or file.recipe
    if file.status in (Status.AWAITING_UPLOAD, Status.EXPIRED):
        raise Problem("not_uploaded", f"There is nothing to process yet: the file is `{file.status}`.")
    if file.status is Status.PROCESSING:
        if recipe != (file.wanted_recipe or file.recipe):
            raise _processing("The file is being processed by another recipe; ask again when that is done.", "recipe")
        return file
    done = file.status is Status.READY and file.error is None
    if done and not body.force and file.made_with == _fingerprint(file, recipe):
        return file
    written = _open(file, recipe)
    if written:
        append(file_id=file.id)
        logger.info("file to be processed again", extra={"recipe": recipe})
    return written


def _fingerprint(file: File, recipe: str) -> str:
    return places.recipe_of(file.model_copy(update={"wanted_recipe": recipe})).fingerprint


def _open(file: File, recipe: str, values: dict[str, Any] | None = None) -> File | None:
    """Has the file processed again, with `values` changed at once. Raises Problem `original_missing`."""
    if file.version_id is None or not originals.exists(file):
        raise Problem("original_missing", "The original is not stored, so it can't be processed again.")
    return edits.reprocess(file, recipe, values)


# --- DELETE and restore


@route(
    routes,
    "DELETE",
    "/v1/files/{file_id}",
    scope=Scope.FILES_WRITE,
    tokens=True,
    returns={204: None},
    problems=("already_uploaded", "invalid_field", "not_multipart", "precondition_failed", "upload_expired"),
    headers=("If-Match", "If-None-Match"),
)
def delete_file(call: Call, file_id: str) -> Response:
    """Delete a file: the record, the original with all its versions, the renditions, and copies of them at the edges.

    Where the stage has a delete window, the original stays until that is over, and the file can be restored. An upload
    that waits is aborted. The record goes first, so a crash leaves objects that nobody can find; repeating the request
    removes them.
    """
    if call.caller.token:
        # A browser may give up an upload of its own, and delete nothing that was uploaded.
        uploads.abort(own_file(call, file_id))
    elif settings().delete_window:
        _delete_for_now(call, file_id)
    else:
        _delete_for_good(call, file_id)
    return Response("", status_code=204)


def _delete_for_good(call: Call, file_id: str) -> None:
    revision = None
    if etags.is_conditional(call):
        file = own_file(call, file_id)
        revision = etags.holds(call, file)
    deleted = None
    if FILE_ID_PATTERN.fullmatch(file_id):
        deleted = deletion.mark_deleted(call.tenant, file_id, revision=revision)
    if deleted is None:
        raise etags.failed() if revision is not None else _not_found()
    _purge(deleted)


def _purge(file: File) -> None:
    append(file_id=file.id)
    removal.purge(file)
    logger.info("file deleted")


def _delete_for_now(call: Call, file_id: str) -> None:
    try:
        deleted = _until_written(call, file_id, _retire)
    except Problem as problem:
        if problem.code != "not_found" or not FILE_ID_PATTERN.fullmatch(file_id):
            raise
        _end_deleting(call, file_id)
        return
    if deleted.restore_until:
        removal.clear(deleted)
        logger.info("file deleted", extra={"restore_until": str(deleted.restore_until)})


def _retire(file: File) -> File | None:
    if file.status in (Status.AWAITING_UPLOAD, Status.EXPIRED):
        deleted = deletion.mark_deleted(file.tenant, file.id, revision=file.revision)
        if deleted:
            _purge(deleted)
        return deleted
    leftovers = [*file.leftovers, places.served_prefix(file)]
    if file.status is Status.PROCESSING:
        leftovers.append(places.made_prefix(file))
    until = now() + timedelta(seconds=settings().delete_window)
    return deletion.retire(file, until=until, leftovers=[prefix for prefix in leftovers if prefix])


def _end_deleting(call: Call, file_id: str) -> None:
    """What a crashed delete began, and what is left when the window is over. Raises Problem `not_found`."""
    file = deletion.tombstone(call.tenant, file_id)
    if file and file.restore_until and file.restore_until > now():
        if not file.leftovers:
            raise _not_found()
        removal.clear(file)
    else:
        deleted = deletion.mark_deleted(call.tenant, file_id, revision=file.revision) if file else None
        if deleted is None:
            raise _not_found()
        _purge(deleted)


def _not_found() -> Problem:
    return Problem("not_found", "There is no file of this id.")


@route(
    routes,
    "POST",
    "/v1/files/{file_id}/restore",
    scope=Scope.FILES_WRITE,
    returns={200: FileResource, 202: FileResource},
    problems=("not_deleted",),
    headers=("ETag",),
)
def restore_file(call: Call, file_id: str) -> Response:
    """Take back a delete, within the stage's delete window.

    202 when the renditions are made again, under other addresses than before; 200 where there were none. Costs a
    DynamoDB read and write, and a message.
    """
    file = deletion.tombstone(call.tenant, file_id) if FILE_ID_PATTERN.fullmatch(file_id) else None
    if file is None or file.restore_until is None:
        own_file(call, file_id)
        raise Problem("not_deleted", "This file is not deleted.")
    restored = deletion.restore(file)
    if restored is None:
        own_file(call, file_id)  # its time is over, unless somebody else restored it just now
        raise Problem("not_deleted", "This file is not deleted.")
    append(file_id=file.id)
    logger.info("file restored")
    _settle(restored)
    return record(restored, 202 if restored.status is Status.PROCESSING else 200)
