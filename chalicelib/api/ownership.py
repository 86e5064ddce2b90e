"""The caller's own: how every route finds the file or the webhook that its address names."""

from __future__ import annotations

from chalicelib.api.auth.callers import Caller
from chalicelib.api.errors import Problem
from chalicelib.api.routing import Call
from chalicelib.catalog import files, owners, webhooks
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

    None for an id that nobody has, and for a file that the caller may not see (`may_use`).
    """
    file = files.get(call.tenant, file_id) if FILE_ID_PATTERN.fullmatch(file_id) else None
    if file is None or not may_use(call.caller, file):
        return None
    append(file_id=file.id)
    return file


def may_use(caller: Caller, file: File) -> bool:
    """True if the file is one of those that the caller may see.

    These are all of its tenant; for the bearer of an upload token only those that were created with it, and for a
    caller with `files:own` only those that it owns. A file has the same owner from its creation to its end.
    """
    if file.tenant != caller.tenant or (caller.token and file.token_id != caller.token.id):
        return False
    owner = caller.only_own
    if owner is None or file.owner == owner:
        return True
    # The record of a deleted file has forgotten the owner's name.
    return file.owner is None and file.owner_mark == owners.mark(caller.tenant, owner)


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
