"""Puts the console and `filemill.js` into the derived bucket, from where the front door serves them.

    console/<digest>/…        the assets of one release, which never change
    console/index.html        the page: it names the assets of one release, so an update is seen whole
    console/config.json       what the page must know of the stage
    console/filemill.js       the browser module, at /filemill.js

The page's metadata says which releases are there, newest first. The last `KEPT` stay, for pages that are still open.
`edge/console.js` leads to these objects.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.errors import OpsError
from ops.stack import objects

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "console/"
PAGE = f"{PREFIX}index.html"
CONFIG = f"{PREFIX}config.json"
MODULE = f"{PREFIX}filemill.js"

KEPT = 3
"""Releases that stay: the present one and the two before it."""

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"
HOURLY = "public, max-age=3600"

# More than this is no console, but something that lies in its folder by mistake.
MAX_FILES = 500
MAX_BYTES = 16 * 1024 * 1024

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
# Licences among them.
OTHER_TYPE = "text/plain; charset=utf-8"

# edge/console.js lets through no other path.
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
# A relative address in the page's head: `src="main.js"`, `href="style.css"`.
_RELATIVE = re.compile(r'(?P<before>\s(?:src|href)=")(?:\./)?(?P<path>[A-Za-z0-9_-][A-Za-z0-9._/-]*)(?=")')
_DIGEST = re.compile(r"[0-9a-f]{16}")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Object:
    """An object as it shall be in the bucket."""

    key: str
    body: bytes
    content_type: str
    cache_control: str


@dataclass(frozen=True)
class Release:
    """The console of this checkout: its digest, its assets, its page, and the module if there is one."""

    digest: str
    assets: tuple[Object, ...]
    page: Object
    module: Object | None


def release(project_dir: Path) -> Release | None:
    """The console in the project's folder; None if the folder has none.

    Raises
    ------
    OpsError
        A file's name can't be served, one is a symbolic link, or there are far too many files.
    """
    folder, module = project_dir / "console", project_dir / "browser" / "filemill.js"
    files = {path: file.read_bytes() for path, file in _files(folder)}
    page = files.pop("index.html", None)
    if page is None:
        return None
    _refuse_link(module)
    if module.is_file():
        # The console imports it as its neighbour, and so gets the one that it was tested with.
        files["filemill.js"] = module.read_bytes()
    digest = _digest({**files, "index.html": page})
    assets = tuple(
        Object(f"{PREFIX}{digest}/{path}", body, content_type(path), IMMUTABLE) for path, body in sorted(files.items())
    )
    return Release(
        digest,
        assets,
        Object(PAGE, _addressed(page.decode(), digest).encode(), TYPES[".html"], REVALIDATED),
        Object(MODULE, files["filemill.js"], TYPES[".js"], HOURLY) if "filemill.js" in files else None,
    )


def _files(folder: Path) -> Iterable[tuple[str, Path]]:
    """(path below the folder, file) of everything in it that is no hidden file. Raises OpsError for a link."""
    found, size = [], 0
    _refuse_link(folder)
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        path = file.relative_to(folder).as_posix()
        if any(part.startswith(".") or part == "__pycache__" for part in path.split("/")):
            continue
        _refuse_link(file)
        if not file.is_file():
            continue
        if not _PATH.fullmatch(path):
            raise OpsError(f"{file} can't be served: rename it with letters, digits, `.`, `_` and `-` only.")
        size += file.stat().st_size
        found.append((path, file))
        if len(found) > MAX_FILES or size > MAX_BYTES:
            raise OpsError(
                f"{folder} has more than {MAX_FILES} files or {MAX_BYTES // 2**20} MiB: remove what is no part of the "
                "console (node_modules?)."
            )
    return found


def _refuse_link(file: Path) -> None:
    """Raises OpsError for a symbolic link: it may lead to a file of this computer that the world must not see."""
    if file.is_symlink():
        raise OpsError(
            f"{file} is a symbolic link, and all that lies in the console's folder is shown to everybody. Put the file "
            "itself there, or remove the link."
        )


def content_type(path: str) -> str:
    return TYPES.get(Path(path).suffix, OTHER_TYPE)


def _digest(files: Mapping[str, bytes]) -> str:
    """16 hexadecimal digits that stand for all files, and for how they are served."""
    said = {path: [content_type(path), hashlib.sha256(body).hexdigest()] for path, body in files.items()}
    return hashlib.sha256(json.dumps([IMMUTABLE, said], sort_keys=True).encode()).hexdigest()[:16]


def _addressed(page: str, digest: str) -> str:
    """The page with the full path of each asset that it names."""
    return _RELATIVE.sub(lambda found: f"{found['before']}/{PREFIX}{digest}/{found['path']}", page)


def digest_in(page: str) -> str | None:
    """The digest of the release whose assets a served page names; None if it names none."""
    found = re.search(rf"/{PREFIX}({_DIGEST.pattern})/", page)
    return found[1] if found else None


def publish(s3: S3Client, bucket: str, found: Release, config: Mapping[str, Any], progress: Progress) -> None:
    """Brings the bucket to this release. It can be repeated, and stores only what has changed.

    The assets come first, the page after them, and former releases go last: stopped anywhere, the page that is there
    has all its assets. Raises OpsError if S3 keeps a former release; the present one is served then.
    """
    there = set(_keys(s3, bucket))
    for asset in found.assets:
        if asset.key not in there:
            _put(s3, bucket, asset)
    told = Object(CONFIG, json.dumps(config, separators=(",", ":")).encode(), TYPES[".json"], REVALIDATED)
    for each in [told, *([found.module] if found.module else [])]:
        if each.key not in there or _get(s3, bucket, each.key)[0] != each.body:
            _put(s3, bucket, each)
    body, releases = _get(s3, bucket, PAGE) if PAGE in there else (b"", ())
    kept = (found.digest, *(each for each in releases if each != found.digest))[:KEPT]
    if body != found.page.body or kept != releases:
        _put(s3, bucket, found.page, {"releases": " ".join(kept)})
        progress(f"put the console at /, release {found.digest}")
    keep = tuple(f"{PREFIX}{digest}/" for digest in kept)
    beside_them = {PAGE, CONFIG, MODULE}
    gone = sorted(key for key in there if key not in beside_them and not key.startswith(keep))
    for batch in batched(gone, objects.MOST):
        objects.delete(s3, bucket, [{"Key": key} for key in batch])


def former(s3: S3Client, bucket: str) -> dict[str, Any]:
    """The `config.json` that is served now; empty if there is none yet, not even a bucket."""
    try:
        found = json.loads(_get(s3, bucket, CONFIG)[0])
    except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _keys(s3: S3Client, bucket: str) -> Iterable[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX):
        for each in page.get("Contents", []):
            yield each["Key"]


def _get(s3: S3Client, bucket: str, key: str) -> tuple[bytes, tuple[str, ...]]:
    """(body, the releases in the metadata) of a small object."""
    reply = s3.get_object(Bucket=bucket, Key=key)
    releases = tuple(each for each in reply["Metadata"].get("releases", "").split() if _DIGEST.fullmatch(each))
    with reply["Body"] as body:
        return body.read(), releases


def _put(s3: S3Client, bucket: str, each: Object, metadata: Mapping[str, str] | None = None) -> None:
    s3.put_object(
        Bucket=bucket,
        Key=each.key,
        Body=each.body,
        ContentType=each.content_type,
        CacheControl=each.cache_control,
        Metadata=dict(metadata or {}),
    )
