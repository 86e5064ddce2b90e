"""One line of a bill, and the tables of such lines in Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ops.prices import PRICES


@dataclass(frozen=True)
class Item:
    """One kind of usage. `price` in US dollars for each unit, `free` units of each account a month.

    `key` is the price's name in ops/prices.py, and `payer` what it is paid for, if a table has several.
    """

    name: str
    units: float
    price: float
    said: str
    free: float = 0
    key: str = ""
    payer: str = ""

    @property
    def cost(self) -> float:
        return self.units * self.price

    @property
    def after_free(self) -> float:
        """The cost in an account that uses these units for nothing else."""
        return max(0.0, self.units - self.free) * self.price


def priced(name: str, units: float, price: str, payer: str = "") -> Item:
    """An item with a price of ops/prices.py."""
    found = PRICES[price]
    return Item(name, units, found.amount, found.said, found.free, price, payer)


def number(units: float) -> str:
    if units == int(units) or units >= 1000:
        return f"{units:,.0f}"
    return f"{units:,.3f}"


def with_free_units(items: Iterable[Item]) -> str:
    """A month's items, with what the account's free units leave of them."""
    items = list(items)
    lines = [
        "| A month of | Units | Price | Cost | Free units of the account | Cost after them |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for item in items:
        free = f"{item.free:,.0f}" if item.free else "none"
        lines.append(
            f"| {item.name} | {number(item.units)} | {item.said} | ${item.cost:.2f} | {free} | ${item.after_free:.2f} |"
        )
    whole, least = sum(item.cost for item in items), sum(item.after_free for item in items)
    lines.append(f"| **all** | | | **${whole:.2f}** | | **${least:.2f}** |")
    return "\n".join(lines)


def without_free_units(head: str, items: Iterable[Item], *, digits: int = 2, total: bool = False) -> str:
    """Items without free units. `digits` of the dollars are shown."""
    items = list(items)
    lines = [f"| {head} | Units | Price | Cost |", "|---|--:|--:|--:|"]
    lines += [f"| {each.name} | {number(each.units)} | {each.said} | ${each.cost:,.{digits}f} |" for each in items]
    if total:
        lines.append(f"| **all** | | | **${sum(each.cost for each in items):,.2f}** |")
    return "\n".join(lines)
