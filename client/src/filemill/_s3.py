"""Requests that go straight to S3: forms and parts, and sentences for its refusals. No credential is sent there."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping

from filemill._api import clock_note
from filemill._effects import Answer, Body

_CODE = re.compile(rb"<Code>([^<]{1,100})</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]{1,500})</Message>")

# Answers of S3 after which the same request may succeed. 400 RequestTimeout: the socket was silent for too long.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_AGAIN_STATUS = (408, 429, 500, 502, 503, 504)
_AGAIN_CODES = ("RequestTimeout", "IncompleteBody", "InternalError", "SlowDown", "OperationAborted")
_CHECKSUM_CODES = ("BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "InvalidDigest")


def code_of(answer: Answer) -> str:
    """S3's code of an error, or an empty string."""
    found = _CODE.search(answer.content)
    return found[1].decode("utf-8", "replace") if found else ""


def may_succeed_later(answer: Answer) -> bool:
    """True if the same request may succeed when it is sent again."""
    return answer.status in _AGAIN_STATUS or code_of(answer) in _AGAIN_CODES


def is_other_bytes(answer: Answer) -> bool:
    """True if S3 got other bytes than were announced."""
    return code_of(answer) in _CHECKSUM_CODES


def sentence(answer: Answer) -> str:
    """Why S3 refused."""
    found = _MESSAGE.search(answer.content)
    why = found[1].decode("utf-8", "replace").rstrip(".") if found else "it gave no reason"
    code = code_of(answer)
    shown = f"{answer.status} {code}" if code else str(answer.status)
    return f"The storage refused the bytes: {why} ({shown}).{clock_note(answer)}"


def form(fields: Mapping[str, str], size: int, data: Body) -> tuple[str, Body]:
    """The Content-Type and the body of a form: all fields, and then the bytes as `file`."""
    boundary = secrets.token_hex(16)
    lines: list[str] = []
    for name, value in fields.items():
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"', "", value]
    lines += [f"--{boundary}", 'Content-Disposition: form-data; name="file"; filename="file"']
    lines += ["Content-Type: application/octet-stream", "", ""]
    before = "\r\n".join(lines).encode()
    after = f"\r\n--{boundary}--\r\n".encode()

    def chunks() -> Iterator[bytes]:
        yield before
        yield from data.chunks()
        yield after

    return f"multipart/form-data; boundary={boundary}", Body(len(before) + size + len(after), chunks)
