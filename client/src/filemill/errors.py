"""All errors that the client raises. Catch `FilemillError` to catch each of them.

```
FilemillError
├── ApiError                     Filemill answered, and refused: status, code, title, detail, field, request_id
│   ├── InvalidRequest           400, 422 and other refusals of what was sent
│   ├── AuthenticationError      401
│   ├── PermissionDenied         403
│   ├── NotFound                 404, 410
│   ├── Conflict                 409, 412
│   ├── TooLarge                 413
│   ├── RateLimited              429: retry_after
│   │   └── QuotaExceeded        429 or 403 `quota_exceeded`: quota, limit, used, resets_at
│   └── ServerError              5xx
├── NetworkError                 no answer: no network, no such host, a connection that broke, silence
├── WaitTimeout                  a file was not finished in the time that you gave it
├── FileFailed                   processing refused a file: file
├── UploadError                  the bytes could not be uploaded
│   └── SourceChanged            the file grew, shrank, changed or vanished while it was read
├── DownloadError                the bytes could not be downloaded
│   ├── DiskFull                 the disk has too little room
│   └── ChecksumMismatch         other bytes came than the record says
├── InvalidSignature             a webhook is not signed with your secret, or too old
└── ConfigurationError           url or key are missing or unusable
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filemill.models import File


class FilemillError(Exception):
    """Base of all errors of this package. `str(error)` is a sentence for a person.

    >>> try:
    ...     client.files.get("file_00000000000000000000000000")
    ... except FilemillError as error:
    ...     print(error)
    There is no such file. (404 not_found, request req-1)
    """


class ConfigurationError(FilemillError):
    """The address or the key is missing or unusable. Nothing was sent.

    >>> Filemill("ftp://files.example.com", "fm_key")
    Traceback (most recent call last):
    filemill.errors.ConfigurationError: The url must begin with https:// or http://, as in https://files.example.com
    """


class ApiError(FilemillError):
    """Filemill answered with an error. Branch on `code`, which never changes its meaning.

    status: the HTTP status. code: as in docs/api.md#problems; `http_404` and the like if the answer was no problem
    document. title, detail: for people. field: the wrong field, or None. request_id: finds the request in the logs,
    or None. headers, body: the answer, for what this class does not know.

    >>> try:
    ...     client.files.list(limit=9999)
    ... except ApiError as error:
    ...     print(error.status, error.code, error.field)
    422 invalid_field limit
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str = "",
        detail: str = "",
        field: str | None = None,
        request_id: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> None:
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.field = field
        self.request_id = request_id
        self.headers = dict(headers or {})
        self.body = dict(body or {})
        where = f", request {request_id}" if request_id else ""
        super().__init__(f"{detail or title or 'The request was refused.'} ({status} {code}{where}){note}")


class InvalidRequest(ApiError):
    """The request has a mistake: a field, a parameter or a cursor. Sending it again does not help.

    >>> try:
    ...     client.files.update(file.id, tags=["x" * 65])
    ... except InvalidRequest as error:
    ...     print(error.field)
    tags
    """


class AuthenticationError(ApiError):
    """The key or token is missing, unknown, revoked or over.

    >>> try:
    ...     Filemill("https://files.example.com", "fm_wrong", transport=transport).me()
    ... except AuthenticationError as error:
    ...     print(error.code)
    unauthenticated
    """


class PermissionDenied(ApiError):
    """The key or token may not do this; `code` says why: `missing_scope`, `network_not_allowed`, ….

    >>> error = PermissionDenied(403, "missing_scope", detail="This needs the scope files:write.")
    >>> print(error)
    This needs the scope files:write. (403 missing_scope)
    """


class NotFound(ApiError):
    """Nothing of yours has this id, or its time is over.

    >>> try:
    ...     client.webhooks.get("wh_00000000000000000000000000")
    ... except NotFound as error:
    ...     print(error.code)
    not_found
    """


class Conflict(ApiError):
    """The file is in a state in which this can't be done, or has changed since you read it (412).

    >>> client.files.update(file.id, tags=["new"])
    File(id='file_00000000000000000000000001', status='ready', filename='photo.jpg')
    >>> try:
    ...     client.files.update(file.id, if_match=file, tags=["mine"])
    ... except Conflict as error:
    ...     print(error.code)
    precondition_failed
    """


class TooLarge(ApiError):
    """The request's body is too large (413).

    >>> print(TooLarge(413, "payload_too_large", detail="The body has more than 10 MB."))
    The body has more than 10 MB. (413 payload_too_large)
    """


class RateLimited(ApiError):
    """Too many requests. The client waits and tries again by itself; this is raised when it gave up.

    retry_after: seconds until another try makes sense, or None.

    >>> error = RateLimited(429, "too_many_requests", detail="Too many requests.", retry_after=7.0)
    >>> error.retry_after
    7.0
    """

    def __init__(self, *args: Any, retry_after: float | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.retry_after = retry_after


class QuotaExceeded(RateLimited):
    """A quota of your tenant is used up.

    quota: its name, such as `stored_bytes`. limit, used: numbers. resets_at: RFC 3339, or None if waiting does not
    help.

    >>> body = {"quota": "files", "limit": 100, "used": 100, "resets_at": None}
    >>> error = QuotaExceeded(403, "quota_exceeded", detail="You may have 100 files.", body=body)
    >>> error.quota, error.limit, error.resets_at
    ('files', 100, None)
    """

    @property
    def quota(self) -> str | None:
        """Name of the quota, such as `stored_bytes`."""
        return self.body.get("quota")

    @property
    def limit(self) -> int | None:
        """How much you may have."""
        return self.body.get("limit")

    @property
    def used(self) -> int | None:
        """How much you have."""
        return self.body.get("used")

    @property
    def resets_at(self) -> str | None:
        """When the quota begins anew (RFC 3339), or None."""
        return self.body.get("resets_at")


class ServerError(ApiError):
    """Something went wrong at Filemill (5xx), also when the client tried again.

    >>> print(ServerError(503, "unavailable", detail="Try again.", request_id="req-9"))
    Try again. (503 unavailable, request req-9)
    """


class NetworkError(FilemillError):
    """There was no answer. The sentence names the host.

    host: the host that was asked. sent: False if the request surely did not reach it, so that it was not carried out.

    >>> print(NetworkError("files.example.com", "the name could not be looked up"))
    files.example.com could not be reached: the name could not be looked up.
    """

    def __init__(self, host: str, reason: str, *, sent: bool = True) -> None:
        self.host = host
        self.reason = reason
        self.sent = sent
        super().__init__(f"{host} could not be reached: {reason.rstrip('.')}.")


class WaitTimeout(FilemillError, TimeoutError):
    """A file was not finished in time. It goes on; wait again, or look later.

    file: the record as it was last seen.

    >>> try:
    ...     client.files.wait(slow_file, timeout=0)
    ... except WaitTimeout as error:
    ...     print(error.file.status)
    processing
    """

    def __init__(self, message: str, file: File) -> None:
        self.file = file
        super().__init__(message)


class FileFailed(FilemillError):
    """Processing refused a file, or its bytes never came.

    file: the record; file.error has code and message.

    >>> try:
    ...     client.files.wait(broken_file)
    ... except FileFailed as error:
    ...     print(error.file.error.code)
    damaged
    """

    def __init__(self, file: File) -> None:
        self.file = file
        error = file.error
        why = f"{error.message} ({error.code})" if error else "its bytes did not come in time"
        super().__init__(f"The file {file.id} is {file.status}: {why}")


class UploadError(FilemillError):
    """The bytes could not be uploaded.

    file_id: id of the file that was created for them, or None.

    >>> try:
    ...     client.upload("no-such-file.jpg")
    ... except UploadError as error:
    ...     print(error)
    no-such-file.jpg does not exist.
    """

    def __init__(self, message: str, file_id: str | None = None) -> None:
        self.file_id = file_id
        super().__init__(message)


class SourceChanged(UploadError):
    """The file grew, shrank, changed or vanished while it was read. The upload was cancelled; start it again.

    >>> print(SourceChanged("log.txt grew while it was read.", "file_1"))
    log.txt grew while it was read.
    """


class DownloadError(FilemillError):
    """The bytes could not be downloaded or written. The target is as it was before.

    >>> try:
    ...     client.files.download(file.id, rendition="w9999")
    ... except DownloadError as error:
    ...     print(error)
    photo.jpg has no rendition `w9999`. It has: w640.webp.
    """


class DiskFull(DownloadError):
    """There is too little room for the file. What was written is removed.

    >>> print(DiskFull("There is no room for photo.jpg (5 bytes) in /media/stick."))
    There is no room for photo.jpg (5 bytes) in /media/stick.
    """


class ChecksumMismatch(DownloadError):
    """Other bytes came than the record says, also at the second try. They were not kept.

    >>> print(ChecksumMismatch("The bytes of photo.jpg are not those of the record."))
    The bytes of photo.jpg are not those of the record.
    """


class InvalidSignature(FilemillError):
    """A webhook is not signed with your secret, or its time is too far from now. Answer it with 400.

    >>> try:
    ...     verify({}, b"{}", "whsec_c2VjcmV0")
    ... except InvalidSignature as error:
    ...     print(error)
    The header webhook-id is missing: this request is no webhook of Filemill, or a proxy took its headers away.
    """


_BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    413: TooLarge,
    429: RateLimited,
}


def error_class(status: int, code: str) -> type[ApiError]:
    """The class of an answer's error."""
    if code == "quota_exceeded":
        return QuotaExceeded
    return _BY_STATUS.get(status) or (ServerError if status >= 500 else InvalidRequest)
