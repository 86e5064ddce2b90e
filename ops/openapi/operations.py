"""One operation of the OpenAPI document: its parameters, its body, its answers and the links to other operations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import BaseModel, TypeAdapter

from ops.openapi.examples import ANSWERS, BODIES, FILE_ID
from ops.openapi.problems import problem_answer, problems
from ops.openapi.schemas import REF, Named, Schema, in_place, plain
from ops.openapi.texts import LINKS, PATH_PARAMETERS, REQUEST_HEADERS, RESPONSE_HEADERS, TAGS, header

if TYPE_CHECKING:
    from chalicelib.api.routing import Operation


# Said of a route that end users may call, too.
_OR_OWN = ", or `files:own` for one's own files"


def describe(operation: Operation, names: Named, known: set[str]) -> Schema:
    doc = inspect.getdoc(operation.view) or ""
    summary, _, description = doc.partition("\n\n")
    assert summary, f"{operation.view.__name__} needs a docstring, which becomes its summary"
    made: Schema = {
        "operationId": operation.view.__name__,
        "tags": [tag_of(operation.path)],
        "summary": " ".join(summary.split()).rstrip(".").replace("`", ""),
    }
    if description:
        made["description"] = "\n\n".join(" ".join(p.split()) for p in description.split("\n\n"))
    if operation.scope:
        scope = f"Scope: `{operation.scope}`{_OR_OWN if operation.own else ''}."
        made["description"] = f"{made.get('description', '')}\n\n{scope}".strip()
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


def tag_of(path: str) -> str:
    return next(name for name, pattern in TAGS.items() if re.match(pattern, path))


def _security(operation: Operation) -> list[Schema]:
    if not operation.guarded:
        return []
    welcome = {"apiKey": True, "signInToken": True, "uploadToken": operation.tokens, "uploadCookie": operation.cookies}
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
        schema = in_place(schema, definitions)
        plain(schema)
        parameter: Schema = {"name": name, "in": "query", "required": name in whole.get("required", [])}
        if description := schema.pop("description", None):
            parameter["description"] = description
        if schema.get("type") == "array":
            parameter |= {"style": "form", "explode": True}
            schema.pop("default", None)
        elif schema.get("type") == "object":
            parameter |= {"style": "deepObject", "explode": True}
            schema["additionalProperties"] = {}  # every value of a query arrives as a string
        yield {**parameter, "schema": schema}


def _responses(operation: Operation, names: Named, known: set[str]) -> Schema:
    from chalicelib.api.errors import MORE_STATUSES, PROBLEMS

    responses: Schema = {}
    for status, model in sorted(operation.returns.items()):
        responses[str(status)] = _answer(operation, status, model, names)
        if links := _links(operation.view.__name__, status, known):
            responses[str(status)]["links"] = links
    by_status: dict[int, list[str]] = {}
    for code in problems(operation):
        for problem_status in filter(None, (PROBLEMS[code], MORE_STATUSES.get(code))):
            by_status.setdefault(int(problem_status), []).append(code)
    for status, codes in sorted(by_status.items()):
        answer = problem_answer(status, codes, operation.path)
        page = responses.get(str(status), {}).get("content", {})  # for people, where the view refuses by a page
        responses[str(status)] = {**answer, "content": {**page, **answer["content"]}} if page else answer
    return responses


def _answer(operation: Operation, status: int, model: type[BaseModel] | None, names: Named) -> Schema:
    answer: Schema = {"description": _success(status, model), "headers": {"X-Request-Id": header("X-Request-Id")}}
    for name in operation.headers:
        if name in RESPONSE_HEADERS and (name != "Location" or status == 201):
            answer["headers"][name] = header(name)
    if model:
        media = getattr(model, "MEDIA_TYPES", ("application/json",))
        schema = {"$ref": REF.format(model=names[model, "serialization"])}
        answer["content"] = {each: {"schema": schema} for each in media}
        if model.__name__ in ANSWERS:
            answer["content"]["application/json"]["example"] = ANSWERS[model.__name__]
    return answer


def _success(status: int, model: type[BaseModel] | None) -> str:
    if status == 304:
        return "The client's copy is still the newest."
    if model is None:
        return "Done."
    # Not inspect.getdoc, which takes pydantic's docstring for a model without one of its own.
    return " ".join((model.__doc__ or "OK").split())


def _links(name: str, status: int, known: set[str]) -> Schema:
    return {
        target: {"operationId": target, "parameters": dict(parameters)}
        for targets, parameters in LINKS.get((name, status), ())
        for target in targets
        if target in known
    }
