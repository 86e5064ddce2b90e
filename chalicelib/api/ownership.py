"""The caller's own: how every route finds the file or the webhook that its address names."""

from __future__ import annotations

from chalicelib.api.errors import Problem
from chalicelib.api.routing import Call
from chalicelib.catalog import files, webhooks
from chalicelib.catalog.webhooks import Webhook
from chalicelib.model import FILE_ID_PATTERN, File
from chalicelib.observability import append


def own_file(call: Call, file_id: str) -> File:
    """The caller's file. Raises Problem `not_found` where `find_own_file` finds none."""
    file = find_own_file(call, file_id)
    if file is None:
        raise not_found()
    return file


def find_own_file(call: Call, file_id: str) -> File | None:
    """The caller's file, which is not deleted; one GetItem.

    None for an id that nobody has and for another tenant's file. For the bearer of an upload token also for every
    file that was not created with this token.
    """
    file = files.get(call.tenant, file_id) if FILE_ID_PATTERN.fullmatch(file_id) else None
    if file is None or (call.caller.token and file.token_id != call.caller.token.id):
        return None
    append(file_id=file.id)
    return file


def not_found() -> Problem:
    """The answer for any file that the caller does not have, whatever the reason, so that nothing can be guessed."""
    return Problem("not_found", "There is no file with this id.")


def own_webhook(call: Call, webhook_id: str) -> Webhook:
    """The caller's webhook; one GetItem. Raises Problem `not_found` for an id that nobody has, or another tenant."""
    webhook = webhooks.get(call.tenant, webhook_id)
    if webhook is None:
        raise no_webhook()
    append(webhook_id=webhook.id)
    return webhook


def no_webhook() -> Problem:
    """The answer for any webhook that the caller does not have, whatever the reason."""
    return Problem("not_found", "There is no webhook with this id.")
