"""`python -m ops openapi`: writes the OpenAPI document, chalicelib/api/openapi.json, from the routes and their models.

It is made here and not in the function, so that no request waits for it: the function serves the file. A test makes it
anew and compares.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from ops.openapi.examples import ANSWERS, BODIES, FILE_ID, REQUEST_ID

if TYPE_CHECKING:
    from chalicelib.api.routing import Operation

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "chalicelib" / "api" / "openapi.json"

Schema = dict[str, Any]

REF = "#/components/schemas/{model}"
PROBLEM_JSON = "application/problem+json"

# By the beginning of the path; the first that fits.
TAGS = (
    ("Upload tokens", r"/v1/upload-tokens", "What a backend gives a browser, so that it can upload and nothing else."),
    ("Uploads", r"/v1/files/{file_id}/(parts|complete)", "A large file's parts."),
    ("Finding files", r"/v1/(search|changes|stats)|/v1/files/batch-get", "Search, counts, and the feed of changes."),
    ("Files", r"/v1/files", "One record a file: create it, read it, change it, delete it."),
    ("Uppy", r"/s3/", "What `@uppy/aws-s3` asks of a server, on the same uploads."),
    ("Service", r"/", "The API itself."),
)
ORDER = ("Files", "Finding files", "Uploads", "Upload tokens", "Uppy", "Service")

# Of the path parameters by name, where they are not the same on every route.
PATH_PARAMETERS: dict[str, Schema] = {
    "upload_id": {"schema": {"type": "string", "minLength": 1, "maxLength": 1024}, "description": "S3's upload id"},
    "part_number": {"schema": {"type": "integer", "minimum": 1, "maximum": 10_000}},
    "asset": {"schema": {"type": "string", "pattern": r"^[a-z0-9.-]+$"}},
}
REQUEST_HEADERS: dict[str, Schema] = {
    "Idempotency-Key": {
        "description": "Sent again with the same body within 24 hours, the request gets the same answer.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "If-Match": {
        "description": "The record's `ETag`: the request is refused if it is another by now. `*` is any.",
        "schema": {"type": "string"},
        "example": '"3-0f5d3c1b2a497e68"',
    },
    "If-None-Match": {
        "description": "An `ETag` that the client has: the answer is 304 without a body while it is the same.",
        "schema": {"type": "string"},
        "example": '"3-0f5d3c1b2a497e68"',
    },
}
RESPONSE_HEADERS: dict[str, Schema] = {
    "Cache-Control": {"schema": {"type": "string"}},
    "ETag": {"description": "Names this state; for `If-Match` and `If-None-Match`.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "The answer was given before, to the same `Idempotency-Key`.",
        "schema": {"const": "true"},
    },
    "Location": {"description": "The new file's address.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}},
    "X-Request-Id": {"description": "Finds the request in the logs.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"schema": {"type": "string"}},
}
PROBLEM_HEADERS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}

# What can be done with an answer: (operation, status) → link name → (operation, parameters).
FILE_LINK = {"file_id": "$response.body#/id"}
FILE_LINKS = ("get_file", "patch_file", "delete_file", "reprocess_file")
PART_LINKS = ("list_parts", "sign_parts", "complete_upload")
UPPY_LINKS = ("uppy_list_parts", "uppy_sign_batch", "uppy_complete", "uppy_abort")
UPPY_LINK = {"upload_id": "$response.body#/uploadId", "key": "$response.body#/key"}
LINKS: dict[tuple[str, int], list[tuple[Iterable[str], Mapping[str, str]]]] = {
    ("create_file", 201): [(FILE_LINKS + PART_LINKS, FILE_LINK)],
    ("patch_file", 200): [(("get_file", "patch_file", "delete_file"), FILE_LINK)],
    ("reprocess_file", 200): [(("get_file",), FILE_LINK)],
    ("restore_file", 200): [(("get_file", "patch_file", "delete_file"), FILE_LINK)],
    ("list_files", 200): [
        (("get_file",), {"file_id": "$response.body#/items/0/id"}),
        (("list_files",), {"cursor": "$response.body#/next_cursor"}),
    ],
    ("list_changes", 200): [(("list_changes",), {"after": "$response.body#/next_after"})],
    ("uppy_create_multipart", 200): [(UPPY_LINKS, UPPY_LINK)],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when it is not up to date")


def main(args: argparse.Namespace) -> int:
    text = render(document())
    if args.check:
        return int(not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
    return 0


def render(made: Schema) -> str:
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


def document() -> Schema:
    """The OpenAPI 3.1 document of every route that is mounted."""
    operations = _operations()
    names, schemas = _schemas(operations)
    codes = sorted({code for operation in operations for code in problems(operation)})
    paths: dict[str, Schema] = {}
    for operation in operations:
        item = paths.setdefault(operation.path, {})
        item[operation.method.lower()] = _operation(operation, names, {o.view.__name__ for o in operations})
    used = [
        tag for tag in sorted(TAGS, key=lambda t: ORDER.index(t[0])) if any(_tag(o.path) == tag[0] for o in operations)
    ]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Filemill",
            "version": _version(),
            "summary": "An event-driven file pipeline in your own AWS account.",
            "description": "Times are UTC, RFC 3339 with milliseconds; sizes are bytes; widths and heights pixels. "
            "Every error is an RFC 9457 problem document with a stable `code`. New fields and new codes may come at "
            "any time; what is there stays (docs/api.md, Versions).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        # Relative to where the document is: right at the front door and at API Gateway's own address alike.
        "servers": [{"url": ".", "description": "The front door"}],
        "tags": [{"name": name, "description": text} for name, _, text in used],
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {
            "schemas": schemas | _problem_schemas(),
            "examples": {code: {"summary": _when(code), "value": problem_example(code)} for code in codes},
            "headers": RESPONSE_HEADERS,
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "fm_…",
                    "description": "An API key, with the scopes `files:read`, `files:write` or both. It decides the "
                    "tenant. Never in a browser.",
                },
                "uploadToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "fmu_…",
                    "description": "What a backend gave a browser (`POST /v1/upload-tokens`): for its own uploads.",
                },
                "uploadCookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "filemill_upload",
                    "description": "An upload token in the cookie that `POST /s3/session` sets.",
                },
            },
        },
    }


def _version() -> str:
    found = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return found[1]


@cache
def _operations() -> tuple[Operation, ...]:
    """Every route's, by path and method."""
    from chalicelib.api import application, routing  # which imports every module with routes

    assert application
    return tuple(sorted(routing.OPERATIONS, key=lambda o: (o.path, o.method)))


# --- schemas


Named = dict[tuple[type[BaseModel], JsonSchemaMode], str]


def _schemas(operations: Iterable[Operation]) -> tuple[Named, dict[str, Schema]]:
    """(name of each body's and answer's schema, the schemas by name)."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = []
    for operation in operations:
        if operation.body:
            wanted.append((operation.body, "validation"))
        wanted += [(model, "serialization") for model in operation.returns.values() if model]
    wanted = list(dict.fromkeys(wanted))
    found, definitions = models_json_schema(wanted, ref_template=REF)  # type: ignore[arg-type, unused-ignore]
    names: Named = {key: schema["$ref"].rpartition("/")[2] for key, schema in found.items()}  # type: ignore[misc]
    schemas = definitions["$defs"]
    answers = _reachable(schemas, (name for (_, mode), name in names.items() if mode == "serialization"))
    for name, schema in schemas.items():
        _plain(schema)
        if name in answers:
            # A client must bear fields that it does not know: more may come.
            schema.pop("additionalProperties", None)
    return names, dict(sorted(schemas.items()))


def _reachable(schemas: Mapping[str, Schema], names: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schemas[name]))
    return seen


def _plain(node: Any) -> None:
    """Takes pydantic's made-up titles away, and line breaks out of descriptions."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        if isinstance(node.get("description"), str):
            node["description"] = " ".join(node["description"].split())
        for value in node.values():
            _plain(value)
    elif isinstance(node, list):
        for value in node:
            _plain(value)


# --- problems


def problems(operation: Operation) -> list[str]:
    """The codes of every problem that an operation can answer, in the order of errors.py."""
    from chalicelib.api.errors import PROBLEMS

    codes = {"bad_request", "internal", "too_many_requests", "timeout", *operation.problems}
    if operation.scope:
        codes |= {"unauthenticated", "token_expired", "missing_scope", "unavailable"}
    if operation.body or operation.query or (operation.scope and any(h in REQUEST_HEADERS for h in operation.headers)):
        codes.add("invalid_field")
    if operation.body:
        codes |= {"invalid_json", "unsupported_media_type"}
    if operation.method in ("POST", "PUT", "PATCH"):
        codes.add("payload_too_large")
    if "{" in operation.path:
        codes.add("unknown_route")  # a value with a slash in it is another address
    if "{file_id}" in operation.path:
        codes.add("not_found")
    return [code for code in PROBLEMS if code in codes]


@cache
def _meanings() -> dict[str, str]:
    """When each code is answered, as docs/api.md says."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(\w+)` \| \d{3} \| (.+) \|$", text, re.MULTILINE))


def _when(code: str) -> str:
    return _meanings()[code]


# Problems that name a field, in the examples.
_FIELDS = {
    "invalid_field": ("size", "`size`: must be greater than or equal to 0."),
    "invalid_cursor": ("cursor", "This cursor is not one of this list's."),
}


def problem_example(code: str) -> Schema:
    """A problem document of this code."""
    from chalicelib.api.errors import PROBLEMS, Problem, response

    field, detail = _FIELDS.get(code, (None, _when(code)[0].upper() + _when(code)[1:] + "."))
    example: Schema = json.loads(str(response(Problem(code, detail, field=field), REQUEST_ID).body))
    assert example["status"] == PROBLEMS[code]
    return example


def _problem_schemas() -> dict[str, Schema]:
    text = {"type": "string"}
    base = {
        "type": {"type": "string", "format": "uri", "pattern": "^urn:filemill:problem:"},
        "title": text,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {**text, "description": "Stable: branch on it."},
        "detail": {**text, "description": "A sentence for a person."},
        "field": {**text, "description": "What is wrong; dotted where it is nested."},
        "request_id": {**text, "description": "Finds the request in the logs."},
    }
    required = [name for name in base if name != "field"]
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


def _problem_answer(status: int, codes: list[str], path: str) -> Schema:
    model = "UppyProblem" if path.startswith("/s3/") else "Problem"
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": codes}}}
    answer: Schema = {
        "description": "; ".join(f"`{code}`: {_when(code)}" for code in codes),
        "content": {
            PROBLEM_JSON: {
                "schema": {"allOf": [{"$ref": REF.format(model=model)}, narrowed]},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }
    if header := PROBLEM_HEADERS.get(status):
        answer["headers"] = {header: _header(header)}
    return answer


# --- operations


def _header(name: str) -> Schema:
    return {"$ref": f"#/components/headers/{name}"}


def _tag(path: str) -> str:
    return next(name for name, pattern, _ in TAGS if re.match(pattern, path))


def _operation(operation: Operation, names: Named, known: set[str]) -> Schema:
    doc = inspect.getdoc(operation.view) or ""
    summary, _, description = doc.partition("\n\n")
    assert summary, f"{operation.view.__name__} needs a docstring: it is its summary"
    made: Schema = {
        "operationId": operation.view.__name__,
        "tags": [_tag(operation.path)],
        "summary": " ".join(summary.split()).rstrip(".").replace("`", ""),
    }
    if description:
        made["description"] = "\n\n".join(" ".join(p.split()) for p in description.split("\n\n"))
    if operation.scope:
        made["description"] = f"{made.get('description', '')}\n\nScope: `{operation.scope}`.".strip()
    if parameters := list(_parameters(operation)):
        made["parameters"] = parameters
    if operation.body:
        schema = {"$ref": REF.format(model=names[operation.body, "validation"])}
        content: Schema = {"schema": schema}
        if examples := BODIES.get(operation.body.__name__):
            content["examples"] = {summary: {"summary": summary, "value": value} for summary, value in examples.items()}
        made["requestBody"] = {"required": True, "content": {"application/json": content}}
    made["responses"] = _responses(operation, names, known)
    made["security"] = _security(operation)
    return made


def _security(operation: Operation) -> list[Schema]:
    if operation.scope is None:
        return []
    welcome = {"apiKey": True, "uploadToken": operation.tokens, "uploadCookie": operation.cookies}
    return [{scheme: []} for scheme, it_is in welcome.items() if it_is]


def _parameters(operation: Operation) -> Iterable[Schema]:
    from chalicelib.api.answers import FileId

    for name in re.findall(r"{(\w+)\+?}", operation.path):
        file_id = TypeAdapter(FileId).json_schema()
        known = {"file_id": {"schema": file_id, "example": FILE_ID}, **PATH_PARAMETERS}[name]
        yield {"name": name, "in": "path", "required": True, **known}
    if operation.query:
        yield from _query_parameters(operation.query)
    for name in operation.headers:
        if name in REQUEST_HEADERS:
            yield {"name": name, "in": "header", "required": False, **REQUEST_HEADERS[name]}


def _query_parameters(model: type[BaseModel]) -> Iterable[Schema]:
    whole = model.model_json_schema(ref_template="#/$defs/{model}", by_alias=True)
    definitions = whole.get("$defs", {})
    for name, schema in whole.get("properties", {}).items():
        schema = _in_place(schema, definitions)
        _plain(schema)
        parameter: Schema = {"name": name, "in": "query", "required": name in whole.get("required", [])}
        if description := schema.pop("description", None):
            parameter["description"] = description
        if schema.get("type") == "array":
            parameter |= {"style": "form", "explode": True}
            schema.pop("default", None)
        elif schema.get("type") == "object":
            parameter |= {"style": "deepObject", "explode": True}
            schema["additionalProperties"] = {}  # a query holds text: whatever it is sent as, it comes as a string
        yield {**parameter, "schema": schema}


def _in_place(node: Any, definitions: Mapping[str, Schema]) -> Any:
    """The schema with its references written out, and without null: a query string has no such thing."""
    if isinstance(node, list):
        return [_in_place(value, definitions) for value in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return _in_place({**definitions[name], **{k: v for k, v in node.items() if k != "$ref"}}, definitions)
    made = {k: _in_place(v, definitions) for k, v in node.items()}
    if "anyOf" in made:
        left = [option for option in made["anyOf"] if option != {"type": "null"}]
        if len(left) == 1:
            del made["anyOf"]
            made = {**left[0], **made}
        else:
            made["anyOf"] = left
    if "default" in made and made["default"] is None:
        del made["default"]
    return made


def _responses(operation: Operation, names: Named, known: set[str]) -> Schema:
    from chalicelib.api.errors import PROBLEMS

    responses: Schema = {}
    for status, model in sorted(operation.returns.items()):
        answer: Schema = {"description": _success(status, model), "headers": {"X-Request-Id": _header("X-Request-Id")}}
        for header in operation.headers:
            if header in RESPONSE_HEADERS and (header != "Location" or status == 201):
                answer["headers"][header] = _header(header)
        if model:
            media = getattr(model, "MEDIA_TYPES", ("application/json",))
            schema = {"$ref": REF.format(model=names[model, "serialization"])}
            answer["content"] = {each: {"schema": schema} for each in media}
            if model.__name__ in ANSWERS:
                answer["content"]["application/json"]["example"] = ANSWERS[model.__name__]
        if links := _links(operation.view.__name__, status, known):
            answer["links"] = links
        responses[str(status)] = answer
    by_status: dict[int, list[str]] = {}
    for code in problems(operation):
        by_status.setdefault(int(PROBLEMS[code]), []).append(code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = _problem_answer(status, codes, operation.path)
    return responses


def _success(status: int, model: type[BaseModel] | None) -> str:
    if status == 304:
        return "The client's copy is still the newest."
    if model is None:
        return "Done."
    doc = inspect.getdoc(model) or ""
    return " ".join(doc.split()) if doc and not doc.startswith("Usage docs") else "OK"


def _links(name: str, status: int, known: set[str]) -> Schema:
    return {
        target: {"operationId": target, "parameters": dict(parameters)}
        for targets, parameters in LINKS.get((name, status), ())
        for target in targets
        if target in known
    }
