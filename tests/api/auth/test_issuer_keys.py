"""An issuer's keys over real HTTPS: fetched seldom, kept for the bad day, and never from a place that lies."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chalicelib.api.auth import issuer_keys
from chalicelib.api.auth.issuer_keys import Memory, NoKeysError
from chalicelib.api.auth.jwt import RefusedError
from chalicelib.catalog import issuer_keys as kept_keys
from chalicelib.issuers import Issuer as Entry
from chalicelib.outbound.connection import default_tls
from chalicelib.outbound.errors import RefusedError as AddressRefusedError
from tests.faults.clock import Clock
from tests.issuers import Issuer, Signer, issuing
from tests.outbound.servers import answer, redirect
from tests.stage import Calls, aws_client


@pytest.fixture
def issuer(stage: Calls, clock: Clock, tmp_path: Path) -> Iterator[Issuer]:
    with issuing(tmp_path) as issuer:
        yield issuer


def find(issuer: Issuer, kid: str = "first") -> Any:
    return issuer_keys.find(Entry.model_validate(issuer.entry()), kid)


def another_process() -> None:
    issuer_keys.forget()


def down() -> bytes:
    return answer(b"", status="503 Service Unavailable")


def writes(stage: Calls) -> int:
    return stage.count("dynamodb.UpdateItem")


# --- how often


def test_the_first_look_costs_a_read_two_writes_and_a_fetch_and_the_next_ones_nothing(
    issuer: Issuer, stage: Calls
) -> None:
    stage.clear()
    assert find(issuer).kid == "first"
    assert stage.names == ["dynamodb.GetItem", "dynamodb.UpdateItem", "dynamodb.UpdateItem"]
    stage.clear()
    for _ in range(20):
        find(issuer)
    assert (stage.names, issuer.fetches) == ([], 1)


def test_a_cold_process_reads_the_stages_keys_once(issuer: Issuer, stage: Calls) -> None:
    find(issuer)
    another_process()
    stage.clear()
    assert find(issuer).kid == "first"
    assert (stage.names, issuer.fetches) == (["dynamodb.GetItem"], 1)


def test_keys_are_asked_for_again_after_a_quarter_of_an_hour(issuer: Issuer, clock: Clock) -> None:
    find(issuer)
    clock.forward(timedelta(seconds=issuer_keys.FRESH - 1))
    find(issuer)
    assert issuer.fetches == 1
    clock.forward(timedelta(seconds=1))
    find(issuer)
    assert issuer.fetches == 2
    another_process()
    find(issuer)
    assert issuer.fetches == 2


def test_a_key_that_the_issuer_takes_back_ends_with_the_next_look(issuer: Issuer, clock: Clock) -> None:
    find(issuer)
    issuer.signers = [Signer("second", serial=1)]
    find(issuer)
    clock.forward(timedelta(seconds=issuer_keys.FRESH))
    with pytest.raises(RefusedError, match="no key"):
        find(issuer)


def test_an_unknown_key_is_searched_at_once_and_then_every_30_seconds_by_the_whole_stage(
    issuer: Issuer, clock: Clock, stage: Calls
) -> None:
    find(issuer)
    for _ in range(10):
        another_process()
        with pytest.raises(RefusedError):
            find(issuer, "forged")
    assert issuer.fetches == 2
    stage.clear()
    for number in range(10):
        with pytest.raises(RefusedError):
            find(issuer, f"forged {number}")
    assert (stage.names, issuer.fetches) == ([], 2), "a refusal costs nothing in between"
    clock.forward(timedelta(seconds=issuer_keys.AGAIN))
    with pytest.raises(RefusedError):
        find(issuer, "forged")
    assert issuer.fetches == 3
    find(issuer)
    assert issuer.fetches == 3


def test_a_new_key_is_found_by_its_first_token(issuer: Issuer, stage: Calls) -> None:
    find(issuer)
    issuer.signers = [Signer("second", serial=1)]
    assert find(issuer, "second").kid == "second"
    another_process()
    assert find(issuer, "second").kid == "second"
    assert issuer.fetches == 2


def test_a_key_that_another_process_has_found_is_read_from_the_table(issuer: Issuer, clock: Clock) -> None:
    entry, mine, theirs = Entry.model_validate(issuer.entry()), Memory(), Memory()
    mine.find(entry, "first")
    clock.forward(timedelta(seconds=40))
    issuer.signers.append(Signer("second", serial=1))
    theirs.find(entry, "second")
    assert mine.find(entry, "second").kid == "second"
    assert issuer.fetches == 2


# --- an issuer that is down


def test_kept_keys_are_used_for_a_day_while_the_issuer_is_down(issuer: Issuer, clock: Clock) -> None:
    find(issuer)
    issuer.script = down
    clock.forward(timedelta(hours=23, minutes=59))
    assert find(issuer).kid == "first"
    another_process()
    assert find(issuer).kid == "first"
    assert issuer.fetches == 2, "nobody asks again at once"
    clock.forward(timedelta(minutes=1))
    with pytest.raises(NoKeysError):
        find(issuer)
    another_process()
    with pytest.raises(NoKeysError):
        find(issuer)
    issuer.script = None
    clock.forward(timedelta(seconds=issuer_keys.AGAIN))
    assert find(issuer).kid == "first"


def test_an_issuer_that_is_down_is_asked_every_30_seconds(issuer: Issuer, clock: Clock) -> None:
    issuer.script = down
    for _ in range(10):
        another_process()
        with pytest.raises(NoKeysError):
            find(issuer)
    assert issuer.fetches == 1
    clock.forward(timedelta(seconds=issuer_keys.AGAIN))
    with pytest.raises(NoKeysError):
        find(issuer)
    assert issuer.fetches == 2


def test_a_slow_issuer_holds_a_request_for_three_seconds_and_then_the_kept_keys_are_used(
    issuer: Issuer, clock: Clock
) -> None:
    find(issuer)
    clock.forward(timedelta(hours=1))

    def slow() -> bytes:
        time.sleep(6)
        return answer(issuer.document())

    issuer.script = slow
    began = time.monotonic()
    assert find(issuer).kid == "first"
    assert 2 < time.monotonic() - began < 4.5
    began = time.monotonic()
    find(issuer)
    assert time.monotonic() - began < 0.5


def test_the_kept_item_goes_two_days_after_the_last_look(issuer: Issuer, clock: Clock) -> None:
    find(issuer)
    (item,) = [
        item
        for item in aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
        if item["pk"]["S"].startswith("JWKS#")
    ]
    assert abs(int(item["ttl"]["N"]) - clock.time() - kept_keys.LIFE) < 60
    assert "example.com" not in item["pk"]["S"]


# --- an issuer that lies


def keys_of(*published: Any) -> bytes:
    return answer(json.dumps({"keys": list(published)}).encode())


LIES = {
    "no JSON": answer(b"<html>"),
    "not UTF-8": answer(b'{"keys":["\xff"]}'),
    "a list": answer(b"[]"),
    "no keys": keys_of(),
    "keys that are no list": answer(b'{"keys":{}}'),
    "the name `keys` twice": answer(b'{"keys":[],"keys":[]}'),
    "deep nesting": answer(b"[" * 100_000),
    "only keys that verify nothing": keys_of(None, {"kty": "oct", "kid": "first", "k": "AQ"}),
    "a point beside the curve": keys_of(Signer("first", "ES256").jwk(y="A" * 42 + "E")),
    "a private key": keys_of(Signer("first").jwk(d="AQ")),
    "1,000 keys": keys_of(*({**Signer("first").jwk(), "kid": f"k{n}"} for n in range(1000))),
    "101 keys": keys_of(*({**Signer("first").jwk(), "kid": f"k{n}"} for n in range(101))),
    "a megabyte": answer(b'{"x":"' + b"y" * 1_000_000 + b'","keys":[]}'),
    "a redirect": redirect("https://localhost/keys.json"),
    "an error": answer(b"", status="404 Not Found"),
    "an encoded answer": answer(b"\x1f\x8b", "Content-Encoding: gzip"),
    "half an answer": answer(b'{"keys":[', length=500),
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_is_no_jwks_leaves_the_kept_keys(issuer: Issuer, clock: Clock, lie: str) -> None:
    find(issuer)
    clock.forward(timedelta(hours=1))
    issuer.script = lambda: LIES[lie]
    assert find(issuer).kid == "first"
    assert issuer.fetches == 2
    clock.forward(timedelta(hours=23))
    with pytest.raises(NoKeysError):
        find(issuer)


def test_a_hundred_keys_are_taken(issuer: Issuer) -> None:
    published = [{**Signer("first").jwk(), "kid": f"k{n}"} for n in range(100)]
    issuer.script = lambda: keys_of(*published)
    assert find(issuer, "k99").kid == "k99"


def test_an_id_of_two_different_keys_is_nobodys(issuer: Issuer) -> None:
    issuer.signers = [Signer("twice"), Signer("twice", serial=1), Signer("same"), Signer("same")]
    assert find(issuer, "same").kid == "same"
    with pytest.raises(RefusedError):
        find(issuer, "twice")


def test_the_certificate_must_be_right(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    without = partial(issuer_keys.read_document, tls=default_tls())
    monkeypatch.setattr(issuer_keys, "read_document", without)
    with pytest.raises(NoKeysError):
        find(issuer)
    assert issuer.fetches == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost/keys",
        "https://inside.example.com/keys",
        "https://both.example.com/keys",
        "https://metadata.example.com/latest/meta-data",
        "https://127.0.0.1/keys",
        "https://[::1]/keys",
        "https://example.com:22/keys",
    ],
)
def test_keys_are_never_fetched_from_inside(stage: Calls, url: str) -> None:
    with pytest.raises(AddressRefusedError):
        issuer_keys.read_document(url)


# --- many at once


def test_while_one_process_fetches_the_others_wait_for_its_keys(stage: Calls, tmp_path: Path) -> None:
    """Threads that share no memory stand for processes."""
    with issuing(tmp_path) as issuer:
        entry = Entry.model_validate(issuer.entry())
        gate = threading.Event()

        def late() -> bytes:
            gate.wait(5)
            return answer(issuer.document())

        issuer.script = late

        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(Memory().find, entry, "first") for _ in range(8)]
            time.sleep(0.5)
            gate.set()
            assert {each.result().kid for each in asked} == {"first"}
        assert issuer.fetches == 1
