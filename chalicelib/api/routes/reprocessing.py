"""`POST /v1/files/{id}/reprocess`: the renditions are made again."""

from __future__ import annotations

from chalice import Blueprint, Response

from chalicelib.api.answers import ChangedFile
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import RecipeName
from chalicelib.api.parsing import Body
from chalicelib.api.routing import Call, route
from chalicelib.api.updates import require_original, settle, still_processing, until_written
from chalicelib.api.wire import record
from chalicelib.catalog import edits
from chalicelib.model import File, Status
from chalicelib.observability import append, logger
from chalicelib.renditions import places

routes = Blueprint(__name__)


class Reprocess(Body):
    """The body of `POST /v1/files/{id}/reprocess`. `force` makes renditions again that are up to date already."""

    recipe: RecipeName | None = None
    force: bool = False


@route(
    routes,
    "POST",
    "/v1/files/{file_id}/reprocess",
    scope=Scope.FILES_WRITE,
    own=True,
    body=Reprocess,
    returns={200: ChangedFile, 202: ChangedFile},
    problems=(
        *("precondition_failed", "file_processing", "file_changing", "not_uploaded", "original_missing"),
        "infected",
    ),
    headers=("If-Match", "If-None-Match", "ETag"),
)
def reprocess_file(call: Call, body: Reprocess, file_id: str) -> Response:
    """Make the renditions again, with the same or another recipe.

    202: the record is `processing` until the new renditions are made, and the old ones are served until then. If they
    can't be made, the file is `ready` as before, with an `error`. 200: the renditions are up to date, so nothing was
    done; `force` makes them again. While the file is processed, a repeated request changes nothing. Costs a DynamoDB
    read and write, a HEAD of the original, and a message.
    """
    file = until_written(call, file_id, lambda file: _reprocess(file, body))
    settle(file)
    return record(call, file, 202 if file.status is Status.PROCESSING else 200)


def _reprocess(file: File, body: Reprocess) -> File | None:
    recipe = body.recipe or file.wanted_recipe or file.recipe
    if file.status in (Status.AWAITING_UPLOAD, Status.EXPIRED):
        raise Problem("not_uploaded", f"There is nothing to process yet: the file is `{file.status}`.")
    if file.status is Status.PROCESSING:
        if recipe != (file.wanted_recipe or file.recipe):
            detail = "The file is being processed with another recipe; ask again when that is done."
            raise still_processing(detail, "recipe")
        return file
    done = file.status is Status.READY and file.error is None
    if done and not body.force and file.made_with == _fingerprint(file, recipe):
        return file
    require_original(file)
    written = edits.reprocess(file, recipe)
    if written:
        append(file_id=file.id)
        logger.info("file to be processed again", extra={"recipe": recipe})
    return written


def _fingerprint(file: File, recipe: str) -> str:
    return places.recipe_of(file.model_copy(update={"wanted_recipe": recipe})).fingerprint
