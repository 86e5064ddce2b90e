"""Saved logins: one file in the configuration folder of the platform, which only its owner may read.

`{"url": "https://…", "key": "fm_…", "current": "default", "profiles": {"default": {"url": …, "key": …}}}`

`url` and `key` are those of the profile that is used: the Python client looks for them there.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filemill._json import parse
from filemill.cli.exits import LOCAL, USAGE
from filemill.cli.failures import Stop

DEFAULT = "default"

_MOST_BYTES = 1024**2
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Login:
    """An address and the credential for it."""

    url: str
    """origin of the front door, without a slash at the end"""
    key: str
    tenant: str | None = None
    secret: str | None = None
    """signs what `webhooks listen` forwards"""


def file() -> Path:
    """The file of the logins, which the client reads, too."""
    from filemill._settings import login_file

    return login_file()


def names() -> list[str]:
    """The names of the saved logins; none if the file is missing or damaged."""
    try:
        return list(_read()["profiles"])
    except Stop:
        return []


def current(name: str | None) -> Login | None:
    """The login in force: a named profile, else FILEMILL_URL and FILEMILL_KEY, else the profile that was saved last.

    FILEMILL_URL alone goes with the saved key only if it is the address that the key was saved for, so that no key is
    sent to another service. FILEMILL_KEY alone goes with the saved address. The secret of `webhooks listen` is that of
    the address, whichever login is in force.
    """
    saved = _read()
    found = _login(saved["profiles"].get(name or saved["current"]))
    url, key = os.environ.get("FILEMILL_URL"), os.environ.get("FILEMILL_KEY")
    if name or not (url or key):
        return found
    if url and key:
        kept = _login(saved["profiles"].get(_profile_of(saved, None, origin(url))))
        return Login(origin(url), key, secret=kept.secret if kept else None)
    if found is None or (url and origin(url) != found.url):
        return None
    return Login(found.url, key or found.key, None if key else found.tenant, found.secret)


def save(name: str, login: Login) -> None:
    """Saves a login under a name, and makes it the one that is used."""
    if not _NAME.fullmatch(name):
        raise Stop(f"{name!r} is no name of a profile: use letters, digits, dots, dashes and underlines.", USAGE)
    saved = _read()
    saved["profiles"][name] = {key: value for key, value in asdict(login).items() if value is not None}
    saved["current"] = name
    _write(saved)


def remember_secret(name: str | None, url: str, secret: str) -> str | None:
    """Keeps the secret of `webhooks listen` with a saved login of the address that is in use, and with no other.

    Gives the profile, or None if no login of this address is saved.
    """
    saved = _read()
    profile = _profile_of(saved, name, url)
    if profile is not None:
        saved["profiles"][profile]["secret"] = secret
        _write(saved)
    return profile


def _profile_of(saved: dict[str, Any], name: str | None, url: str) -> str | None:
    """The profile of this address: the named one, else the one in use, else any. None if there is none."""
    names = [name] if name else [saved["current"], *saved["profiles"]]
    logins = ((each, _login(saved["profiles"].get(each))) for each in names)
    return next((each for each, login in logins if login and login.url == url), None)


def forget(name: str | None) -> str | None:
    """Removes a login; by default the one that is used. Gives its name, or None if there was none."""
    saved = _read()
    name = name or saved["current"]
    if saved["profiles"].pop(name, None) is None:
        return None
    if saved["current"] == name:
        saved["current"] = next(iter(saved["profiles"]), DEFAULT)
    _write(saved)
    return name


def origin(url: str) -> str:
    """`https://host[:port]` of an address. Raises Stop if it is none."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Stop(f"{url!r} is no address of a Filemill. It looks like https://files.example.com.", USAGE)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def _login(saved: Any) -> Login | None:
    if not isinstance(saved, dict) or not isinstance(saved.get("url"), str) or not isinstance(saved.get("key"), str):
        return None
    return Login(saved["url"], saved["key"], saved.get("tenant"), saved.get("secret"))


def _read() -> dict[str, Any]:
    path = file()
    try:
        saved = parse(_content(path))
        if not isinstance(saved.get("profiles"), dict):
            raise ValueError("no profiles")
    except FileNotFoundError:
        saved = {"profiles": {}}
    except OSError as error:
        raise Stop(f"The saved logins in {path} can't be read: {error.strerror}.", LOCAL) from None
    except (ValueError, AttributeError):
        raise Stop(f"The saved logins in {path} are damaged. Delete the file and log in again.", LOCAL) from None
    saved["current"] = saved.get("current") or DEFAULT
    return dict(saved)


def _content(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(_MOST_BYTES)


def _write(saved: dict[str, Any]) -> None:
    """Replaces the file at once, so that a stop in between leaves the old one."""
    used = saved["profiles"].get(saved["current"], {})
    saved = {"url": used.get("url"), "key": used.get("key"), "current": saved["current"], "profiles": saved["profiles"]}
    path = file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".logins-")  # only its owner may read it
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            json.dump(saved, written, indent=1)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
