"""Sends a small picture through the whole stage: create, upload, process, fetch through the front door, delete."""

from __future__ import annotations

import io
import os
import secrets
import time
from typing import Any

import requests

from chalicelib.settings import PREFIX
from ops import config
from ops.doctor.front_door import refuse_unserved
from ops.doctor.patient import Patient

REQUEST_TIMEOUT = 30  # seconds
WAIT = 120  # seconds until the picture must be ready: two cold starts and a queue


class LostError(Exception):
    """A sentence that says where the picture got stuck."""


def check(patient: Patient) -> str:
    """Sends the picture as a tenant of its own. Afterwards only the record of a revoked API key is left."""
    refuse_unserved(patient)
    variables = config.load_stage(patient.project_dir, patient.settings.stage)
    os.environ.update({name: value for name, value in variables.items() if name.startswith(PREFIX)})
    from chalicelib import settings
    from chalicelib.catalog import credentials
    from ops.keys import SCOPES, create

    settings.settings.cache_clear()
    key, secret = create(f"doctor-{secrets.token_hex(4)}", "the doctor's canary", SCOPES)
    base = patient.settings.front_door
    try:
        return _fly(base, {"Authorization": f"Bearer {secret}"}, patient.settings.stage)
    except (LostError, requests.RequestException) as error:
        return str(error)
    finally:
        credentials.revoke_api_key(key.id)


def picture() -> bytes:
    from PIL import Image

    encoded = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).save(encoded, "JPEG")
    return encoded.getvalue()


def _fly(base: str, key: dict[str, str], stage: str) -> str:
    body = picture()
    wanted = {"filename": "canary.jpg", "content_type": "image/jpeg", "size": len(body), "visibility": "private"}
    created = _asked("POST", f"{base}/v1/files", 201, "creating it", json=wanted, headers=key)
    address = f"{base}/v1/files/{created['id']}"
    try:
        upload = created["upload"]
        sent = requests.post(upload["url"], data=upload["fields"], files={"file": body}, timeout=REQUEST_TIMEOUT)
        if sent.status_code != 201:
            raise LostError(f"S3 answers {sent.status_code} to the upload form: {sent.text[:200]}")
        ready = _awaited(address, key, stage)
        rendition = ready["renditions"][0]
        fetched = requests.get(rendition["url"], timeout=REQUEST_TIMEOUT)
        if fetched.status_code != 200 or len(fetched.content) != rendition["size"]:
            raise LostError(
                f"the front door answers {fetched.status_code} to a signed address, with {len(fetched.content)} of "
                f"{rendition['size']} bytes: see the checks of the distribution and of private files"
            )
    finally:
        requests.delete(address, headers=key, timeout=REQUEST_TIMEOUT)
    if requests.get(address, headers=key, timeout=REQUEST_TIMEOUT).status_code != 404:
        raise LostError(f"the picture was not deleted ({address})")
    return ""


def _asked(method: str, url: str, status: int, doing: str, **options: Any) -> Any:
    answer = requests.request(method, url, timeout=REQUEST_TIMEOUT, **options)
    if answer.status_code != status:
        raise LostError(f"{doing} is answered {answer.status_code}: {answer.text[:200]}")
    return answer.json()


def _awaited(address: str, key: dict[str, str], stage: str) -> Any:
    until = time.monotonic() + WAIT
    while True:
        file = _asked("GET", address, 200, "reading it", headers=key)
        if file["status"] == "ready":
            return file
        if file["status"] == "failed" or time.monotonic() > until:
            why = f"{file['status']} after {WAIT} s" if file["status"] != "failed" else f"failed: {file['error']}"
            raise LostError(f"the picture is {why}; see the log group /aws/lambda/filemill-{stage}-process")
        time.sleep(1)
