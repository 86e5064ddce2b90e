"""The account's limit on functions that run at the same time, and how much of it the queues may use.

All functions of an account and region share one pool, which is 1,000 by default and 10 in many new accounts. A message
that Lambda could not start a function for stays hidden for the queue's whole visibility timeout (5,400 s for files),
and after five such tries it is a dead letter. So each queue's trigger gets a maximum that fits into the pool, and the
API, the readers of the stream, the sockets and the sweep have the rest. `render` and `stream`, which any viewer's
request may start, get parts of their own where the account is large enough, so that strangers can't use up what the API
needs, and films don't use up what pictures need.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.settings import MAX_WAITS, PREFIX, Settings
from ops import config
from ops.errors import OpsError
from ops.stack.names import (
    FUNCTIONS,
    MEDIA,
    MEDIA_SETTING,
    STREAM,
    function_name,
    wants_media,
)

# AWS's smallest maximum concurrency of an event source:
# https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html
LEAST = 2

# The executions that must be left for the API, the readers of the stream, the sockets and the sweep. In an account of
# 10, that leaves room for three queues.
SPARE = 4

# Lambda always leaves this many for functions without reserved concurrency:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
UNRESERVED = 100

QUOTA = "L-B99A9384"

# The functions that a queue starts.
QUEUED = ("process", "media", "fetch", "deliver")

# The functions that viewers start. The setting `…_concurrency` says how much is reserved for each.
ASKED = ("render", STREAM)


@dataclass(frozen=True)
class Pool:
    """The account's concurrency in one region: the whole limit, and the part that no function has reserved."""

    limit: int
    unreserved: int


@dataclass(frozen=True)
class Wish:
    """How often a stage's functions may run at once according to its settings, and what it reserves for each."""

    at_once: Mapping[str, int]
    reserved: Mapping[str, int]
    # The functions that a very small account goes without, unless the operator asks for them by name.
    optional: frozenset[str] = frozenset()
    # Requests of the API with `wait` that it holds at once.
    waits: int = Settings.model_fields["waits"].default


@dataclass(frozen=True)
class Account:
    """The concurrency of an account, seen from one stage."""

    pool: Pool
    wanted: Wish
    # The executions that the stage's functions reserve now, by function.
    reserved: Mapping[str, int]
    region: str

    @property
    def after(self) -> Pool:
        """The pool as it will be when the stage's reservations are those of its settings."""
        freed = sum(self.reserved.values()) - sum(self.wanted.reserved.values())
        return Pool(self.pool.limit, self.pool.unreserved + freed)


def examine(client: Any, recorded: config.Config, stage: str) -> Account:
    """Reads the account's concurrency and the stage's part of it. `client` is a Lambda client."""
    limit = client.get_account_settings()["AccountLimit"]
    pool = Pool(int(limit["ConcurrentExecutions"]), int(limit["UnreservedConcurrentExecutions"]))
    app = config.app_name(recorded)
    names = {function: function_name(app, stage, function) for function in FUNCTIONS}
    return Account(pool, wish(recorded, stage), reserved_now(client, names), client.meta.region_name)


def wish(recorded: config.Config, stage: str) -> Wish:
    """The concurrency that `.chalice/config.json` asks for.

    Raises
    ------
    OpsError
        A reservation is not a whole number.
    """
    variables = config.stage_variables(recorded, stage)
    reserved = {}
    for function in FUNCTIONS:
        number = config.function_settings(recorded, stage, function).get("reserved_concurrency")
        if number is None:
            continue
        if not isinstance(number, int) or number < 0:
            raise OpsError(
                f"reserved_concurrency of {function} in .chalice/config.json is {number!r}: make it a whole number, or "
                "take it out."
            )
        reserved[function] = number
    queued = [name for name in QUEUED if name != MEDIA or wants_media(variables)]
    at_once = {name: _chosen(variables, f"{name}_concurrency") for name in queued}
    optional = frozenset({MEDIA} if MEDIA in queued and MEDIA_SETTING not in variables else ())
    return Wish(at_once, reserved, optional, _chosen(variables, "waits"))


def _chosen(variables: Mapping[str, str], setting: str) -> int:
    default: int = Settings.model_fields[setting].default
    text = variables.get(PREFIX + setting.upper()) or default
    return int(text) if str(text).isdecimal() else default  # `chalice deploy` names a wrong one


def reservations(account: Account, recorded: config.Config, stage: str) -> dict[str, int | None]:
    """How much to reserve for each function that viewers start, by function, those first that come first in ASKED.

    None for nothing, because the operator says so, the stage has no such function, or the account is too small.
    """
    found: dict[str, int | None] = dict.fromkeys(ASKED)
    recorded_now = account.wanted.reserved
    account = reserving(account, found)
    has_stream = wants_media(config.stage_variables(recorded, stage))
    for function in ASKED:
        there = function != STREAM or has_stream
        present = recorded_now.get(function)
        found[function] = _reservation(account, recorded, stage, function, present) if there else None
        account = reserving(account, {function: found[function]})
    return found


def _reservation(
    account: Account, recorded: config.Config, stage: str, function: str, present: int | None
) -> int | None:
    """FILEMILL_…_CONCURRENCY counts before what is recorded, and that before the setting's default."""
    variables, setting = config.stage_variables(recorded, stage), f"{function}_concurrency"
    chosen = PREFIX + setting.upper() in variables or present is None
    number = _chosen(variables, setting) if chosen else present
    return number if number and number <= account.after.unreserved - UNRESERVED else None


def reserving(account: Account, numbers: Mapping[str, int | None]) -> Account:
    """The account, if the stage reserves this for these functions."""
    others = {name: value for name, value in account.wanted.reserved.items() if name not in numbers}
    reserved = others | {name: number for name, number in numbers.items() if number is not None}
    return replace(account, wanted=replace(account.wanted, reserved=reserved))


def caps(pool: Pool, wanted: Wish) -> dict[str, int]:
    """The largest number of runs at once that the pool allows, for each queued function whose setting asks for more.

    A function with reserved concurrency has its own pool. The others share half of what nobody has reserved; the other
    half stays for the API and the rest. No cap is below AWS's minimum of 2.
    """
    if absent := left_out(pool, wanted):
        return {**caps(pool, without(wanted, absent)), **dict.fromkeys(sorted(absent), 0)}
    own = {name: max(LEAST, wanted.reserved[name]) for name in wanted.at_once if name in wanted.reserved}
    found = {name: number for name, number in own.items() if number < wanted.at_once[name]}
    shared = {name: number for name, number in wanted.at_once.items() if name not in own}
    share, total = pool.unreserved // 2, sum(shared.values())
    if total <= share:
        return found
    fair = {name: max(LEAST, share * number // total) for name, number in shared.items()}
    largest = max(fair, key=lambda name: fair[name])
    fair[largest] = max(LEAST, share - sum(number for name, number in fair.items() if name != largest))
    return {**found, **{name: number for name, number in fair.items() if number < shared[name]}}


def left_out(pool: Pool, wanted: Wish) -> frozenset[str]:
    """The functions for which the pool has no room: with them, fewer than SPARE executions would be left for others."""
    least = LEAST * sum(name not in wanted.reserved for name in wanted.at_once)
    return wanted.optional & wanted.at_once.keys() if pool.unreserved - least < SPARE else frozenset()


def without(wanted: Wish, absent: frozenset[str]) -> Wish:
    return replace(wanted, at_once={name: n for name, n in wanted.at_once.items() if name not in absent})


def waits_cap(pool: Pool, wanted: Wish) -> int:
    """How many requests with `wait` may be held at once: a fifth of what the API may use, and at least one.

    Each of them keeps an execution for up to 25 seconds. What the queues use at least is not the API's. With a limit of
    10, one may wait. Three executions are left beside that one and those of the queues.
    """
    wanted = without(wanted, left_out(pool, wanted))
    free = wanted.reserved.get("api_handler", pool.unreserved - LEAST * len(wanted.at_once))
    return min(MAX_WAITS, max(1, free // 5))


def variables(found: Mapping[str, int], waits: int) -> dict[str, str]:
    """The caps as the stage's environment variables. A function that is not capped gets the setting's default, so that
    a cap ends when the account's limit has been raised."""
    queues = {
        f"{PREFIX}{name.upper()}_CAP": str(found.get(name, Settings.model_fields[f"{name}_cap"].default))
        for name in QUEUED
    }
    return {**queues, f"{PREFIX}WAITS_CAP": str(waits)}


def raise_it(region: str) -> str:
    """The remedy for a small pool."""
    return (
        f"ask AWS for more with `aws service-quotas request-service-quota-increase --service-code lambda --quota-code "
        f"{QUOTA} --desired-value 1000 --region {region}`"
    )


def explain(account: Account, found: Mapping[str, int]) -> str:
    """A sentence that says what is capped, why, and how to raise it; an empty string if nothing is."""
    if not found:
        return ""
    wanted, pool = account.wanted, account.after
    capped = ", ".join(
        f"`{f}` may run {n} times at once instead of {wanted.at_once[f]}"
        if n
        else f"`{f}` is left out (FILEMILL_{f.upper()}=true has it all the same)"
        for f, n in found.items()
    )
    return (
        f"{capped}: {max(pool.unreserved, 0)} of this account's {pool.limit} concurrent executions are not reserved, "
        f"and the API needs a share; {raise_it(account.region)}, then run `make deploy` again"
    )


def explain_waits(account: Account, cap: int) -> str:
    """A sentence if fewer requests may wait than the settings say; else an empty string."""
    if cap >= account.wanted.waits:
        return ""
    requests = "1 request" if cap == 1 else f"{cap} requests"
    return (
        f"{requests} may wait for a file at once instead of {account.wanted.waits}, so that the API has executions "
        "left for all other requests"
    )


def refuse_reservation(account: Account) -> str:
    """A sentence if Lambda would refuse what the stage wants to reserve; else an empty string."""
    wanted, free = account.wanted.reserved, account.after.unreserved
    more = {name: number for name, number in wanted.items() if number > account.reserved.get(name, 0)}
    if not more or free >= UNRESERVED:
        return ""
    names = ", ".join(f"{name} {number}" for name, number in more.items())
    return (
        f"reserved_concurrency in .chalice/config.json ({names}) would leave {max(free, 0)} of the account's "
        f"{account.pool.limit} concurrent executions unreserved, and Lambda refuses to leave fewer than {UNRESERVED}; "
        f"take it out, or {raise_it(account.region)}"
    )


def reserved_now(client: Any, names: Mapping[str, str]) -> dict[str, int]:
    """The concurrency that functions reserve at present. `names` are Lambda's names by Chalice's."""
    found = {}
    for function, name in names.items():
        try:
            reply = client.get_function_concurrency(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            continue
        if number := reply.get("ReservedConcurrentExecutions"):
            found[function] = int(number)
    return found
