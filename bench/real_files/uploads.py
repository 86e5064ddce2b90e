"""Uploads files as a browser does, and waits for their records."""

from __future__ import annotations

import mimetypes
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.e2e.stack import finished, store
from tests.local import Api

AT_ONCE = 3

Outcome = dict[str, Any]
"""`source`, `name` and `declared` of a file; its `record`, or None and why there is none in `refused`; the `seconds`
from the upload to the final record; `faults`, the things that the browser could not show."""


def upload_all(api: Api, folder: Path) -> list[Outcome]:
    """Every file below the folder, in the order of kinds and names."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda path: _upload(api, path, path.relative_to(folder).parts[0]), paths))
    return sorted(outcomes, key=lambda each: ((each["record"] or {}).get("kind") or "~", each["name"].lower()))


def _upload(api: Api, path: Path, source: str) -> Outcome:
    type_, compression = mimetypes.guess_type(path.name)
    declared = type_ if type_ and not compression else "application/octet-stream"
    outcome: Outcome = {"source": source, "name": path.name, "declared": declared, "record": None, "faults": []}
    body = {"filename": path.name, "content_type": declared, "size": path.stat().st_size, "visibility": "public"}
    made = api("POST", "/v1/files", json=body)
    if not made.ok:
        return outcome | {"refused": made.json()}
    started = time.monotonic()
    store(made.json()["upload"], path.read_bytes())
    record = finished(api, made.json()["id"])
    return outcome | {"record": record, "seconds": round(time.monotonic() - started, 2)}
