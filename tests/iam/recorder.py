"""Notes every AWS call that the code makes in this process, says who makes it, and asks that one's policy.

The stack shows the caller: one of the functions that Lambda starts, a command of `ops`, or the test itself,
which may do anything. A signed request counts as well, because it may do what its signer may.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import import_module
from types import CodeType, FrameType
from typing import Any

from tests.iam import stages
from tests.iam.evaluator import Need, Right, allowed_by, rights
from tests.iam.needs import Place, form_needs, key_needs, needs


@dataclass
class Record:
    """Calls by who made them and what they need, and the needs that a policy does not allow."""

    needed: dict[str, Counter[Need]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    denied: list[str] = field(default_factory=list)

    def of(self, who: str) -> Counter[Need]:
        return self.needed.setdefault(who, Counter())

    def add(self, other: Record) -> None:
        for who, found in other.needed.items():
            self.of(who).update(found)
        self.calls.update(other.calls)
        self.denied += other.denied


_records: list[Record] = []
RECORD = Record()
"""The calls of this whole run."""


@contextmanager
def recording() -> Iterator[Record]:
    """Gives a record of the calls that are made inside the `with`."""
    record = Record()
    _records.append(record)
    try:
        yield record
    finally:
        _records.remove(record)


@cache
def _entries() -> dict[CodeType, str]:
    """What Lambda starts, by the code that it runs → Chalice's name of the function."""
    from chalice import Chalice

    from chalicelib import importing
    from chalicelib.api import socket
    from chalicelib.events import delivering, indexing, publish
    from chalicelib.processing import on_demand, pipeline
    from chalicelib.processing.media import on_demand as stream
    from chalicelib.upkeep import sweep

    handlers: dict[str, tuple[Any, ...]] = {
        "api_handler": (Chalice.__call__,),
        "process": (pipeline.handle,),
        "media": (pipeline.handle_media,),
        "fetch": (importing.handle,),
        "index": (indexing.handle,),
        "render": (on_demand.handle,),
        "stream": (stream.handle,),
        "sweep": (sweep.handle, sweep.run),
        "publish": (publish.handle,),
        "deliver": (delivering.handle,),
        "websocket_connect": (socket.connect,),
        "websocket_message": (socket.message,),
        "websocket_disconnect": (socket.disconnect,),
    }
    return {inspect.unwrap(each).__code__: name for name, several in handlers.items() for each in several}


def _caller(frame: FrameType | None) -> str | None:
    """The maker of the call that this stack ends in; None if it is the test."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if frame.f_code is _as_before.__code__:
            return frame.f_locals["who"]  # type: ignore[no-any-return]
        if found := _entries().get(frame.f_code):
            return found
        if module.startswith("chalice.awsclient") or (module.startswith("ops.") and not module.startswith("ops.local")):
            return stages.OPERATOR
        if module.startswith(("tests.", "ops.local")):
            return None
        frame = frame.f_back
    return None


def _as_before(who: str | None, work: Callable[..., Any], args: Any, options: Any) -> Any:
    """Work in another thread, for the one who handed it over."""
    return work(*args, **options)


def _beyond_botocore() -> FrameType | None:
    """The frame in which botocore was entered. The tests have wrappers of their own inside of botocore: passed over."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name not in _DOORS:
        frame = frame.f_back
    return frame


_DOORS = ("_api_call", "generate_presigned_url", "generate_presigned_post")


def _note(what: str, found: list[Need], who: str) -> None:
    denied = [need for need in found if not _allowed(who, need.action, need.resource, tuple(need.context.items()))]
    for record in (RECORD, *_records):
        record.calls[who] += 1
        record.of(who).update(found)
        record.denied += [f"{who} calls {what}, but may not {need.action} on {need.resource}" for need in denied]


@lru_cache(maxsize=4096)
def _allowed(who: str, action: str, resource: str, context: tuple[tuple[str, str], ...]) -> bool:
    """Asks each policy once: tests make the same calls again and again."""
    return bool(allowed_by(_rights(who), Need(action, resource, dict(context))))


@cache
def _rights(who: str) -> tuple[Right, ...]:
    return tuple(right for document in stages.policies_of(who) for right in rights(document))


def install() -> None:
    """From now on each call of every botocore client in this process is noted, for the whole run."""
    from botocore.client import BaseClient

    base: Any = BaseClient
    emit, submit = base._emit_api_params, ThreadPoolExecutor.submit

    def noted(client: Any, api_params: Any, operation_model: Any, context: Any) -> Any:
        door = _beyond_botocore()
        who = _caller(door and door.f_back)
        if door is not None and who is not None:
            service, operation = operation_model.service_model.service_name, operation_model.name
            place = Place(region=client.meta.region_name)
            if door.f_code.co_name == "generate_presigned_post":
                found = form_needs(door.f_locals["Bucket"], door.f_locals["Key"])
                found += key_needs("s3", "PutObject", {"Bucket": door.f_locals["Bucket"]}, place)
                operation = "a form"
            else:
                found = needs(operation_model, api_params, place)
                found += key_needs(service, operation, api_params, place)
            _note(f"{service}.{operation}", [stages.as_deployed(who, need) for need in found], who)
        return emit(client, api_params, operation_model, context)

    from chalicelib import aws
    from chalicelib.model import original_key
    from chalicelib.settings import settings

    forms: Any = import_module("chalicelib.storage.forms")
    sign = forms.sign

    def signed(file: Any, expires_in: int) -> Any:
        """A form that our own code signs. Whoever uses it needs the signer's rights."""
        who = _caller(sys._getframe(1))
        if who is not None:
            bucket, place = settings().originals_bucket, Place(region=aws.s3().meta.region_name)
            found = form_needs(bucket, original_key(file.tenant, file.id))
            found += key_needs("s3", "PutObject", {"Bucket": bucket}, place)
            _note("s3.a form", [stages.as_deployed(who, need) for need in found], who)
        return sign(file, expires_in)

    def handed_over(pool: Any, work: Any, /, *args: Any, **options: Any) -> Any:
        return submit(pool, _as_before, _caller(sys._getframe(1)), work, args, options)

    base._emit_api_params = noted
    forms.sign = signed
    ThreadPoolExecutor.submit = handed_over  # type: ignore[method-assign]
