"""The state of a webhook's deliveries: who delivers now, how the receiver has answered lately, and when it is due.

One worker delivers to a webhook at a time: the one that has the lease. A message that finds another worker at it notes
that in `wake`, and leaves. The worker looks again before it lets go, because it can let go only if `wake` is as it read
it. The sweep wakes a webhook that is due (`by_due`), in case its message was lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.catalog.dynamodb import ConditionFailedError, get_item, update
from chalicelib.catalog.keys import due_keys, webhook_state_key
from chalicelib.model import now, timestamp

# The sweep looks after a webhook this long after events were announced to it, or after another worker left it alone.
NET = timedelta(minutes=5)
# A person's probe is tried although nothing is to be sent for a while. This is the least time between two of them.
PROBE_EVERY = timedelta(seconds=10)
# The index follows the table by a moment. This is much more than it ever takes.
INDEX_COMES = timedelta(seconds=60)

_DUE = ("due_pk", "due_sk")
_LEASE = ("lease_id", "lease_until")


@dataclass
class Health:
    """How the receiver has answered lately.

    `failures` counts tries that failed since the last success, the first of them at `failing_since`. Until
    `open_until` nothing is sent. `well` is true if the last tries succeeded, and were not slow.
    """

    failures: int = 0
    failing_since: datetime | None = None
    open_until: datetime | None = None
    well: bool = False


@dataclass
class State:
    """A webhook's state as its worker has read it. `waking_at` is when a delayed message comes that was sent before.

    With `probe`, the worker may try although nothing is to be sent for a while.
    """

    tenant: str
    webhook_id: str
    lease_id: str
    wake: int = 0
    woken_at: datetime | None = None
    waking_at: datetime | None = None
    health: Health = field(default_factory=Health)
    probe: bool = False


def arm(tenant: str, webhook_id: str) -> None:
    """Has the sweep look after the webhook in NET, unless it does so earlier: one UpdateItem."""
    due = due_keys(webhook_id, now() + NET)
    try:
        update(
            webhook_state_key(webhook_id),
            values={"tenant": tenant, **due},
            condition="attribute_not_exists(due_sk) OR due_sk > :due",
            using={":due": due["due_sk"]},
            returning="NONE",
        )
    except ConditionFailedError:
        return


def acquire(tenant: str, webhook_id: str, lease_id: str, seconds: float, *, probe: bool = False) -> State | None:
    """Takes the lease for `seconds`, unless another worker has it or nothing is to be sent now: one UpdateItem.

    None otherwise. If another worker has it, that one looks again. With `probe`, the lease is given although nothing
    is to be sent for a while, unless that was so less than PROBE_EVERY ago: then the probe is like any other message,
    which may cost a second UpdateItem. If the worker dies, the sweep finds the webhook when the lease is over.
    """
    while True:
        moment = now()
        until = moment + timedelta(seconds=seconds)
        condition = "(attribute_not_exists(lease_until) OR lease_until < :now)"
        values = {"tenant": tenant, "lease_id": lease_id, "lease_until": timestamp(until)}
        using = {":now": timestamp(moment)}
        if probe:
            condition += " AND (attribute_not_exists(probed_at) OR probed_at <= :before)"
            values |= {"probed_at": timestamp(moment)}
            using |= {":before": timestamp(moment - PROBE_EVERY)}
        else:
            condition += " AND (attribute_not_exists(open_until) OR open_until <= :now)"
        try:
            item = update(
                webhook_state_key(webhook_id),
                values=values | due_keys(webhook_id, until),
                condition=condition,
                using=using,
                mark="lease_id",
            )
            return _state(item, webhook_id, probe)
        except ConditionFailedError as refused:
            item = refused.item or {}
        if item.get("lease_until", "") < timestamp(moment):
            if probe:
                probe = False
                continue
            return None  # nothing is to be sent, and a message or the sweep comes when that is over
        if _wake(webhook_id, item["lease_id"]):
            return None


def _wake(webhook_id: str, lease_id: str) -> bool:
    """Has the worker with this lease look again. False if it has let go."""
    try:
        update(
            webhook_state_key(webhook_id),
            values={"woken_at": timestamp(now())},
            add={"wake": 1},
            condition="lease_id = :lease",
            using={":lease": lease_id},
            returning="NONE",
        )
    except ConditionFailedError:
        return False
    return True


def release(state: State, due: datetime | None, waking_at: datetime | None, *, whatever: bool = False) -> bool:
    """Lets go, and notes the health, and when the webhook is due (None: never): one UpdateItem.

    False if somebody woke the worker meanwhile, or another worker has the lease. `state` then has the present `wake`,
    or no lease. With `whatever`, lets go although somebody woke it.
    """
    health = state.health
    values: dict[str, Any] = {
        "failures": health.failures or None,
        "failing_since": timestamp(health.failing_since) if health.failing_since else None,
        "open_until": timestamp(health.open_until) if health.open_until else None,
        "well": health.well or None,
        "waking_at": timestamp(waking_at) if waking_at else None,
        **(due_keys(state.webhook_id, due) if due else dict.fromkeys(_DUE)),
        **dict.fromkeys(_LEASE),
    }
    condition, using = "lease_id = :lease", {":lease": state.lease_id}
    if not whatever:
        condition += " AND (attribute_not_exists(wake) OR wake = :wake)" if state.wake == 0 else " AND wake = :wake"
        using |= {":wake": state.wake}  # type: ignore[dict-item]
    try:
        update(
            webhook_state_key(state.webhook_id),
            values={name: value for name, value in values.items() if value is not None},
            remove=[name for name, value in values.items() if value is None],
            condition=condition,
            using=using,
            returning="NONE",
        )
    except ConditionFailedError as refused:
        item = refused.item or {}
        if item.get("lease_id") != state.lease_id:
            state.lease_id = ""
        else:
            state.wake, state.woken_at = item.get("wake", 0), _moment(item, "woken_at")
        return False
    return True


def put_off(webhook_id: str, due_sk: str) -> str | None:
    """Has the sweep look at the webhook again in NET; gives its tenant. None if it is not due as `due_sk` says."""
    try:
        item = update(
            webhook_state_key(webhook_id),
            values=due_keys(webhook_id, now() + NET),
            condition="due_sk = :due",
            using={":due": due_sk},
        )
    except ConditionFailedError:
        return None
    tenant: str = item["tenant"]
    return tenant


def get(webhook_id: str) -> Health | None:
    """How a webhook's receiver has answered lately; None if nothing was ever sent: one GetItem, strongly consistent."""
    item = get_item(webhook_state_key(webhook_id))
    return _health(item) if item else None


def _moment(item: Mapping[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(item[name]) if item.get(name) else None


def _health(item: Mapping[str, Any]) -> Health:
    since, until = _moment(item, "failing_since"), _moment(item, "open_until")
    return Health(item.get("failures", 0), since, until, item.get("well", False))


def _state(item: Mapping[str, Any], webhook_id: str, probe: bool) -> State:
    return State(
        item["tenant"],
        webhook_id,
        item["lease_id"],
        item.get("wake", 0),
        _moment(item, "woken_at"),
        _moment(item, "waking_at"),
        _health(item),
        probe,
    )
