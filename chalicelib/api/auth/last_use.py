"""Notes when keys were last used, to the hour."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.api.auth.callers import Caller
from chalicelib.catalog import tenant_keys
from chalicelib.model import now
from chalicelib.observability import logger

# Keys whose hour is remembered. When there are more, all are forgotten.
REMEMBER_KEYS = 1000

_noted: dict[str, str] = {}


def note(caller: Caller) -> None:
    """Notes that the caller's key was used now: one UpdateItem for each key, hour and process, at most.

    An error is logged, and fails no request.
    """
    if caller.key is None:
        return
    hour = tenant_keys.hour_of(now())
    known = max(caller.key.used_at or "", _noted.get(caller.key.id, ""))
    if known >= hour:
        return
    if len(_noted) >= REMEMBER_KEYS:
        _noted.clear()
    _noted[caller.key.id] = hour
    try:
        tenant_keys.note_use(caller.key, hour)
    except (ClientError, BotoCoreError) as error:
        logger.warning("the last use of a key cannot be noted", extra={"error": type(error).__name__})
