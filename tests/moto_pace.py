"""Spares moto what it repeats in every call. The answers stay the same; most of the tests' time was spent there.

- Where a value of an answer may stand in moto's objects depends on their class and on the shape, so it is found once.
- Two checks of an update expression look at the whole expression; moto repeats them for each of its nested parts.
- Each step of reading an expression asks for the same table of its kinds of nodes.
- Expressions of one text fall into the same pieces, and the operations of a service are the same at each call.
"""

from __future__ import annotations

from collections import deque
from functools import cache, lru_cache
from typing import Any


@cache
def spare_repeated_work() -> None:
    """Changes moto for the rest of this process, once."""
    _find_places_once()
    _check_whole_expressions_once()
    _keep_tables_of_nodes()
    _cut_expressions_once()
    _list_operations_once()


def _find_places_once() -> None:
    from moto.core import utils
    from moto.core.serialize import AttributePicker

    picker: Any = AttributePicker
    moto: Any = utils
    answer = picker.__call__

    def places(self: Any, context: Any) -> list[str]:
        """The names under which objects of this class may have the value, in moto's order."""
        of_shape = context.shape.__dict__.setdefault("_filemill_places", {})
        key = (type(self), tuple(self.alias_providers), type(context.obj), context.key)
        if key not in of_shape:
            of_shape[key] = list(dict.fromkeys(self.get_possible_keys(context)))
        found: list[str] = of_shape[key]
        return found

    def picked(self: Any, context: Any) -> Any:
        if self.response_transformers or context.shape is None or hasattr(context.obj, "Meta"):
            return answer(self, context)
        obj = context.obj
        for place in places(self, context):
            if type(obj) is dict and "." not in place:
                if place in obj:
                    return obj[place]
            elif (value := moto.get_value(obj, place, moto.MISSING)) is not moto.MISSING:
                return value
        return None

    picker.__call__ = picked


def _check_whole_expressions_once() -> None:
    from moto.dynamodb.parsing import ast_nodes
    from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator

    nodes: Any = ast_nodes

    def whole(self: Any, node: Any) -> Any:
        return self.process(node) if isinstance(node, nodes.UpdateExpression) else node

    validator: Any
    for validator in (ActionCountValidator, OverlappingPathsValidator):
        validator.traverse = whole


def _keep_tables_of_nodes() -> None:
    from moto.dynamodb.parsing import ast_nodes

    nodes: Any = ast_nodes
    traverser = nodes.DepthFirstTraverser

    def kinds(self: Any) -> Any:
        if "_kinds" not in self.__dict__:
            self._table = self._processing_map()
            self._kinds = tuple(self._table)
        return self._kinds

    def process(self: Any, node: Any) -> Any:
        kinds(self)
        for kind, processor in self._table.items():
            if isinstance(node, kind):
                return processor(node)
        return None

    traverser.nodes_to_be_processed, traverser.process = kinds, process


def _cut_expressions_once() -> None:
    """Pieces are not changed by those who read them; their list is."""
    from moto.dynamodb.comparisons import ConditionExpressionParser
    from moto.dynamodb.parsing.tokens import ExpressionTokenizer

    parser: Any = ConditionExpressionParser
    tokenizer: Any = ExpressionTokenizer
    cut, make_list = parser._lex_condition_expression, tokenizer.make_list

    @lru_cache(maxsize=1024)
    def pieces(text: str) -> tuple[Any, ...]:
        return tuple(cut(parser(text, {}, {})))

    @lru_cache(maxsize=1024)
    def tokens(text: str) -> tuple[Any, ...]:
        return tuple(make_list(text))

    parser._lex_condition_expression = lambda self: deque(pieces(self.condition_expression))
    tokenizer.make_list = lambda text: list(tokens(text))


def _list_operations_once() -> None:
    from moto.core import responses

    moto: Any = responses
    moto.method_names_from_class = cache(moto.method_names_from_class)
