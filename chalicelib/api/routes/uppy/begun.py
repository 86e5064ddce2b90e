"""`POST /s3/multipart/{uploadId}/begun`: where Uppy's `signRequest` learns the id of its upload in parts.

Uppy expects an address of S3 that begins an upload. Such an address would begin one each time that it is asked, also
when the file is deleted. So `/s3/presign` begins the upload, and this address tells its id in S3's words.
"""

from __future__ import annotations

import hmac
import time
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import Element, SubElement, tostring

from chalice import Blueprint, Response

from chalicelib import keyring
from chalicelib.api import parts
from chalicelib.api.auth.callers import Caller, Scope
from chalicelib.api.routes.uppy.answers import UppyBegun
from chalicelib.api.routes.uppy.translation import GOING_ON, UppyKey, file_of, place
from chalicelib.api.routing import Call, route
from chalicelib.model import File, parse_original_key
from chalicelib.settings import settings
from chalicelib.text import is_number

routes = Blueprint(__name__)


def sign(file: File, lives: int) -> str:
    """The address that tells the id of the file's upload, for `lives` seconds."""
    key, upload_id, until = place(file)["key"], str(file.upload_id), str(int(time.time()) + lives)
    query = urlencode({"key": key, "until": until, "signature": _signature(key, upload_id, until)})
    return f"{settings().front_door}/s3/multipart/{quote(upload_id, safe='')}/begun?{query}"


def _signature(key: str, upload_id: str, until: str) -> str:
    return keyring.mac("begun", "\0".join((key, upload_id, until)).encode()).hex()


def _caller(request: Any) -> Caller | None:
    """The caller of an address that `sign` made and that is not over; None for any other."""
    sent = request.query_params or {}
    key, until = sent.get("key", ""), sent.get("until", "")
    ids = parse_original_key(key)
    if ids is None or not is_number(until, 11) or int(until) < time.time():
        return None
    right = _signature(key, request.uri_params["upload_id"], until)
    if not hmac.compare_digest(right.encode(), sent.get("signature", "").encode()):
        return None
    return Caller(ids[0], "address", frozenset({Scope.FILES_WRITE}))


@route(
    routes,
    "POST",
    "/s3/multipart/{upload_id}/begun",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    query=UppyKey,
    returns={200: UppyBegun},
    problems=GOING_ON,
    signed=_caller,
)
def uppy_begun(call: Call, query: UppyKey, upload_id: str) -> Response:
    """Tell Uppy the id of a multipart upload that was begun for it, in S3's words.

    The address comes from `POST /s3/presign`. Its signature stands in for a credential.
    """
    file = file_of(call, query.key)
    answer = Element("InitiateMultipartUploadResult", xmlns="http://s3.amazonaws.com/doc/2006-03-01/")
    for name, text in (("Bucket", settings().originals_bucket), ("Key", query.key)):
        SubElement(answer, name).text = text
    SubElement(answer, "UploadId").text = parts.open_upload(file, upload_id)
    return Response(tostring(answer, encoding="unicode"), headers={"Content-Type": "application/xml"})
