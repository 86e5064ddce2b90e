"""The problem documents: which operation can answer which, their schemas, and an example of each."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ops.errors import OpsError
from ops.openapi.examples import REQUEST_ID
from ops.openapi.schemas import REF, Schema
from ops.openapi.texts import REQUEST_HEADERS, header

if TYPE_CHECKING:
    from chalicelib.api.routing import Operation

ROOT = Path(__file__).resolve().parents[2]

PROBLEM_JSON = "application/problem+json"

PROBLEM_HEADERS = {429: "Retry-After", 503: "Retry-After"}


def problems(operation: Operation) -> list[str]:
    """The codes of all problems that an operation can answer, in the order of errors.py."""
    from chalicelib.api.errors import PROBLEMS

    codes = {"bad_request", "internal", "too_many_requests", "timeout", *operation.problems}
    if operation.guarded:
        codes |= {"unauthenticated", "token_expired", "key_expired", "unavailable"}
        codes |= {"network_not_allowed", "tenant_suspended", "quota_exceeded"}
    if operation.scope:
        codes.add("missing_scope")
    if (
        operation.body
        or operation.query
        or (operation.guarded and any(h in REQUEST_HEADERS for h in operation.headers))
    ):
        codes.add("invalid_field")
    if operation.body:
        codes |= {"invalid_json", "unsupported_media_type"}
    if operation.method in ("POST", "PUT", "PATCH"):
        codes.add("payload_too_large")
    if "{" in operation.path:
        codes.add("unknown_route")  # because a value with a slash makes another address
    if "{file_id}" in operation.path:
        codes.add("not_found")
    if unknown := codes - {*PROBLEMS}:
        raise OpsError(
            f"{operation.method} {operation.path} names {', '.join(sorted(unknown))}, which errors.py lacks."
        )
    return [code for code in PROBLEMS if code in codes]


@cache
def _meanings() -> dict[str, str]:
    """The meaning of each code, read from the table in docs/api.md."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(\w+)` \| \d{3} \| (.+) \|$", text, re.MULTILINE))


def meaning(code: str) -> str:
    """The meaning of a code. Raises OpsError if docs/api.md has no row for it."""
    if code not in _meanings():
        raise OpsError(f"docs/api.md has no row for the problem `{code}` (the table below Problems).")
    return _meanings()[code]


# Examples of problems that name a field: (field, detail).
_FIELDS = {
    "invalid_field": ("size", "`size`: must be greater than or equal to 0."),
    "invalid_cursor": ("cursor", "This cursor is not one of this list's."),
}


def problem_example(code: str) -> Schema:
    """A problem document of this code."""
    from chalicelib.api.errors import PROBLEMS, Problem, response

    field, detail = _FIELDS.get(code, (None, meaning(code)[0].upper() + meaning(code)[1:] + "."))
    example: Schema = json.loads(str(response(Problem(code, detail, field=field), REQUEST_ID).body))
    assert example["status"] == PROBLEMS[code]
    return example


def problem_schemas() -> dict[str, Schema]:
    text = {"type": "string"}
    base = {
        "type": {"type": "string", "format": "uri", "pattern": "^urn:filemill:problem:"},
        "title": text,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {**text, "description": "Stable: branch on it."},
        "detail": {**text, "description": "A sentence for a person."},
        "field": {**text, "description": "What is wrong; dotted where it is nested."},
        "quota": {**text, "description": "The quota that is used up (`quota_exceeded` only, as the next three)."},
        "limit": {"type": "integer", "minimum": 0, "description": "What the quota allows."},
        "used": {"type": "integer", "minimum": 0, "description": "What counts against it."},
        "resets_at": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "When it begins anew; null if time alone gives nothing back.",
        },
        "request_id": {**text, "description": "Finds the request in the logs."},
    }
    optional = ("field", "quota", "limit", "used", "resets_at")
    required = [name for name in base if name not in optional]
    return {
        "Problem": {
            "description": "RFC 9457 problem document.",
            "type": "object",
            "properties": base,
            "required": required,
        },
        "UppyProblem": {
            "description": "A problem document with its detail where Uppy looks for it; `error` and `message` are "
            "missing from what API Gateway answers itself.",
            "type": "object",
            "properties": {**base, "error": text, "message": text},
            "required": required,
        },
    }


def problem_answer(status: int, codes: list[str], path: str) -> Schema:
    from chalicelib.api.errors import PROBLEMS

    model = "UppyProblem" if path.startswith("/s3/") else "Problem"
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": codes}}}
    answer: Schema = {
        "description": "; ".join(f"`{code}`: {meaning(code)}" for code in codes),
        "content": {
            PROBLEM_JSON: {
                "schema": {"allOf": [{"$ref": REF.format(model=model)}, narrowed]},
                "examples": {
                    code: {"$ref": f"#/components/examples/{code}"} for code in codes if PROBLEMS[code] == status
                },
            }
        },
    }
    if name := PROBLEM_HEADERS.get(status):
        answer["headers"] = {name: header(name)}
    return answer
