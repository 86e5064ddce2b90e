"""Errors, as a sentence that says what to do, and as an exit code."""

from __future__ import annotations

import errno
import os
from typing import Any

from filemill.cli import exits
from filemill.cli.text import visible

PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
"""variables that lead requests through a proxy"""


class Stop(Exception):  # noqa: N818 - it ends the command, and is not always a fault
    """Ends the command with a sentence and an exit code."""

    def __init__(self, message: str, code: int = exits.FAILED) -> None:
        super().__init__(message)
        self.code = code


class Cancelled(BaseException):
    """Raised in a thread that is to stop. No `except Exception` takes it for a fault of the file."""


def explain(error: BaseException) -> tuple[str, int]:
    """(sentence, exit code) of an error, safe to show."""
    if isinstance(error, Stop):
        return visible(str(error)), error.code
    if isinstance(error, OSError) and not _is_of_client(error):
        return visible(_of_system(error)), exits.LOCAL
    if _is_of_client(error):
        sentence, code = _of_client(error)
        return visible(sentence), code
    if isinstance(error, ValueError):
        return visible(str(error)), exits.USAGE
    return visible(f"{type(error).__name__}: {error}"), exits.FAILED


def code_of(error: BaseException) -> str:
    """A stable word for the error: the problem's `code`, or the class in words."""
    found: Any = getattr(error, "code", None)
    if isinstance(found, str):
        return found
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__).strip("_")


def _is_of_client(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] == "filemill" and not isinstance(error, Stop)


def _of_system(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{where}the disk is full. Make room, and give the same command again."
    if error.errno == errno.EFBIG:
        return f"{where}the file would be larger than this system or your limit (ulimit -f) allows."
    return f"{where}{error.strerror or error}"


_BY_STATUS = {
    400: exits.REFUSED,
    401: exits.NOT_ALLOWED,
    403: exits.NOT_ALLOWED,
    404: exits.NOT_FOUND,
    409: exits.REFUSED,
    410: exits.NOT_FOUND,
    412: exits.REFUSED,
    413: exits.REFUSED,
    422: exits.REFUSED,
    429: exits.UNAVAILABLE,
}


def _of_client(error: BaseException) -> tuple[str, int]:
    from filemill import errors

    if isinstance(error, errors.ApiError):
        return _of_answer(error)
    if isinstance(error, errors.NetworkError):
        proxies = [name for name in PROXIES if os.environ.get(name)]
        through = f" Requests go through a proxy, because {proxies[0]} is set." if proxies else ""
        return f"{error}{through} `filemill doctor` looks for the reason.", exits.UNAVAILABLE
    if isinstance(error, (errors.SourceChanged, errors.DiskFull)):
        return f"{error}", exits.LOCAL
    if isinstance(error, errors.ConfigurationError):
        return f"{error}", exits.USAGE
    return f"{error}", exits.FAILED


def _of_answer(error: Any) -> tuple[str, int]:
    code = _BY_STATUS.get(error.status, exits.UNAVAILABLE if error.status >= 500 else exits.FAILED)
    said = (error.detail or error.title or f"The answer was {error.status}.").strip()
    advice = {
        401: "The key is not accepted. Run `filemill login` with another one.",
        413: "The file is larger than the service takes.",
    }.get(error.status, "")
    if error.code == "missing_scope":
        advice = "Use a key with this scope: `filemill login`, or `filemill keys create` with a key that may."
    if error.code == "quota_exceeded":
        advice = "`filemill usage` shows what your quotas leave."
    wait = getattr(error, "retry_after", None)
    if error.status == 429 and wait:
        advice = f"Try again in {float(wait):.0f} seconds."
    request = f" (request {error.request_id})" if error.request_id and code == exits.UNAVAILABLE else ""
    return " ".join(part for part in (said, advice) if part) + request, code
