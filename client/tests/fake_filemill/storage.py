"""S3: forms, parts and originals. Lengths and checksums are compared, and no credential may come."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import urlsplit

from fake_filemill.state import State
from fake_filemill.uploads import md5
from fake_filemill.wire import Call, Reply


def answer(state: State, call: Call) -> Reply:
    assert "authorization" not in call.headers, "a credential was sent to the storage"
    kind, *rest = call.path.removeprefix(urlsplit(state.s3).path).strip("/").split("/")
    if call.method == "POST" and kind == "form":
        return _form(state, call, *rest)
    if call.method == "PUT" and kind == "part":
        return _part(state, call, *rest)
    file_id = (rest or [kind])[-1]
    if call.method != "GET" or file_id not in state.bytes:
        return error(404, "NoSuchKey", "The specified key does not exist.")
    return ranged(call, state.bytes[file_id])


def ranged(call: Call, data: bytes) -> Reply:
    """A GET that may ask for a range, as S3 answers it."""
    wanted = re.fullmatch(r"bytes=(\d+)-", call.headers.get("range", ""))
    if wanted is None:
        return Reply(200, data)
    start = int(wanted[1])
    if start >= len(data):
        return error(416, "InvalidRange", "The requested range is not satisfiable")
    return Reply(206, data[start:], {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})


def error(status: int, code: str, message: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())


def _part(state: State, call: Call, file_id: str, number: str, digest: str) -> Reply:
    if file_id not in state.parts:
        return error(404, "NoSuchUpload", "The upload does not exist")
    if call.headers.get("x-amz-checksum-sha256") != base64.b64encode(bytes.fromhex(digest)).decode():
        return error(403, "SignatureDoesNotMatch", "The signature does not match")
    part_size, size = state.asked[file_id]["part_size"], state.files[file_id]["size"]
    wanted = min(part_size, size - (int(number) - 1) * part_size)
    if len(call.body) != wanted or call.headers.get("content-length") != str(wanted):
        return error(403, "SignatureDoesNotMatch", "The length does not match")
    if hashlib.sha256(call.body).hexdigest() != digest:
        return error(400, "XAmzContentChecksumMismatch", "The checksum does not match")
    state.parts[file_id][int(number)] = call.body
    return Reply(200, None, {"ETag": f'"{md5(call.body)}"'})


def _form(state: State, call: Call, file_id: str) -> Reply:
    boundary = call.headers["content-type"].partition("boundary=")[2]
    pieces = call.body.split(f"--{boundary}".encode())
    assert pieces[0] == b"" and pieces[-1] == b"--\r\n", "the form is not whole"
    names = [re.search(rb'name="([^"]+)"', piece)[1].decode() for piece in pieces[1:-1]]  # type: ignore[index]
    assert names[-1] == "file" and names[0] == "key", names
    _, _, rest = call.body.partition(b'name="file"; filename="file"')
    data = rest.partition(b"\r\n\r\n")[2][: -len(f"\r\n--{boundary}--\r\n")]
    if file_id not in state.files:
        return error(403, "AccessDenied", "No such form")
    if len(data) != state.files[file_id]["size"]:
        return error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
    if hashlib.sha256(data).hexdigest() != state.asked[file_id].get("sha256"):
        return error(400, "BadDigest", "The checksum does not match")
    state.arrive(file_id, data)
    return Reply(204)
