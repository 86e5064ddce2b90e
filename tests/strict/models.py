"""What the models of AWS's APIs allow. botocore checks types and required parameters, but neither words nor lengths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from tests.strict.rules import Request, rule

SOURCE = "https://github.com/boto/botocore/tree/develop/botocore/data"

# Values of items, which may be large and have nothing to check here.
_OPEN = frozenset({"AttributeValue"})


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _wrong(shape: Shape, value: Any, where: str) -> Iterator[str]:
    if shape.name in _OPEN:
        return
    told = shape.metadata
    if (allowed := getattr(shape, "enum", None)) and value not in allowed:
        yield f"{where} is {value!r}, not one of {allowed}"
    if shape.type_name in ("string", "list", "map", "blob") and hasattr(value, "__len__"):
        if not told.get("min", 0) <= len(value) <= told.get("max", len(value)):
            yield f"{where} has {len(value)} elements"
    elif shape.type_name in ("integer", "long") and not told.get("min", value) <= value <= told.get("max", value):
        yield f"{where} is {value}"
    # botocore also takes the source of a copy as a mapping.
    pattern = told.get("pattern") if isinstance(value, str) else None
    if pattern and not re.fullmatch(pattern, value):
        yield f"{where} is {value!r}, not of the form {pattern}"
    yield from _inside(shape, value, where)


def _inside(shape: Any, value: Any, where: str) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, each in value.items():
            if name in shape.members:
                yield from _wrong(shape.members[name], each, f"{where}.{name}")
    elif shape.type_name == "list":
        for number, each in enumerate(value):
            yield from _wrong(shape.member, each, f"{where}[{number}]")
    elif shape.type_name == "map" and shape.value.name not in _OPEN:
        for name, each in value.items():
            yield from _wrong(shape.key, name, f"{where}.{name}")
            yield from _wrong(shape.value, each, f"{where}.{name}")


def _check(request: Request) -> Iterator[str]:
    model = _model(request.service)
    if request.operation in model.operation_names:
        shape = model.operation_model(request.operation).input_shape
        if shape:
            yield from _inside(shape, request.params, request.operation)


for _service in ("apigatewaymanagementapi", "dynamodb", "events", "mediaconvert", "s3", "sqs"):
    rule(_service, f"words and lengths are those of {_service}'s model", source=f"{SOURCE}/{_service}")(_check)


@rule("dynamodb", "parameters are those that botocore would let through", source=f"{SOURCE}/dynamodb")
def _checked_by_botocore(request: Request) -> Iterator[str]:
    """chalicelib/table_calls.py sends them unchecked, but for the names of the first level."""
    model = _model("dynamodb")
    if request.operation in model.operation_names:
        shape: Any = model.operation_model(request.operation).input_shape
        wrong: str = ParamValidator().validate(request.params, shape).generate_report()
        yield from wrong.splitlines()
