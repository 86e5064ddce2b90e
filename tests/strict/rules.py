"""A rule of AWS's for requests, with the address of its source; and the check of one request by all rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """One request as the caller made it, before botocore changes anything.

    `signed`: it is not sent, but signed as an address for somebody else, who sends the body.
    """

    service: str
    operation: str
    params: Params
    signed: bool = False


Check = Callable[[Request], Iterable[str]]


@dataclass(frozen=True)
class Rule:
    """`check` gives a sentence for each way in which a request breaks the rule. No `operations`: all of the service."""

    name: str
    service: str
    operations: frozenset[str]
    source: str
    check: Check = field(compare=False)

    def broken_by(self, request: Request) -> list[str]:
        if request.service != self.service or (self.operations and request.operation not in self.operations):
            return []
        return list(self.check(request))


@dataclass(frozen=True)
class Violation:
    """A request that AWS would refuse, and the rule that says so."""

    rule: Rule
    request: Request
    why: str

    def __str__(self) -> str:
        shown = repr(dict(self.request.params))
        return (
            f"{self.request.service}.{self.request.operation} breaks the rule {self.rule.name!r}: {self.why}\n"
            f"  {self.rule.source}\n  {shown if len(shown) < 1500 else shown[:1500] + ' …'}"
        )


RULES: list[Rule] = []
"""All rules, in the order in which their modules declare them."""


def rule(service: str, name: str, *operations: str, source: str) -> Callable[[Check], Check]:
    """Declares a rule. The decorated function is its check."""

    def declare(check: Check) -> Check:
        RULES.append(Rule(name, service, frozenset(operations), source, check))
        return check

    return declare


def violations(request: Request) -> Iterator[Violation]:
    for each in RULES:
        for why in each.broken_by(request):
            yield Violation(each, request, why)
