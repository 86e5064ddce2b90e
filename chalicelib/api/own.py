"""The caller's own file: how every route finds the file that its address names."""

from __future__ import annotations

from chalicelib.api.errors import Problem
from chalicelib.api.routing import Call
from chalicelib.catalog import files
from chalicelib.model import FILE_ID_PATTERN, File
from chalicelib.observability import append


def own_file(call: Call, file_id: str) -> File:
    """The caller's file. Raises Problem `not_found` for another tenant's and, for a token, for any but its own."""
    file = files.get(call.tenant, file_id) if FILE_ID_PATTERN.fullmatch(file_id) else None
    if file is None or (call.caller.token and file.token_id != call.caller.token.id):
        raise Problem("not_found", "There is no file of this id.")
    append(file_id=file.id)
    return file
