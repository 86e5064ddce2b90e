"""The small faults that a module can have: each is one piece of its text and what stands there instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

# Calls that say something to people alone: the tests do not look at them.
UNSEEN = ("logger", "append")


@dataclass(frozen=True)
class Fault:
    """`start` and `end` are places in the module's bytes. `before` and `after` are the lines that change, stripped."""

    module: str
    line: int
    function: str
    kind: str
    before: str
    after: str
    start: int
    end: int
    text: str

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What names the fault as long as its lines stay: not the line's number."""
        return self.module, self.function, self.before, self.after

    def planted(self, source: bytes) -> bytes:
        return source[: self.start] + self.text.encode() + source[self.end :]


def is_valid(source: bytes, fault: Fault) -> bool:
    """True if the module can still be read: brackets about an element may be cut in two, which is no small fault."""
    if not fault.module.endswith(".py"):
        return True
    try:
        ast.parse(fault.planted(source))
    except SyntaxError:
        return False
    return True


def faults_of(module: str, source: bytes) -> list[Fault]:
    """Every fault that can be planted in a module, in the order of its text; `is_valid` says which of them are sound.

    `module` is its path in the project.
    """
    text = _Script(module, source) if module.endswith(".js") else _Module(module, source)
    found = text.faults()
    return sorted(found, key=lambda fault: (fault.start, fault.end, fault.text))


class _Text:
    """A module's text, with places in bytes."""

    def __init__(self, module: str, source: bytes) -> None:
        self.module, self.source = module, source
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def at(self, line: int, column: int) -> int:
        return self._lines[line - 1] + column

    def fault(self, function: str, kind: str, start: int, end: int, text: str) -> Fault:
        number = self.source.count(b"\n", 0, start) + 1
        first, last = self._lines[number - 1], self.source.find(b"\n", end)
        last = len(self.source) if last < 0 else last
        before = self.source[first:last]
        after = self.source[first:start] + text.encode() + self.source[end:last]
        was, becomes = (" ".join(part.decode().split()) for part in (before, after))
        return Fault(self.module, number, function, kind, was, becomes, start, end, text)


COMPARISONS = {
    "==": "!=",
    "!=": "==",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "is not": "is",
    "is": "is not",
    "not in": "in",
    "in": "not in",
}

# Words of DynamoDB's expressions: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
EXPRESSIONS = {
    " AND ": " OR ",
    " OR ": " AND ",
    " <= ": " < ",
    " < ": " <= ",
    " <> ": " = ",
    "attribute_not_exists": "attribute_exists",
    "attribute_exists": "attribute_not_exists",
}


class _Module(_Text):
    def faults(self) -> Iterator[Fault]:
        yield from self._walk(ast.parse(self.source), "")

    def _walk(self, node: ast.AST, function: str) -> Iterator[Fault]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            function = f"{function}.{node.name}".lstrip(".")
        yield from self._faults(node, function)
        for child in self._children(node):
            yield from self._walk(child, function)

    @staticmethod
    def _children(node: ast.AST) -> Iterator[ast.AST]:
        """Without annotations, docstrings, the words of a log, and what only a type checker reads."""
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):  # dict[str, Any]
            yield node.value
            return
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if not isinstance(child, ast.AST):
                    continue
                docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
                if not docstring and not _is_unseen(child):
                    yield child

    def _faults(self, node: ast.AST, function: str) -> Iterator[Fault]:
        for kind, place, text in self._changes(node):
            yield self.fault(function, kind, *place, text)

    def _changes(self, node: ast.AST) -> Iterator[tuple[str, tuple[int, int], str]]:
        match node:
            case ast.Compare():
                yield from self._comparisons(node)
            case ast.BoolOp():
                yield from self._connections(node)
            case ast.If() | ast.While() | ast.IfExp():
                yield "condition turned", self._place(node.test), f"not ({self._said(node.test)})"
            case ast.UnaryOp(op=ast.Not()):
                yield "not dropped", self._place(node), self._said(node.operand)
            case ast.Expr(value=ast.Call()) | ast.Raise():
                yield "statement dropped", self._place(node), "pass"
            case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
                yield "nothing returned", self._place(value), "None"
            case ast.Constant():
                yield from self._constant(node)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                yield from self._sum(node)
            case ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
                yield from self._elements(node)
            case ast.keyword(arg=str(), value=ast.Constant()):
                yield from self._keyword(node)

    def _comparisons(self, node: ast.Compare) -> Iterator[tuple[str, tuple[int, int], str]]:
        left: ast.expr = node.left
        for right in node.comparators:
            yield from self._between(left, right, COMPARISONS, "comparison flipped")
            left = right

    def _connections(self, node: ast.BoolOp) -> Iterator[tuple[str, tuple[int, int], str]]:
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from self._between(left, right, {"and": "or", "or": "and"}, "and, or")

    def _sum(self, node: ast.BinOp) -> Iterator[tuple[str, tuple[int, int], str]]:
        texts = (ast.JoinedStr, ast.Tuple, ast.List)
        parts = (node.left, node.right)
        if not any(isinstance(p, texts) or (isinstance(p, ast.Constant) and isinstance(p.value, str)) for p in parts):
            yield from self._between(*parts, {"+": "-", "-": "+"}, "sum turned")

    def _between(
        self, left: ast.expr, right: ast.expr, words: dict[str, str], kind: str
    ) -> Iterator[tuple[str, tuple[int, int], str]]:
        """The operator between two operands; there may be brackets and line breaks about it."""
        begin, end = self._place(left)[1], self._place(right)[0]
        longest = sorted(words, key=len, reverse=True)
        pattern = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in longest)
        if match := re.search(pattern.encode(), self.source[begin:end]):
            word = " ".join(match[0].decode().split())
            yield kind, (begin + match.start(), begin + match.end()), words[word]

    def _constant(self, node: ast.Constant) -> Iterator[tuple[str, tuple[int, int], str]]:
        place = self._place(node)
        if isinstance(node.value, bool):
            yield "constant changed", place, str(not node.value)
        elif isinstance(node.value, int):
            yield "constant changed", place, str(node.value + 1)
        elif isinstance(node.value, str):
            said = self._said(node)
            for word, other in EXPRESSIONS.items():
                if word in said:
                    yield "expression changed", place, said.replace(word, other, 1)

    def _elements(self, node: ast.Tuple | ast.List | ast.Set | ast.Dict) -> Iterator[tuple[str, tuple[int, int], str]]:
        """One of several left out."""
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            # `**values` has no key, and its asterisks are no part of it.
            places = [
                (self._place(key)[0] if key else self._place(value)[0] - 2, self._place(value)[1])
                for key, value in pairs
            ]
        elif isinstance(getattr(node, "ctx", None), ast.Store):
            return
        else:
            places = [self._place(element) for element in node.elts]
        if isinstance(node, ast.Tuple) and len(places) == 2:
            comma = b"" if self.source[places[1][1] :].lstrip().startswith(b",") else b","
            for start, end in reversed(places):
                yield "element dropped", (places[0][0], places[1][1]), (self.source[start:end] + comma).decode()
            return
        for index in range(len(places) if len(places) > 1 else 0):
            last = index + 1 == len(places)
            cut = (places[index - 1][1], places[index][1]) if last else (places[index][0], places[index + 1][0])
            yield "element dropped", cut, ""

    def _keyword(self, node: ast.keyword) -> Iterator[tuple[str, tuple[int, int], str]]:
        start, end = self._place(node)
        while self.source[end : end + 1] in (b" ", b"\n"):
            end += 1
        if self.source[end : end + 1] == b",":
            yield "argument dropped", (start, end + 1), ""
        elif (before := self.source.rfind(b",", 0, start)) >= 0 and not self.source[before + 1 : start].strip():
            yield "argument dropped", (before, self._place(node)[1]), ""

    def _place(self, node: ast.AST) -> tuple[int, int]:
        place = [getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")]
        return self.at(place[0], place[1]), self.at(place[2], place[3])

    def _said(self, node: ast.AST) -> str:
        start, end = self._place(node)
        return self.source[start:end].decode()


def _is_unseen(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=function)):
            return ast.unparse(function).partition(".")[0] in UNSEEN
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
    return False


class _Script(_Text):
    """JavaScript, by its words: comments and text in quotes are left alone, as far as a line shows them."""

    WORDS = {
        "===": "!==",
        "!==": "===",
        "&&": "||",
        "||": "&&",
        "<": "<=",
        ">": ">=",
        "true": "false",
        "false": "true",
        "null": "undefined",
        "continue": "",
    }
    _TOKEN = re.compile(
        rb"//[^\n]*|/\*.*?\*/|'[^'\n]*'|\"[^\"\n]*\"|/(?![*/ ])(?:\\.|\[[^\]\n]*\]|[^/\n\\])+/[a-z]*"
        rb"|===|!==|&&|\|\||=>|<=|>=|[<>]|\b(?:true|false|null|continue)\b|\b\d+\b|\bfunction (\w+)"
        rb"|\bif \((?P<test>[^\n]*)\) \{",
        re.DOTALL,
    )

    def faults(self) -> Iterator[Fault]:
        function = ""
        place = 0
        while match := self._TOKEN.search(self.source, place):
            place = match.end()
            word = match[0].decode()
            if match[1]:
                function = match[1].decode()
            elif match["test"] is not None:
                start, end = match.span("test")
                yield self.fault(function, "condition turned", start, end, f"!({match['test'].decode()})")
                place = start  # the words of the condition come next
            elif word in self.WORDS:
                yield self.fault(function, "word changed", *match.span(), self.WORDS[word])
            elif word.isdigit():
                yield self.fault(function, "constant changed", *match.span(), str(int(word) + 1))
