"""The URL of a webhook that a client names: it is looked up before it is taken, so that a mistake shows at once.

The worker checks it again at each try, because a name may lead elsewhere later.
"""

from __future__ import annotations

from chalicelib.api.errors import Problem
from chalicelib.settings import settings

# Seconds that a look-up may take. A request has 29.
LOOK_UP = 5.0


def check(url: str) -> None:
    """Raises Problem `url_refused` for a URL that events may not be sent to, or that can't be looked up just now."""
    from chalicelib.outbound import addresses, errors, lookup, receivers  # few requests need them

    allowed = addresses.networks(settings().webhook_networks)
    try:
        receivers.check_receiver(url, allowed, receivers.within(LOOK_UP, lookup.look_up))
    except errors.RefusedError as refused:
        raise _refused(str(refused)) from None
    except errors.UnreachableError as unreachable:
        raise _refused(f"{unreachable} Check its name, or try again later.") from None


def _refused(why: str) -> Problem:
    return Problem("url_refused", f"`url`: {why}", field="url")
