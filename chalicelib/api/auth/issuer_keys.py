"""The keys with which an issuer signs: fetched from its address, kept in the process and in the table.

A warm function finds a key in its own memory: no read. A cold one reads the stage's item. The issuer is asked again
when the keys are FRESH seconds old, and when a token names a key that is not among them; for each of these reasons at
most once in AGAIN seconds, by one function of the whole stage. If the issuer does not answer within SECONDS, the kept
keys are used until they are STALE seconds old.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from chalicelib.api.auth.jwk import Key, key_of
from chalicelib.api.auth.jwt import RefusedError, strict_json
from chalicelib.catalog import issuer_keys
from chalicelib.catalog.issuer_keys import KeptKeys, Reason
from chalicelib.issuers import Issuer
from chalicelib.model import PermanentFault
from chalicelib.observability import logger
from chalicelib.outbound import lookup
from chalicelib.outbound.addresses import Networks
from chalicelib.outbound.connection import default_tls
from chalicelib.outbound.errors import UnreachableError
from chalicelib.outbound.fetch import fetch
from chalicelib.outbound.limits import Limits
from chalicelib.outbound.receivers import within

# Seconds.
FRESH = 15 * 60
STALE = 24 * 3600
AGAIN = 30
SECONDS = 3.0
# Seconds between two looks for the keys that another function is fetching just now.
PAUSE = 0.1

# Entra, which has the largest sets, publishes about ten keys in 20 KB.
MAX_KEYS = 100
MAX_BYTES = 256 * 1024

# No redirect is followed: the address in the settings is the one that is trusted.
LIMITS = Limits(max_bytes=MAX_BYTES, total=SECONDS, connect=2, read=SECONDS, framing=MAX_BYTES, redirects=0, slowest=0)


class NoKeysError(Exception):
    """The issuer's keys can't be had now, and none are kept that are young enough. A later try may succeed."""


@dataclass(frozen=True)
class _Known:
    """This process's knowledge of an issuer. Times are Unix seconds.

    `quiet` says until when the issuer need not be asked for a reason, because somebody has just done so.
    """

    keys: dict[str, Key] = field(default_factory=dict)
    fetched: float = 0.0
    quiet: dict[Reason, float] = field(default_factory=dict)

    def is_quiet(self, reason: Reason, moment: float) -> bool:
        return moment < self.quiet.get(reason, 0.0)


_NOTHING = _Known()


class Memory:
    """One process's knowledge of the issuers."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._asking = threading.Lock()

    def find(self, issuer: Issuer, kid: str) -> Key:
        """See the function `find`."""
        name = name_of(issuer)
        known = self._known.get(name, _NOTHING)
        if _to_ask(known, kid, time.time()):
            with self._asking:  # one thread asks, and the others find what it has found
                known = self._known.get(name, _NOTHING)
                if _to_ask(known, kid, time.time()):
                    known = self._known[name] = _looked_up(issuer, kid, known)
        return _key_in(known, kid, time.time())

    def forget(self) -> None:
        """Empties the memory."""
        self._known.clear()


_memory = Memory()


def forget() -> None:
    """Empties the process's memory."""
    _memory.forget()


def name_of(issuer: Issuer) -> str:
    """The name of an issuer's item: keys belong to an issuer and an address, so a new address begins anew."""
    return f"{issuer.issuer}\n{issuer.jwks}"


def find(issuer: Issuer, kid: str) -> Key:
    """The issuer's key of this id.

    No call while it is remembered. Otherwise a GetItem; an UpdateItem, a fetch and another UpdateItem if it is this
    function's turn to ask the issuer. A function that has to wait for another's fetch reads ten times a second.

    Raises
    ------
    RefusedError
        The issuer has no such key.
    NoKeysError
        The keys can't be had just now.
    """
    return _memory.find(issuer, kid)


def _key_in(known: _Known, kid: str, moment: float) -> Key:
    if moment - known.fetched >= STALE:
        raise NoKeysError
    if kid not in known.keys:
        raise RefusedError("the issuer has no key of this `kid`")
    return known.keys[kid]


def _to_ask(known: _Known, kid: str, moment: float) -> Reason | None:
    """The reason for which the issuer should be asked now; None if there is none, or if that was done just now."""
    reason: Reason | None = None
    if moment - known.fetched >= FRESH:
        reason = "refreshed"
    elif kid not in known.keys:
        reason = "searched"
    return None if reason is None or known.is_quiet(reason, moment) else reason


def _looked_up(issuer: Issuer, kid: str, before: _Known) -> _Known:
    """The knowledge after a look into the table, and at the issuer if that is due."""
    name, moment = name_of(issuer), time.time()
    kept = issuer_keys.get(name)
    known = _read(kept, before)
    reason = _to_ask(known, kid, moment)
    if reason is None:
        return known
    taken = issuer_keys.claim(name, reason, _ms(moment), AGAIN * 1000)
    if taken is None:
        known = _fetched(issuer, known)
        return _quiet(known, reason, moment)
    if kid not in known.keys or moment - known.fetched >= STALE:
        taken = _awaited(name, taken, reason)
    return _quiet(_read(taken, known), reason, taken.began(reason) / 1000)


def _quiet(known: _Known, reason: Reason, began: float) -> _Known:
    return _Known(known.keys, known.fetched, {**known.quiet, reason: began + AGAIN})


def _awaited(name: str, kept: KeptKeys, reason: Reason) -> KeptKeys:
    """The item after the other function's fetch has ended: this token may be signed with a key that it brings."""
    began = kept.began(reason)
    until = began / 1000 + SECONDS + 1
    while max(kept.fetched, kept.ended) < began and time.time() < until:
        time.sleep(PAUSE)
        kept = issuer_keys.get(name)
    return kept


def _fetched(issuer: Issuer, known: _Known) -> _Known:
    """The issuer's keys as they are now, which are kept as well; those that are known if they can't be had."""
    try:
        keys = usable(read_document(issuer.jwks))
    except (PermanentFault, UnreachableError, ValueError) as error:
        logger.warning("an issuer's keys can't be had", extra={"issuer": issuer.issuer, "reason": str(error)})
        issuer_keys.give_up(name_of(issuer), _ms(time.time()))
        return known
    moment = time.time()
    document = json.dumps([dict(key.jwk) for key in keys.values()], separators=(",", ":"))
    issuer_keys.put(name_of(issuer), document, _ms(moment))
    return _Known(keys, moment, known.quiet)


def read_document(url: str, *, allowed: Networks = (), tls: ssl.SSLContext | None = None) -> bytes:
    """The bytes at an issuer's address. Raises PermanentFault and UnreachableError."""
    resolve = within(SECONDS, lookup.look_up)
    with fetch(url, LIMITS, allowed=allowed, resolve=resolve, tls=tls or _tls()) as source:
        return b"".join(source.chunks)


@cache
def _tls() -> ssl.SSLContext:
    return default_tls()


def usable(document: bytes) -> dict[str, Key]:
    """The keys of a JWKS that verify something here, by their ids.

    An id that two different keys have is left out: nobody could say which of them signs. Raises ValueError for a
    document that is no JWKS, that has more than MAX_KEYS keys, or in which no key is usable.
    """
    found = strict_json(document)
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the answer is no JSON object with a list of `keys`")
    if len(entries) > MAX_KEYS:
        raise ValueError(f"the answer has more than {MAX_KEYS} keys")
    keys = _by_id(key_of(entry) for entry in entries)
    if not keys:
        raise ValueError("the answer has no key that can be used: RSA of 2,048 bits or more, P-256, P-384 or Ed25519")
    return keys


def _by_id(found: Iterable[Key | None]) -> dict[str, Key]:
    keys: dict[str, Key] = {}
    twice: set[str] = set()
    for key in found:
        if key is None or not _is_key(key):
            continue
        if keys.setdefault(key.kid, key) != key:
            twice.add(key.kid)
    return {kid: key for kid, key in keys.items() if kid not in twice}


def _is_key(key: Key) -> bool:
    try:
        return key.public is not None
    except ValueError:
        return False


def _read(kept: KeptKeys, before: _Known) -> _Known:
    """The keys of the table's item, if they are younger than those that are known."""
    if kept.fetched / 1000 <= before.fetched:
        return before
    keys = (key_of(jwk) for jwk in json.loads(kept.document))
    return _Known({key.kid: key for key in keys if key}, kept.fetched / 1000, before.quiet)


def _ms(moment: float) -> int:
    return int(moment * 1000)
