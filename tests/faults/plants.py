"""Faults that are planted in more than one test, to show that the harness finds them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from chalicelib.catalog import record_writer
from tests import transitions


def written_without(patch: pytest.MonkeyPatch, condition: str) -> None:
    """Every transition with this condition is written, whatever the record is."""
    update: Any = vars(record_writer)["update"]

    def careless(key: Any, **more: Any) -> dict[str, Any]:
        if more["condition"].endswith(condition):
            more |= {"condition": "attribute_exists(pk)", "using": {}}
        written: dict[str, Any] = update(key, **more)
        return written

    patch.setattr(record_writer, "update", careless)


def unguarded(patch: pytest.MonkeyPatch) -> None:
    """No write is held to the table of transitions, so that a fault must show in what it leads to."""
    patch.setattr(transitions, "watched", lambda: nullcontext([]))
