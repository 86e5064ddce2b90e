"""Reads DynamoDB's expressions: conditions, updates and projections.

moto's parsers evaluate expressions, and accept more than DynamoDB does. This one only takes them apart, by the grammar
in DynamoDB's documentation:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

_TOKEN = re.compile(r"\s*(?:([#:]?[A-Za-z0-9_]+)|(<>|<=|>=|[=<>()\[\],.+-]))")

COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})
CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")

# How many operands each function takes, and the number of those that must be paths. Names are case-sensitive.
CONDITIONS = {
    "attribute_exists": (1, 1),
    "attribute_not_exists": (1, 1),
    "attribute_type": (2, 1),
    "begins_with": (2, 0),
    "contains": (2, 0),
}
OPERANDS = {"size": (1, 0), "if_not_exists": (2, 1), "list_append": (2, 0)}


class ExpressionError(ValueError):
    """The text is no expression of this kind."""


@dataclass(frozen=True)
class Path:
    """A document path. An element is a bare name, a `#name`, or an index of a list."""

    elements: tuple[str | int, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.elements))


@dataclass(frozen=True)
class Value:
    """A `:value`."""

    name: str


@dataclass(frozen=True)
class Node:
    """An operator, a function or a clause with its operands."""

    op: str
    args: tuple[Operand, ...]


Operand = Path | Value | Node


def walk(operand: Operand) -> Iterator[Operand]:
    """The operand, and everything inside it."""
    yield operand
    if isinstance(operand, Node):
        for each in operand.args:
            yield from walk(each)


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.doubled = False
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise ExpressionError(f"cannot be read from {text[at:].strip()[:20]!r} on")
            self.tokens.append(found[1] or found[2])
            at = found.end()
        self.at = 0

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    @property
    def word(self) -> str:
        return self.next.upper()

    def take(self, *expected: str) -> str:
        token = self.next
        if not token or (expected and token.upper() not in expected):
            raise ExpressionError(f"{token or 'its end'!r} stands where {' or '.join(expected) or 'more'} is expected")
        self.at += 1
        return token

    def list(self, each: Callable[[], Operand]) -> tuple[Operand, ...]:
        found = [each()]
        while self.next == ",":
            self.take()
            found.append(each())
        return tuple(found)

    def end(self) -> None:
        if self.next:
            raise ExpressionError(f"{self.next!r} is too much")

    # --- operands

    def path(self) -> Path:
        elements: list[str | int] = [self.name()]
        while self.next in (".", "["):
            if self.take() == ".":
                elements.append(self.name())
            else:
                elements.append(int(self.take()))
                self.take("]")
        return Path(tuple(elements))

    def name(self) -> str:
        token = self.take()
        if not re.fullmatch(r"#[A-Za-z0-9_]+|[A-Za-z][A-Za-z0-9_]*", token):
            raise ExpressionError(f"{token!r} is no name of an attribute")
        return token

    def operand(self) -> Operand:
        if self.next.startswith(":"):
            return Value(self.take())
        if self.tokens[self.at + 1 : self.at + 2] == ["("]:
            return self.function(OPERANDS)
        return self.path()

    def function(self, known: dict[str, tuple[int, int]]) -> Node:
        name = self.take()
        if name not in known:
            raise ExpressionError(f"there is no function {name!r} here")
        self.take("(")
        args = self.list(self.operand)
        self.take(")")
        count, paths = known[name]
        if len(args) != count or not all(isinstance(each, Path) for each in args[:paths]):
            raise ExpressionError(f"{name} does not take these operands")
        return Node(name, args)

    # --- conditions

    def condition(self) -> Operand:
        return self.joined("OR", lambda: self.joined("AND", self.negation))

    def joined(self, word: str, each: Callable[[], Operand]) -> Operand:
        found = each()
        while self.word == word:
            self.take()
            found = Node(word, (found, each()))
        return found

    def negation(self) -> Operand:
        if self.word == "NOT":
            self.take()
            return Node("NOT", (self.negation(),))
        if self.next == "(":
            self.take()
            begins_with_one, before = self.next == "(", self.at
            inner = self.condition()
            # `((a = :b))`: the first inner bracket ends right before this one.
            if begins_with_one and self._closes(before) == self.at - 1:
                self.doubled = True
            self.take(")")
            return inner
        if self.next in CONDITIONS and self.tokens[self.at + 1 : self.at + 2] == ["("]:
            return self.function(CONDITIONS)
        return self.comparison()

    def _closes(self, opened: int) -> int:
        depth = 0
        for at in range(opened, len(self.tokens)):
            depth += {"(": 1, ")": -1}.get(self.tokens[at], 0)
            if depth == 0:
                return at
        return -1

    def comparison(self) -> Operand:
        left = self.operand()
        if self.word == "BETWEEN":
            self.take()
            low = self.operand()
            self.take("AND")
            return Node("BETWEEN", (left, low, self.operand()))
        if self.word == "IN":
            self.take()
            self.take("(")
            among = self.list(self.operand)
            self.take(")")
            return Node("IN", (left, *among))
        return Node(self.take(*COMPARATORS), (left, self.operand()))

    # --- updates

    def clause(self) -> Node:
        word = self.take(*CLAUSES).upper()
        each: dict[str, Callable[[], Operand]] = {"SET": self.setting, "REMOVE": self.path}
        return Node(word, self.list(each.get(word, self.amount)))

    def setting(self) -> Node:
        target = self.path()
        self.take("=")
        return Node("=", (target, self.sum()))

    def sum(self) -> Operand:
        left = self.operand()
        if self.next in ("+", "-"):
            return Node(self.take(), (left, self.operand()))
        return left

    def amount(self) -> Node:
        return Node("by", (self.path(), self.operand()))


@dataclass(frozen=True)
class Expression:
    """An expression taken apart. `doubled`: it has brackets right around brackets."""

    text: str
    roots: tuple[Operand, ...]
    doubled: bool = False

    def all(self) -> list[Operand]:
        return [each for root in self.roots for each in walk(root)]

    @property
    def paths(self) -> list[Path]:
        return [each for each in self.all() if isinstance(each, Path)]

    @property
    def used(self) -> set[str]:
        """The `#names` and `:values` in it."""
        names = {element for path in self.paths for element in path.elements if str(element).startswith("#")}
        return {str(name) for name in names} | {each.name for each in self.all() if isinstance(each, Value)}

    @property
    def bare(self) -> set[str]:
        """The names of attributes in it that are no `#names`."""
        found = {element for path in self.paths for element in path.elements if isinstance(element, str)}
        return {name for name in found if not name.startswith("#")}

    @property
    def operators(self) -> int:
        return sum(isinstance(each, Node) and each.op not in (*CLAUSES, "by") for each in self.all())

    @property
    def targets(self) -> list[Path]:
        """The paths that an update writes to."""
        found: list[Path] = []
        for clause in self.roots:
            for each in clause.args if isinstance(clause, Node) else ():
                first = each.args[0] if isinstance(each, Node) else each
                found += [first] if isinstance(first, Path) else []
        return found


@cache
def condition(text: str) -> Expression:
    """Reads a condition, a filter or a key condition. Raises ExpressionError."""
    reader = _Reader(text)
    root = reader.condition()
    reader.end()
    return Expression(text, (root,), reader.doubled)


@cache
def update(text: str) -> Expression:
    """Reads an update; its roots are its clauses. Raises ExpressionError."""
    reader = _Reader(text)
    clauses = [reader.clause()]
    while reader.next:
        clauses.append(reader.clause())
    return Expression(text, tuple(clauses))


@cache
def projection(text: str) -> Expression:
    """Reads a list of paths. Raises ExpressionError."""
    reader = _Reader(text)
    paths = reader.list(reader.path)
    reader.end()
    return Expression(text, paths)


def parts_of(root: Operand) -> list[Operand]:
    """The conditions that AND joins."""
    if isinstance(root, Node) and root.op == "AND":
        return [part for each in root.args for part in parts_of(each)]
    return [root]
