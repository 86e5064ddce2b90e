"""DynamoDB's rules for requests, by its documentation. Some hold for a table; those know the stack's own.

What no page of AWS's says, but DynamoDB answers, is taken from dynalite, which was written from DynamoDB's answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from bench.capacity_units import item_size
from tests.stage import table_definition
from tests.strict import expressions
from tests.strict.expressions import Expression, ExpressionError, Node, Path, Value, parts_of
from tests.strict.rules import Params, Request, rule

KB, MB = 1024, 1024**2

GUIDE = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide"
API = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference"
CONSTRAINTS = f"{GUIDE}/Constraints.html"
DYNALITE = "https://github.com/architect/dynalite/tree/main/db"

# The 573 words of https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html, which moto has
# as a file. It looks at them in updates only.
RESERVED = frozenset(word.upper() for word in ReservedKeywords.get_reserved_keywords())

CONDITIONS = ("ConditionExpression", "FilterExpression", "KeyConditionExpression")
EXPRESSIONS = (*CONDITIONS, "UpdateExpression", "ProjectionExpression")
LEGACY = (
    *("AttributesToGet", "AttributeUpdates", "Expected", "KeyConditions", "QueryFilter", "ScanFilter"),
    "ConditionalOperator",
)

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Action:
    """One read or write in a request: `kind` is the operation without `Item`, `params` what it has of its own."""

    kind: str
    table: str
    params: Params


def actions(request: Request) -> Iterator[Action]:
    """The reads and writes in a request. Each key of a BatchGetItem is one of them."""
    params = request.params
    if request.operation in ("TransactWriteItems", "TransactGetItems"):
        for each in params["TransactItems"]:
            for kind, own in each.items():
                yield Action(kind, own["TableName"], own)
    elif request.operation == "BatchWriteItem":
        for table, requests in params["RequestItems"].items():
            for each in requests:
                for kind, own in each.items():
                    yield Action(kind.removesuffix("Request"), table, own)
    elif request.operation == "BatchGetItem":
        for table, own in params["RequestItems"].items():
            for key in own.get("Keys", []):
                yield Action("Get", table, {**own, "Key": key})
    elif "TableName" in params:
        yield Action(request.operation.removesuffix("Item"), params["TableName"], params)


def with_expressions(request: Request) -> list[Params]:
    """The parts of a request that may have expressions, each with names and values of its own."""
    if request.operation == "BatchGetItem":
        return list(request.params["RequestItems"].values())
    if request.operation == "BatchWriteItem":
        return []
    return [action.params for action in actions(request)]


def parsed(params: Params) -> dict[str, Expression]:
    """The expressions that can be read. The rule on syntax names the others."""
    found = {}
    for name in EXPRESSIONS:
        if name in params:
            try:
                found[name] = read(name, params[name])
            except ExpressionError:
                continue
    return found


def read(name: str, text: str) -> Expression:
    """Raises ExpressionError."""
    if name == "UpdateExpression":
        return expressions.update(text)
    return expressions.projection(text) if name == "ProjectionExpression" else expressions.condition(text)


def resolved(path: Path, params: Params) -> tuple[str | int, ...]:
    """A path without `#names`."""
    names = params.get("ExpressionAttributeNames", {})
    return tuple(names.get(element, element) for element in path.elements)


def target_paths(params: Params) -> list[tuple[str | int, ...]]:
    update = parsed(params).get("UpdateExpression")
    return [resolved(path, params) for path in update.targets] if update else []


# --- the table


@dataclass(frozen=True)
class Table:
    """The key attributes of a table (index None) and of its indexes, and which indexes hold all attributes."""

    keys: Mapping[str | None, tuple[str, str]]
    whole: frozenset[str | None]


@cache
def table() -> Table:
    """The stack's table. The tests have no other."""
    definition = table_definition()

    def keys(schema: list[dict[str, str]]) -> tuple[str, str]:
        named = {each["KeyType"]: each["AttributeName"] for each in schema}
        return named["HASH"], named["RANGE"]

    indexes = definition["GlobalSecondaryIndexes"]
    found: dict[str | None, tuple[str, str]] = {None: keys(definition["KeySchema"])}
    found |= {index["IndexName"]: keys(index["KeySchema"]) for index in indexes}
    whole = {index["IndexName"] for index in indexes if index["Projection"]["ProjectionType"] == "ALL"}
    return Table(found, frozenset({None, *whole}))


def key_of(item: Item) -> tuple[str, ...]:
    return tuple(str(item.get(name)) for name in table().keys[None])


# --- expressions


@rule("dynamodb", "an expression is written by DynamoDB's grammar", source=f"{GUIDE}/Expressions.html")
def _syntax(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        for name in EXPRESSIONS:
            if name in params:
                try:
                    read(name, params[name])
                except ExpressionError as error:
                    yield f"{name} {params[name]!r}: {error}"


@rule("dynamodb", "no brackets right around brackets", source=f"{DYNALITE}/condition-parser.pegjs")
def _doubled(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        for name, expression in parsed(params).items():
            if expression.doubled:
                yield f"{name} {expression.text!r} has redundant brackets"


@rule(
    "dynamodb",
    "every name and value that is defined is used, and every used one is defined",
    source=f"{GUIDE}/Expressions.ExpressionAttributeNames.html",
)
def _unused(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        used = {name for expression in parsed(params).values() for name in expression.used}
        defined = {*params.get("ExpressionAttributeNames", {}), *params.get("ExpressionAttributeValues", {})}
        if used != defined:
            yield f"unused: {sorted(defined - used)}, undefined: {sorted(used - defined)}"


@rule(
    "dynamodb",
    "no empty set of names or values",
    source=f"{GUIDE}/Expressions.ExpressionAttributeValues.html",
)
def _none_defined(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            if name in params and not params[name]:
                yield f"{name} is empty"
            elif name in params and not any(each in params for each in EXPRESSIONS):
                yield f"{name} without an expression"


@rule("dynamodb", "no reserved word in an expression", source=f"{GUIDE}/ReservedWords.html")
def _reserved(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        for name, expression in parsed(params).items():
            if found := sorted(word for word in expression.bare if word.upper() in RESERVED):
                yield f"{name} names {found} without an alias"


@rule("dynamodb", "names and values are written as # or : and letters, digits or _, in 255 bytes", source=CONSTRAINTS)
def _placeholders(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        for sign, name in (("#", "ExpressionAttributeNames"), (":", "ExpressionAttributeValues")):
            for each in params.get(name, {}):
                if not re.fullmatch(rf"{sign}[A-Za-z0-9_]+", each) or len(each.encode()) > 255:
                    yield f"{name} has {each!r}"


@rule("dynamodb", "an expression has at most 4 KB, 300 operators, and 100 operands of IN", source=CONSTRAINTS)
def _limits(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        for name, expression in parsed(params).items():
            if len(expression.text.encode()) > 4 * KB:
                yield f"{name} has {len(expression.text.encode())} bytes"
            if expression.operators > 300:
                yield f"{name} has {expression.operators} operators"
            if any(isinstance(each, Node) and each.op == "IN" and len(each.args) > 101 for each in expression.all()):
                yield f"{name} has too many operands of IN"


@rule("dynamodb", "all names and values of an expression have at most 2 MB", source=CONSTRAINTS)
def _substitutions(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        names, values = (params.get(f"ExpressionAttribute{each}", {}) for each in ("Names", "Values"))
        size = sum(len(name) + len(of.encode()) for name, of in names.items()) + item_size(values)
        if size > 2 * MB:
            yield f"they have {size} bytes"


@rule(
    "dynamodb",
    "the paths of an update and of a projection do not overlap",
    source=f"{GUIDE}/Expressions.UpdateExpressions.html",
)
def _overlaps(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        projected = parsed(params).get("ProjectionExpression")
        for paths in (target_paths(params), [resolved(p, params) for p in projected.paths] if projected else []):
            ordered = sorted(paths, key=lambda path: [str(element) for element in path])
            for one, other in pairwise(ordered):
                if other[: len(one)] == one:
                    yield f"{one} and {other} overlap"


@rule("dynamodb", "each clause stands once in an update", source=f"{GUIDE}/Expressions.UpdateExpressions.html")
def _clauses(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        if update := parsed(params).get("UpdateExpression"):
            words = [each.op for each in update.roots if isinstance(each, Node)]
            if len(set(words)) < len(words):
                yield f"the clauses are {words}"


@rule("dynamodb", "an update changes no key", "UpdateItem", "TransactWriteItems", source=f"{API}/API_UpdateItem.html")
def _keys_changed(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        if changed := {path[0] for path in target_paths(params)} & {*table().keys[None]}:
            yield f"it changes {sorted(map(str, changed))}"


@rule("dynamodb", "ADD takes a number or a set, DELETE a set", source=f"{GUIDE}/Expressions.UpdateExpressions.html")
def _amounts(request: Request) -> Iterator[str]:
    allowed = {"ADD": {"N", "SS", "NS", "BS"}, "DELETE": {"SS", "NS", "BS"}}
    for params in with_expressions(request):
        update = parsed(params).get("UpdateExpression")
        clauses = [each for each in (update.roots if update else ()) if isinstance(each, Node) and each.op in allowed]
        for op, each in [(clause.op, each) for clause in clauses for each in clause.args]:
            value = each.args[1] if isinstance(each, Node) else None
            typed = params.get("ExpressionAttributeValues", {}).get(getattr(value, "name", ""), {})
            if not isinstance(value, Value) or not allowed[op] >= typed.keys():
                yield f"{op} {each} has {typed}"


@rule("dynamodb", "expressions and legacy parameters are not mixed", source=f"{GUIDE}/LegacyConditionalParameters.html")
def _legacy(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        old = [name for name in LEGACY if name in params]
        if old and any(name in params for name in EXPRESSIONS):
            yield f"{old} stand with expressions"


# --- keys and values


@rule("dynamodb", "a key has exactly the table's key attributes", source=f"{GUIDE}/HowItWorks.CoreComponents.html")
def _whole_keys(request: Request) -> Iterator[str]:
    for action in actions(request):
        wanted = {*table().keys[None]}
        if "Key" in action.params and action.params["Key"].keys() != wanted:
            yield f"the key is {action.params['Key']}"
        if "Item" in action.params and not action.params["Item"].keys() >= wanted:
            yield f"the item has no {sorted(wanted - action.params['Item'].keys())}"


@rule("dynamodb", "keys are texts of 1 to 2,048 bytes, sort keys of 1 to 1,024", source=CONSTRAINTS)
def _key_sizes(request: Request) -> Iterator[str]:
    for action in actions(request):
        given = {**action.params.get("Key", {}), **action.params.get("Item", {}), **_set_values(action.params)}
        for keys in table().keys.values():
            for name, most in zip(keys, (2048, 1024), strict=True):
                if name in given and not _is_key(given[name], most):
                    yield f"{name} is {str(given[name])[:80]}"


def _is_key(typed: Mapping[str, Any], most: int) -> bool:
    value = typed.get("S")
    return isinstance(value, str) and 1 <= len(value.encode()) <= most


def _set_values(params: Params) -> dict[str, Any]:
    """The values that an update sets whole attributes to."""
    found: dict[str, Any] = {}
    update = parsed(params).get("UpdateExpression")
    for clause in update.roots if update else ():
        for each in clause.args if isinstance(clause, Node) and clause.op == "SET" else ():
            if isinstance(each, Node) and isinstance(each.args[0], Path) and isinstance(each.args[1], Value):
                path = resolved(each.args[0], params)
                value = params.get("ExpressionAttributeValues", {}).get(each.args[1].name)
                if len(path) == 1 and value is not None:
                    found[str(path[0])] = value
    return found


def _values(request: Request) -> Iterator[tuple[str, Any, int]]:
    """(type, value, depth) of every value in a request."""
    for action in actions(request):
        for name in ("Item", "Key", "ExpressionAttributeValues", "ExclusiveStartKey"):
            for typed in action.params.get(name, {}).values():
                yield from _inside(typed, 1)


def _inside(typed: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any, int]]:
    for kind, value in typed.items():
        yield kind, value, depth
        for each in value if kind == "L" else value.values() if kind == "M" else ():
            yield from _inside(each, depth + 1)


@rule(
    "dynamodb",
    "a number has at most 38 digits, from 1E-130 to 9.99E+125",
    source=f"{GUIDE}/HowItWorks.NamingRulesDataTypes.html",
)
def _numbers(request: Request) -> Iterator[str]:
    for kind, value, _ in _values(request):
        for text in [value] if kind == "N" else value if kind == "NS" else []:
            number = Decimal(text)
            digits = "".join(map(str, number.as_tuple().digits)).strip("0")
            if not number.is_finite() or len(digits) > 38 or (number and not -130 <= number.adjusted() <= 125):
                yield f"{text} is no number of DynamoDB's"


@rule(
    "dynamodb",
    "a set is not empty and has each value once",
    source=f"{GUIDE}/HowItWorks.NamingRulesDataTypes.html",
)
def _sets(request: Request) -> Iterator[str]:
    for kind, value, _ in _values(request):
        if kind in ("SS", "NS", "BS") and (not value or len(set(value)) < len(value)):
            yield f"a set is {value}"


@rule("dynamodb", "a value has one type, and is nested 32 levels deep at most", source=CONSTRAINTS)
def _nesting(request: Request) -> Iterator[str]:
    for kind, value, depth in _values(request):
        if depth > 32:
            yield "a value is nested too deep"
        if kind == "NULL" and value is not True:
            yield "NULL is not true"


@rule("dynamodb", "an item has at most 400 KB", source=CONSTRAINTS)
def _item_sizes(request: Request) -> Iterator[str]:
    for action in actions(request):
        size = item_size(action.params.get("Item", {}))
        if size > 400 * KB:
            yield f"an item has {size} bytes"
        if (size := item_size(_set_values(action.params))) > 400 * KB:
            yield f"an update writes {size} bytes"


# --- reads


READS = ("Query", "Scan")


@rule(
    "dynamodb",
    "no consistent read of a global index",
    *READS,
    source=f"{GUIDE}/HowItWorks.ReadConsistency.html",
)
def _consistent(request: Request) -> Iterator[str]:
    if request.params.get("ConsistentRead") and request.params.get("IndexName"):
        yield f"{request.params['IndexName']} is a global index"


@rule("dynamodb", "the index exists", *READS, source=f"{API}/API_Query.html")
def _indexes(request: Request) -> Iterator[str]:
    if request.params.get("IndexName") not in table().keys:
        yield f"there is no index {request.params['IndexName']!r}"


@rule(
    "dynamodb",
    "a key condition is one value of the partition key, and at most one range of the sort key",
    "Query",
    source=f"{GUIDE}/Query.KeyConditionExpressions.html",
)
def _key_conditions(request: Request) -> Iterator[str]:
    expression = parsed(request.params).get("KeyConditionExpression")
    keys = table().keys.get(request.params.get("IndexName"))
    if expression is None or keys is None:
        return
    seen = {}
    for part in parts_of(expression.roots[0]):
        if not isinstance(part, Node) or not isinstance(part.args[0], Path):
            yield f"{part} is no condition on a key"
            continue
        seen[resolved(part.args[0], request.params)] = part.op
        if not all(isinstance(each, Value) for each in part.args[1:]):
            yield "a key can be compared with a value only"
    ranges = {"=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"}
    wanted: dict[tuple[str | int, ...], set[str]] = {(keys[0],): {"="}, (keys[1],): ranges}
    if (keys[0],) not in seen or any(op not in wanted.get(path, ()) for path, op in seen.items()):
        yield f"{seen} is no condition on the keys {keys}"
    if len(seen) < len(parts_of(expression.roots[0])):
        yield "a key has two conditions"


@rule("dynamodb", "the upper bound of BETWEEN is not below the lower one", source=f"{DYNALITE}/condition-parser.pegjs")
def _between(request: Request) -> Iterator[str]:
    for params in with_expressions(request):
        for expression in parsed(params).values():
            for each in expression.all():
                if isinstance(each, Node) and each.op == "BETWEEN":
                    low, high = (_sortable(bound, params) for bound in each.args[1:])
                    if low is not None and high is not None and (low[0] != high[0] or low[1] > high[1]):
                        yield f"{low} is not below {high}"


def _sortable(bound: object, params: Params) -> tuple[str, Any] | None:
    typed = params.get("ExpressionAttributeValues", {}).get(getattr(bound, "name", ""))
    if typed is None:
        return None
    ((kind, value),) = typed.items()
    return kind, value.encode() if kind == "S" else Decimal(value) if kind == "N" else value


@rule("dynamodb", "a Query's filter names no key", "Query", source=f"{GUIDE}/Query.FilterExpression.html")
def _filters(request: Request) -> Iterator[str]:
    expression = parsed(request.params).get("FilterExpression")
    keys = table().keys.get(request.params.get("IndexName"), ())
    for path in expression.paths if expression else ():
        if (name := resolved(path, request.params)[0]) in keys:
            yield f"it names {name}"


@rule("dynamodb", "Limit is 1 or more", *READS, source=f"{API}/API_Query.html")
def _limit(request: Request) -> Iterator[str]:
    if request.params.get("Limit", 1) < 1:
        yield f"Limit is {request.params['Limit']}"


@rule("dynamodb", "Select goes with what is projected", *READS, source=f"{API}/API_Query.html")
def _select(request: Request) -> Iterator[str]:
    params = request.params
    select, index = params.get("Select"), params.get("IndexName")
    projection = params.get("ProjectionExpression") or params.get("AttributesToGet")
    if select and (select == "SPECIFIC_ATTRIBUTES") != bool(projection):
        yield f"Select is {select}, and the projection {projection!r}"
    if select == "ALL_PROJECTED_ATTRIBUTES" and not index:
        yield "a table has no projected attributes"
    if select == "ALL_ATTRIBUTES" and index not in table().whole:
        yield f"{index} does not have all attributes"


@rule("dynamodb", "a global index gives projected attributes only", *READS, source=f"{API}/API_Query.html")
def _projected(request: Request) -> Iterator[str]:
    index, expression = request.params.get("IndexName"), parsed(request.params).get("ProjectionExpression")
    if expression and index in table().keys and index not in table().whole:
        held = {*table().keys[None], *table().keys[index]}
        asked = {str(resolved(path, request.params)[0]) for path in expression.paths}
        if asked - held:
            yield f"{index} does not have {sorted(asked - held)}"


@rule(
    "dynamodb",
    "a read goes on from a key of the partition and the index that it reads",
    *READS,
    source=f"{GUIDE}/Query.Pagination.html",
)
def _start_keys(request: Request) -> Iterator[str]:
    start, keys = request.params.get("ExclusiveStartKey"), table().keys.get(request.params.get("IndexName"))
    if start is None or keys is None:
        return
    if start.keys() != {*table().keys[None], *keys}:
        yield f"the start key is {start}"
        return
    expression = parsed(request.params).get("KeyConditionExpression")
    for part in parts_of(expression.roots[0]) if expression else ():
        if isinstance(part, Node) and part.op == "=" and isinstance(part.args[0], Path):
            name = str(resolved(part.args[0], request.params)[0])
            value = request.params["ExpressionAttributeValues"].get(getattr(part.args[1], "name", ""))
            if name in start and value is not None and start[name] != value:
                yield f"{start[name]} is outside of the partition {value}"


@rule("dynamodb", "a segment is below the number of segments", "Scan", source=f"{API}/API_Scan.html")
def _segments(request: Request) -> Iterator[str]:
    segment, of = request.params.get("Segment"), request.params.get("TotalSegments")
    if (segment is None) != (of is None) or (segment is not None and of is not None and not 0 <= segment < of):
        yield f"segment {segment} of {of}"


# --- writes


RETURNS = {
    "PutItem": {"NONE", "ALL_OLD"},
    "DeleteItem": {"NONE", "ALL_OLD"},
    "UpdateItem": {"NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"},
}


@rule("dynamodb", "a write returns what it can return", *RETURNS, source=f"{API}/API_PutItem.html")
def _returns(request: Request) -> Iterator[str]:
    wanted = request.params.get("ReturnValues", "NONE")
    if wanted not in RETURNS[request.operation]:
        yield f"ReturnValues is {wanted!r}"


@rule(
    "dynamodb",
    "a failed condition returns ALL_OLD or NONE",
    source=f"{API}/API_UpdateItem.html",
)
def _returns_on_failure(request: Request) -> Iterator[str]:
    for action in actions(request):
        wanted = action.params.get("ReturnValuesOnConditionCheckFailure", "NONE")
        if wanted not in ("NONE", "ALL_OLD"):
            yield f"ReturnValuesOnConditionCheckFailure is {wanted!r}"


BATCHES = {"BatchGetItem": 100, "BatchWriteItem": 25, "TransactWriteItems": 100, "TransactGetItems": 100}


@rule("dynamodb", "a batch has 1 to 100 items, or 25 to write", *BATCHES, source=CONSTRAINTS)
def _batch_sizes(request: Request) -> Iterator[str]:
    count = sum(1 for _ in actions(request))
    if not 1 <= count <= BATCHES[request.operation]:
        yield f"it has {count}"
    for own in request.params.get("RequestItems", {}).values():
        if not (own.get("Keys") if isinstance(own, Mapping) else own):
            yield "a table has no items in it"


@rule("dynamodb", "no item stands twice in a batch or transaction", *BATCHES, source=f"{API}/API_BatchWriteItem.html")
def _duplicates(request: Request) -> Iterator[str]:
    seen = set()
    for action in actions(request):
        key = action.table, key_of(action.params.get("Key") or action.params.get("Item") or {})
        if key in seen:
            yield f"{key} stands in it twice"
        seen.add(key)


@rule("dynamodb", "a transaction has at most 4 MB", "TransactWriteItems", source=f"{API}/API_TransactWriteItems.html")
def _transaction_size(request: Request) -> Iterator[str]:
    size = sum(item_size(a.params.get("Item") or _set_values(a.params)) for a in actions(request))
    if size > 4 * MB:
        yield f"it has {size} bytes"


@rule("dynamodb", "a BatchWriteItem has at most 16 MB", "BatchWriteItem", source=f"{API}/API_BatchWriteItem.html")
def _batch_bytes(request: Request) -> Iterator[str]:
    size = sum(item_size(action.params.get("Item", {})) for action in actions(request))
    if size > 16 * MB:
        yield f"it has {size} bytes"


# For ten minutes DynamoDB remembers a token. The tests take less.
_tokens: dict[str, str] = {}


@rule(
    "dynamodb",
    "a request token has 1 to 36 characters, and one request",
    "TransactWriteItems",
    source=f"{API}/API_TransactWriteItems.html",
)
def _request_tokens(request: Request) -> Iterator[str]:
    token = request.params.get("ClientRequestToken")
    if token is None:
        return
    if not 1 <= len(token) <= 36:
        yield f"the token has {len(token)} characters"
    if _tokens.setdefault(token, repr(request.params)) != repr(request.params):
        yield "the token was used for another request"
