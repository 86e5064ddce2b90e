"""Which stage, and which credential: as given, else from the environment, else as `filemill login` kept them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from filemill import _folders, _json
from filemill.errors import ConfigurationError

_MOST_BYTES = 64 * 1024


def login_file() -> Path:
    """The file in which `filemill login` keeps `{"url": …, "key": …}`."""
    return _folders.config_folder() / "login.json"


def read_login(path: Path | None = None) -> tuple[str | None, str | None]:
    """The url and the key of the command's login; None for each that is not there. Raises ConfigurationError."""
    try:
        path = path or login_file()
        with path.open("rb") as file:
            found = _json.parse(file.read(_MOST_BYTES))
        return found.get("url"), found.get("key")
    except (FileNotFoundError, NotADirectoryError, RuntimeError):
        return None, None
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}.") from error
    except (ValueError, AttributeError):
        raise ConfigurationError(f"{path} is damaged: delete it, and run `filemill login` again.") from None


def chosen(url: str | None, key: str | Callable[[], str] | None) -> tuple[str, str | Callable[[], str] | None]:
    """The url and the credential to use. Raises ConfigurationError.

    The key of the login is sent to the login's url only, and not to another one that was given.
    """
    url = url or os.environ.get("FILEMILL_URL") or None
    key = key or os.environ.get("FILEMILL_KEY") or None
    if url is None or key is None:
        kept_url, kept_key = read_login()
        if url is None:
            url = kept_url
        if key is None and kept_url is not None and url is not None and _same(url, kept_url):
            key = kept_key
    if not url:
        raise ConfigurationError("No url: give it, set FILEMILL_URL, or run `filemill login`.")
    if isinstance(key, str) and (not key.isascii() or not key.isprintable() or " " in key):
        raise ConfigurationError("The key has characters that no key has; was it copied with something around it?")
    return checked(url), key


def checked(url: str) -> str:
    """The url without a slash at its end. Raises ConfigurationError if it is none of a front door."""
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError("The url must begin with https:// or http://, as in https://files.example.com")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError("The url must have no user name, no `?` and no `#`.")
    return url.strip().rstrip("/")


def _same(one: str, other: str) -> bool:
    return one.strip().rstrip("/").lower() == other.strip().rstrip("/").lower()
