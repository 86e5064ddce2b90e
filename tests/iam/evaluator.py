"""A small evaluator of IAM's identity policies, as documented:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html

moto has one too, but it takes an Allow whose condition does not hold for a Deny, and it can't say which right was used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Need:
    """One right that a call needs. `context` has the condition keys that IAM would know of the call."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Right:
    """One action on one resource, as a statement names them: both may have wildcards."""

    sid: str
    action: str
    resource: str
    conditions: Mapping[str, Any] = field(default_factory=dict, hash=False)
    effect: str = "Allow"

    def covers(self, need: Need) -> bool:
        # IAM does not look at the case of an action: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
        return (
            _pattern(self.action.lower()).fullmatch(need.action.lower()) is not None
            and _pattern(self.resource).fullmatch(need.resource) is not None
            and all(_holds(kind, wanted, need.context) for kind, wanted in self.conditions.items())
        )


def rights(document: Document) -> list[Right]:
    """Every pair of an action and a resource in a policy."""
    return [
        Right(s.get("Sid", ""), action, resource, s.get("Condition", {}), s["Effect"])
        for s in document["Statement"]
        for action in _several(s["Action"])
        for resource in _several(s["Resource"])
    ]


def allowed_by(among: Iterable[Right], need: Need) -> list[Right]:
    """The rights that allow this need; none if a statement denies it, or if none allows it."""
    found = [right for right in among if right.covers(need)]
    return [] if any(right.effect == "Deny" for right in found) else found


def _several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """IAM's wildcards: * is any number of characters, and ? is one. Brackets mean themselves, unlike in fnmatch."""
    return re.compile("".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in text))


def _holds(kind: str, wanted: Mapping[str, str | list[str]], context: Mapping[str, str]) -> bool:
    """True if each key of a condition has one of its values. A key that the call does not have makes it false.

    With a negated operator each key must have none of its values, and a key that the call does not have makes it true:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    A key with several values, which `ForAnyValue:` is for, has them separated by commas here.
    """
    if kind not in _OPERATORS:
        raise NotImplementedError(f"the condition operator {kind}")
    negated, several = kind in _NEGATED, kind.startswith("ForAnyValue:")
    for key, values in wanted.items():
        has = context.get(key, "").split(",") if several else [context[key]] if key in context else []
        found = any(_pattern(value).fullmatch(each) for value in _several(values) for each in has)
        if found is negated:
            return False
    return True


_NEGATED = frozenset({"StringNotEquals", "ArnNotEquals"})
_OPERATORS = _NEGATED | {"StringEquals", "StringLike", "ArnEquals", "ArnLike", "ForAnyValue:StringEquals"}
