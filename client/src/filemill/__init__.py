"""Filemill's client: upload, find, follow and download files.

```python
from filemill import Filemill

client = Filemill("https://files.example.com", "fm_…")
file = client.upload("photo.jpg", wait=True)
```

`AsyncFilemill` has the same methods for asyncio. All errors are below `FilemillError`; filemill/errors.py has the tree.
Records are in filemill/models.py. The guide is docs/python-client.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from filemill._version import __version__

if TYPE_CHECKING:
    from filemill._async_client import AsyncFilemill
    from filemill._client import Filemill
    from filemill._names import safe_filename
    from filemill._progress import Progress
    from filemill._verify import verify
    from filemill.errors import (
        ApiError,
        AuthenticationError,
        ChecksumMismatch,
        ConfigurationError,
        Conflict,
        DiskFull,
        DownloadError,
        FileFailed,
        FilemillError,
        InvalidRequest,
        InvalidSignature,
        NetworkError,
        NotFound,
        PermissionDenied,
        QuotaExceeded,
        RateLimited,
        ServerError,
        SourceChanged,
        TooLarge,
        UploadError,
        WaitTimeout,
    )
    from filemill.models import Event, File, Page

__all__ = [
    "ApiError",
    "AsyncFilemill",
    "AuthenticationError",
    "ChecksumMismatch",
    "ConfigurationError",
    "Conflict",
    "DiskFull",
    "DownloadError",
    "Event",
    "File",
    "FileFailed",
    "Filemill",
    "FilemillError",
    "InvalidRequest",
    "InvalidSignature",
    "NetworkError",
    "NotFound",
    "Page",
    "PermissionDenied",
    "Progress",
    "QuotaExceeded",
    "RateLimited",
    "ServerError",
    "SourceChanged",
    "TooLarge",
    "UploadError",
    "WaitTimeout",
    "__version__",
    "safe_filename",
    "verify",
]

# The module of each name. It is imported when it is first used: the command's help must not wait for httpx.
_HOMES = {
    "_async_client": ("AsyncFilemill",),
    "_client": ("Filemill",),
    "_names": ("safe_filename",),
    "_progress": ("Progress",),
    "_verify": ("verify",),
    "errors": (
        "ApiError",
        "AuthenticationError",
        "ChecksumMismatch",
        "ConfigurationError",
        "Conflict",
        "DiskFull",
        "DownloadError",
        "FileFailed",
        "FilemillError",
        "InvalidRequest",
        "InvalidSignature",
        "NetworkError",
        "NotFound",
        "PermissionDenied",
        "QuotaExceeded",
        "RateLimited",
        "ServerError",
        "SourceChanged",
        "TooLarge",
        "UploadError",
        "WaitTimeout",
    ),
    "models": ("Event", "File", "Page"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            found = getattr(import_module(f"filemill.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module 'filemill' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
