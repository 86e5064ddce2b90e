"""Carries out a transition of a file's record, and refuses what the table of transitions does not have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from datetime import datetime
from typing import Any

from chalicelib.catalog import actors
from chalicelib.catalog.dynamodb import ConditionFailedError, update
from chalicelib.catalog.keys import file_key
from chalicelib.catalog.transitions import TRANSITIONS, Transition
from chalicelib.model import File, Status, now, timestamp

_PLACEHOLDER = re.compile(r":(\w+)")


class UnlistedTransitionError(Exception):
    """The table has no such change: a mistake in the code that asked for it."""


def write(
    transition: Transition,
    file_id: str,
    values: Mapping[str, Any],
    *,
    to: Status | None = None,
    moment: datetime | None = None,
    **using: Any,
) -> dict[str, Any]:
    """One conditional UpdateItem. Returns the record's new values, or nothing where clients do not see the change.

    Parameters
    ----------
    values: attributes and what they become, as JSON; None removes one.
    to: the new state, where the table has more than one.
    moment: when the change happens; now, unless given.
    using: the values of the transition's condition, without `:now` and the states.

    Raises
    ------
    ConditionFailedError
        The record is in another state, or does not meet the condition. It carries the record as it is.
    UnlistedTransitionError
        The table has no such change.
    """
    moment = moment or now()
    if to is None and len(transition.target) == 1:
        to = transition.target[0]
    present = {name: value for name, value in values.items() if value is not None}
    gone = [name for name in values if name not in present]
    _check(transition, to, present.keys(), set(gone))
    if to:
        present["status"] = to
    if transition.visible:
        present["updated_at"] = timestamp(moment)
        change = actors.change(transition.told(to), moment)
        present["last_change"] = change.model_dump(mode="json", exclude_none=True)
    return update(
        file_key(file_id),
        values=present,
        remove=[*transition.removes, *gone],
        add=dict.fromkeys(transition.increments, 1),
        condition=transition.expression,
        using=_placeholders(transition, using, moment),
        returning="ALL_NEW" if transition.visible else "NONE",
        # Other changes may follow a claim at once, but its id stays until it ends.
        mark="claim_id" if "claim_id" in present else "",
    )


def attempt(transition: Transition, file_id: str, values: Mapping[str, Any], **more: Any) -> File | None:
    """As `write`, but returns the new record, and None where the record does not meet the condition."""
    try:
        item = write(transition, file_id, values, **more)
    except ConditionFailedError:
        return None
    return File.model_validate(item) if item else None


def _check(transition: Transition, to: Status | None, sets: Set[str], gone: Set[str]) -> None:
    """Raises UnlistedTransitionError for what the table does not have."""
    problem = None
    if transition not in TRANSITIONS or not transition.source:
        problem = "is not in the table"
    elif to not in (transition.target or (None,)):
        problem = f"does not lead to `{to}`"
    elif missing := set(transition.sets) - sets:
        problem = f"must set {sorted(missing)}"
    elif unlisted := sets - {*transition.sets, *transition.may_change}:
        problem = f"may not set {sorted(unlisted)}"
    elif unlisted := gone - set(transition.may_change):
        problem = f"may not remove {sorted(unlisted)}"
    if problem:
        raise UnlistedTransitionError(f"`{transition.name}` {problem}")


def _placeholders(transition: Transition, using: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    wanted = set(_PLACEHOLDER.findall(transition.expression))
    known = {**{str(status): status for status in Status}, "now": timestamp(moment)}
    if wanted - known.keys() != using.keys():
        raise UnlistedTransitionError(f"`{transition.name}` has a condition on {sorted(wanted - known.keys())}")
    return {f":{name}": value for name, value in (known | dict(using)).items() if name in wanted}
