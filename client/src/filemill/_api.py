"""Requests of the API: how they are made, when they are sent again, and which error an answer is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from filemill._effects import Answer, Flow, Request, Send, Sleep
from filemill.errors import ApiError, NetworkError, RateLimited, error_class

# A server that asks for a longer pause than this is not waited for: the error has `retry_after`.
LONGEST_PAUSE = 65.0  # seconds; a quota of requests begins anew every minute
_FIRST_PAUSE = 0.5
_MOST_BACKOFF = 20.0
# Answers that say that nothing was done.
_REFUSED_FOR_NOW = (429, 503)
# Answers after which nobody knows if something was done.
_UNKNOWN = (500, 502, 504)
_CLOCK_TOLERANCE = 300.0  # seconds
_LONGEST_ASKED = 366 * 86_400.0  # seconds; a server that asks for a longer pause makes no sense

Params = Mapping[str, Any]


class Api:
    """One front door, and a credential for it. No IO."""

    def __init__(self, url: str, key: str | Callable[[], str] | None, timeout: float, retries: int) -> None:
        self.url = url.rstrip("/")
        self._key = key
        self.timeout = timeout
        self.retries = retries

    @property
    def key(self) -> str | None:
        """The credential for the next request."""
        return self._key() if callable(self._key) else self._key

    def credential(self) -> dict[str, str]:
        """The header with the credential; none without one."""
        key = self.key
        return {"Authorization": f"Bearer {key}"} if key else {}

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        timeout: float | None = None,
    ) -> Flow[Answer]:
        """Sends a request, and sends it again where that is safe and may help.

        A POST may be sent twice only if `repeatable`. Raises ApiError and NetworkError.
        """
        sent = {**(headers or {}), **self.credential()}
        request = Request(method, self.url + path, sent, _listed(params), json=body, timeout=timeout)
        repeatable = method != "POST" if repeatable is None else repeatable
        answer = yield from self.repeated(request, repeatable)
        return answer

    def json(self, method: str, path: str, **more: Any) -> Flow[Document]:
        """As `call`, and gives the answer's JSON object."""
        answer = yield from self.call(method, path, **more)
        return document(answer)

    def repeated(self, request: Request, repeatable: bool) -> Flow[Answer]:
        """Sends any request with retries. Gives an answer below 300, or 304, or raises."""
        lost = False  # an earlier try may have been carried out
        for attempt in range(self.retries + 1):
            last = attempt == self.retries
            try:
                answer: Answer = yield Send(request)
            except NetworkError as error:
                if last or (error.sent and not repeatable):
                    raise
                lost = lost or error.sent
                yield Sleep(backoff(attempt))
                continue
            if answer.status < 300 or answer.status == 304:
                return answer
            if answer.status < 400:
                raise _redirected(answer)
            if lost and request.method == "DELETE" and answer.status == 404:
                return Answer(204, answer.headers, b"")  # the lost try deleted it
            error_of_answer = problem(answer)
            again = answer.status in _REFUSED_FOR_NOW or (repeatable and answer.status in _UNKNOWN)
            pause = _pause(answer, attempt)
            if last or not again or pause > LONGEST_PAUSE:
                raise error_of_answer
            lost = lost or answer.status in _UNKNOWN
            yield Sleep(pause)
        raise AssertionError("unreachable")


class Document(dict[str, Any]):
    """The JSON object of an answer. To ask for a field that it lacks raises ApiError, and not KeyError."""

    def __init__(self, fields: Mapping[str, Any], answer: Answer) -> None:
        super().__init__(fields)
        self._answer = answer

    def __missing__(self, name: str) -> Any:
        raise _not_filemill(self._answer, f"has no `{name}`")

    def objects(self, name: str) -> list[dict[str, Any]]:
        """A field that is a list of JSON objects. Raises ApiError for another one."""
        found = self[name]
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise _not_filemill(self._answer, f"has a wrong `{name}`")
        return found

    def object(self, name: str) -> Document | None:
        """A field that is a JSON object, and may be missing. Raises ApiError for another one."""
        found = self.get(name)
        if found is not None and not isinstance(found, dict):
            raise _not_filemill(self._answer, f"has a wrong `{name}`")
        return None if found is None else Document(found, self._answer)

    def text(self, name: str) -> str:
        """A field that is a text. Raises ApiError for another one."""
        found = self[name]
        if not isinstance(found, str) or not found:
            raise _not_filemill(self._answer, f"has a wrong `{name}`")
        return found


def document(answer: Answer) -> Document:
    """The answer's JSON object. Raises ApiError if it is none, or if its `items` are no list of objects."""
    found = parsed(answer)
    if not isinstance(found, dict):
        raise _not_filemill(answer, "is no JSON object")
    made = Document(found, answer)
    if "items" in made:
        made.objects("items")
    return made


def parsed(answer: Answer) -> Any:
    """The answer's JSON. Raises ApiError if it is none: something else than Filemill answered."""
    try:
        return answer.json()
    except ValueError:
        raise _not_filemill(answer, "is no JSON") from None


def _not_filemill(answer: Answer, how: str) -> ApiError:
    detail = f"The answer {how}. Is the url the front door of a Filemill stage?"
    return ApiError(answer.status, "not_filemill", detail=detail, headers=answer.headers)


def _redirected(answer: Answer) -> ApiError:
    where = answer.headers.get("location", "another address")
    detail = f"The server redirects to {where}. Use that host as url: a key is never sent to another host by itself."
    return ApiError(answer.status, "redirected", detail=detail, headers=answer.headers)


def backoff(attempt: int) -> float:
    """Seconds to wait after a failed try; random, so that many clients do not come back together."""
    most = min(_MOST_BACKOFF, _FIRST_PAUSE * 2**attempt)
    return random.uniform(most / 2, most)  # noqa: S311 - not for secrets


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, from 0 to a year. None if it asks for nothing that makes sense."""
    text = headers.get("retry-after", "")
    try:
        seconds = float(text)
        if not seconds >= 0:  # less, or no number
            return None
    except ValueError:
        try:
            seconds = max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
        except (TypeError, ValueError, OverflowError):
            return None
    return min(seconds, _LONGEST_ASKED)


def _pause(answer: Answer, attempt: int) -> float:
    asked = retry_after(answer.headers)
    if asked is None:
        return backoff(attempt)
    return asked + random.uniform(0, min(1.0, asked / 4 + 0.1))  # noqa: S311


def problem(answer: Answer) -> ApiError:
    """The error of an answer of 400 or above."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    code = str(body.get("code") or f"http_{answer.status}")
    kind = error_class(answer.status, code)
    more: dict[str, Any] = {"retry_after": retry_after(answer.headers)} if issubclass(kind, RateLimited) else {}
    return kind(
        answer.status,
        code,
        str(body.get("title") or ""),
        str(body.get("detail") or ("" if body else _excerpt(answer.content))),
        body.get("field"),
        body.get("request_id") or answer.headers.get("x-request-id"),
        headers=answer.headers,
        body=body,
        note=clock_note(answer) if answer.status in (401, 403) else "",
        **more,
    )


def _excerpt(content: bytes) -> str:
    """The beginning of an answer that is no problem document: from S3, CloudFront or a proxy."""
    text = " ".join(content[:400].decode("utf-8", "replace").split())
    return f"The server answered: {text}" if text else ""


def clock_note(answer: Answer, now: datetime | None = None) -> str:
    """A sentence if this computer's clock is not the server's, as its header Date says; else nothing.

    Signed addresses and tokens are refused for that reason, and nobody sees why.
    """
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
        off = ((now or datetime.now(timezone.utc)) - theirs).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return ""
    if abs(off) <= _CLOCK_TOLERANCE:
        return ""
    side = "ahead of" if off > 0 else "behind"
    return f" This computer's clock is {abs(off) / 60:.0f} minutes {side} the server's: set it, then try again."


def segment(text: str) -> str:
    """An id as a piece of a path. An id from elsewhere can't lead to another route."""
    if not text:
        raise ValueError("An id is empty.")
    quoted = quote(str(text), safe="")
    return quoted.replace(".", "%2E") if quoted.strip(".") == "" else quoted


def _listed(params: Params | None) -> list[tuple[str, str]]:
    """Query parameters; None is left out, lists are repeated, times are RFC 3339."""
    pairs: list[tuple[str, str]] = []
    for name, value in (params or {}).items():
        if value is None:
            continue
        several: Iterable[Any] = value if isinstance(value, list | tuple | set | frozenset) else [value]
        if name == "fields":
            several = [",".join(several)]
        pairs += [(name, wire(each)) for each in several]
    return pairs


def wire(value: Any) -> str:
    """A value as queries carry it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(timed(value))


def timed(value: Any) -> Any:
    """A datetime as RFC 3339, and anything else as it is. A time without a zone is this computer's local time."""
    if not isinstance(value, datetime):
        return value
    return value.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
