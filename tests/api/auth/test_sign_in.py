"""Sign-in tokens beside API keys, on the same routes: what a user may do, and how a token is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.api.auth import issuer_keys, sign_in
from chalicelib.api.auth.callers import authenticate, names_of
from chalicelib.api.errors import Problem
from chalicelib.catalog import credentials, sockets
from chalicelib.observability import logger
from chalicelib.settings import settings
from tests.client import Client, new_client
from tests.faults.clock import Clock
from tests.issuers import Issuer, Signer, issuing, part, private_key, stage_with
from tests.making import upload
from tests.outbound.servers import answer
from tests.sockets import FakeManagement, Listener, management
from tests.stage import Calls, aws_client

NEW = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 3}
"""The body that creates a file."""


@pytest.fixture
def issuer(stage: Calls, tmp_path: Path) -> Iterator[Issuer]:
    """The stage's one issuer."""
    with issuing(tmp_path) as issuer, stage_with(issuer.entry()):
        yield issuer


@pytest.fixture
def api(stage: Calls) -> Iterator[FakeManagement]:
    with management() as fake:
        yield fake


def user(issuer: Issuer, **claims: Any) -> Client:
    return Client(issuer.token(**claims))


def refused(token: str) -> tuple[int, str, str]:
    answer = Client(token)("GET", "/v1/files")
    return answer.status, answer.json["code"], answer.json["detail"]


# --- on the same routes


def test_a_user_uses_the_same_routes_as_a_key(issuer: Issuer, client: Client) -> None:
    ann = user(issuer)
    made = ann("POST", "/v1/files", NEW)
    assert made.status == 201
    path = f"/v1/files/{made.json['id']}"
    assert ann("GET", path).status == client("GET", path).status == 200
    assert new_client("globex")("GET", path).status == 404
    assert ann("DELETE", path).status == 204


def test_the_tenant_comes_from_the_token(issuer: Issuer, client: Client) -> None:
    with stage_with(issuer.entry(tenant="{org}")):
        made = user(issuer, org="globex")("POST", "/v1/files", NEW).json["id"]
        assert user(issuer, org="globex")("GET", f"/v1/files/{made}").status == 200
        assert user(issuer, org="acme")("GET", f"/v1/files/{made}").status == 404
        assert client("GET", f"/v1/files/{made}").status == 404


def test_a_scope_that_the_token_has_not_is_named(issuer: Issuer) -> None:
    answer = user(issuer)("GET", "/v1/webhooks")
    assert (answer.status, answer.json["code"]) == (403, "missing_scope")
    assert answer.json["detail"].startswith("This sign-in token lacks the scope `webhooks:admin`")


def test_a_warm_get_costs_what_it_costs_with_a_key(issuer: Issuer, client: Client, stage: Calls) -> None:
    ann, file_id = user(issuer), upload(client, b"abc")
    for caller in (ann, client):
        caller("GET", f"/v1/files/{file_id}")
        stage.clear()
        caller("GET", f"/v1/files/{file_id}")
        assert stage.names == ["dynamodb.GetItem"]
    assert issuer.fetches == 1


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "PS256"])
def test_an_issuer_may_sign_with_another_algorithm(issuer: Issuer, algorithm: str) -> None:
    issuer.signers = [Signer("other", algorithm)]
    assert user(issuer)("GET", "/v1/files").status == 200


def test_a_change_names_the_user_who_made_it(issuer: Issuer) -> None:
    made = user(issuer)("POST", "/v1/files", NEW).json["id"]
    key = {"pk": {"S": f"FILE#{made}"}, "sk": {"S": "FILE"}}
    item = aws_client("dynamodb").get_item(TableName="filemill-test", Key=key)["Item"]
    assert item["last_change"]["M"]["actor"]["M"] == {"type": {"S": "user"}, "id": {"S": "ann"}}
    assert item["owner"] == {"S": "ann"}


# --- refusals


def test_a_stage_without_issuers_takes_no_sign_in_tokens(issuer: Issuer) -> None:
    token = issuer.token()
    with stage_with():
        assert refused(token)[:2] == (401, "unauthenticated")
    assert issuer.fetches == 0


def forged(issuer: Issuer) -> dict[str, str]:
    signer, thief = issuer.signers[0], Signer("first", serial=1)
    good = issuer.token()
    head, payload, signature = good.split(".")
    moment = int(time.time())
    return {
        "no signature": f"{part(issuer.header(alg='none'))}.{payload}.",
        "another key": thief.signed(issuer.header(), issuer.claims()),
        "another payload": f"{head}.{part(issuer.claims(sub='root'))}.{signature}",
        "an unknown key": signer.signed(issuer.header(kid="other"), issuer.claims()),
        "another issuer": issuer.token(iss="https://evil.example.com"),
        "an issuer with a slash behind it": issuer.token(iss=f"{issuer.name}/"),
        "an issuer that is a list": issuer.token(iss=[issuer.name]),
        "no issuer": issuer.token(iss=None),
        "another audience": issuer.token(aud="other"),
        "no audience": issuer.token(aud=None),
        "no end": issuer.token(exp=None),
        "an end that is a text": issuer.token(exp=str(moment + 600)),
        "the future": issuer.token(nbf=moment + 120),
        "made in the future": issuer.token(iat=moment + 120),
        "no subject": issuer.token(sub=None),
        "an owner of a key": issuer.token(sub="key:0123456789ab"),
        "10 KB": issuer.token(more="x" * 10_000),
        "not a token at all": "a.b.c",
        "dots": "..",
        "four parts": good + ".x",
        "expired and another key": thief.signed(issuer.header(), issuer.claims(exp=moment - 100)),
        "expired and for another audience": issuer.token(exp=moment - 100, aud="other"),
    }


def test_every_refusal_has_the_same_words(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    reasons = set()
    for name, token in forged(issuer).items():
        caplog.clear()
        status, code, detail = refused(token)
        assert (status, code) == (401, "unauthenticated"), name
        if name != "four parts":  # it has not the form, so it is told the right one
            assert detail == sign_in.REFUSED, name
            reasons |= {str(vars(line)["reason"]) for line in caplog.records if "reason" in vars(line)}
    assert len(reasons) >= 12, "the log tells them apart"


def test_a_token_that_was_good_until_its_end_is_told_so(issuer: Issuer) -> None:
    assert refused(issuer.token(exp=int(time.time()) - 61)) == (401, "token_expired", sign_in.EXPIRED)
    assert user(issuer, exp=int(time.time()) - 50)("GET", "/v1/files").status == 200


def test_logs_have_neither_the_token_nor_the_subject(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    formatter = logger.registered_handler.formatter
    assert formatter
    tokens = [issuer.token(sub="ann-of-arc"), issuer.token(sub="ann-of-arc", aud="other")]
    logged = ""
    for token in tokens:
        caplog.clear()
        Client(token)("GET", "/v1/files")
        logged += "\n".join(formatter.format(line) for line in caplog.records)
    assert "sign-in token refused" in logged
    assert authenticate(f"Bearer {tokens[0]}").key_id in logged
    assert "ann-of-arc" not in logged
    assert not any(piece in logged for token in tokens for piece in token.split("."))


def test_without_keys_the_answer_is_503_and_not_401(issuer: Issuer) -> None:
    issuer.script = lambda: answer(b"", status="503 Service Unavailable")
    reply = user(issuer)("GET", "/v1/files")
    assert (reply.status, reply.json["code"], reply.headers["Retry-After"]) == (503, "unavailable", "30")


def test_a_sign_in_token_counts_in_the_header_only(issuer: Issuer) -> None:
    reply = Client(None)("GET", "/v1/files", headers={"Cookie": f"filemill_upload={issuer.token()}"})
    assert reply.status == 401


# --- rotation


def test_no_request_is_refused_while_the_issuers_keys_change(issuer: Issuer, clock: Clock) -> None:
    """Three threads ask all the time. Every 31 seconds of the clock the issuer signs with a key that nobody knows."""
    refusals: list[str] = []
    asked = [0, 0, 0]
    for serial in range(3):
        private_key("RS256", serial)
    over = threading.Event()

    def ask(number: int) -> None:
        while not over.is_set():
            try:
                authenticate(f"Bearer {issuer.token(exp=int(clock.time()) + 3600)}")
            except Problem as problem:
                refusals.append(problem.detail)
            asked[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for rotation in range(1, 6):
        time.sleep(0.3)
        clock.forward(timedelta(seconds=31))
        issuer.signers = [Signer(f"key {rotation}", serial=rotation % 3), *issuer.signers[:1]]
    time.sleep(0.3)
    over.set()
    for thread in threads:
        thread.join()
    assert refusals == []
    assert min(asked) > 20
    assert issuer.fetches == 6


# --- everything that a credential is used for


def test_upload_tokens_of_a_user_outlive_the_sign_in_token_and_end_by_themselves(issuer: Issuer, clock: Clock) -> None:
    ann = user(issuer, exp=int(clock.time()) + 60)
    made = ann("POST", "/v1/upload-tokens", {"max_bytes": 100, "expires_in": 600}).json
    kept = credentials.get_token(made["id"])
    assert kept
    assert kept.key_id is None
    clock.forward(timedelta(seconds=300))
    assert ann("GET", "/v1/files").json["code"] == "token_expired"
    browser = Client(made["token"])
    assert browser("POST", "/v1/files", NEW).status == 201
    clock.forward(timedelta(seconds=301))
    assert browser("POST", "/v1/files", NEW).json["code"] == "token_expired"


def test_an_idempotency_key_is_the_users_own(issuer: Issuer, client: Client) -> None:
    body, headers = NEW, {"Idempotency-Key": "once"}
    ann, bob = user(issuer), user(issuer, sub="bob")
    first = ann("POST", "/v1/files", body, headers=headers).json["id"]
    again = user(issuer, exp=int(time.time()) + 900)("POST", "/v1/files", body, headers=headers).json["id"]
    assert again == first, "another token of the same user"
    assert bob("POST", "/v1/files", body, headers=headers).json["id"] != first
    assert client("POST", "/v1/files", body, headers=headers).json["id"] != first


def test_a_request_may_wait(issuer: Issuer) -> None:
    ann = user(issuer)
    made = ann("POST", "/v1/files", NEW).json["id"]
    assert ann("GET", f"/v1/files/{made}", query={"wait": "1"}).status == 200
    items = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    waits = [item["pk"]["S"] for item in items if item["pk"]["S"].startswith("WAIT#")]
    assert "WAIT#acme/" + names_of(authenticate(f"Bearer {ann.key}"))[0] in waits


def test_equal_users_of_two_issuers_never_share_a_file(issuer: Issuer, tmp_path: Path) -> None:
    other_entry = issuer.entry(issuer="https://b.example.com", owner="b:{sub}", scopes="files:own")
    mine = issuer.entry(owner="a:{sub}", scopes="files:own files:write")
    with stage_with(mine, other_entry):
        caller = authenticate(f"Bearer {issuer.token(sub='1')}")
        other = authenticate(f"Bearer {issuer.token(sub='1', iss='https://b.example.com')}")
        assert caller.tenant == other.tenant == "acme"
        assert (caller.owner, other.owner) == ("a:1", "b:1")
        assert caller.key_id != other.key_id
        made = user(issuer, sub="1")("POST", "/v1/files", NEW).json["id"]
        assert user(issuer, sub="1", iss="https://b.example.com")("GET", f"/v1/files/{made}").status in (403, 404)


# --- sockets


def test_a_browser_connects_with_its_sign_in_token_until_that_ends(
    issuer: Issuer, api: FakeManagement, clock: Clock
) -> None:
    end = int(clock.time()) + 600
    listener = Listener(api, "c1")
    protocols = f"filemill.v1, bearer.{issuer.token(exp=end)}"
    assert listener.connect(None, **{"Sec-WebSocket-Protocol": protocols}) == 200
    connection = sockets.get("c1")
    assert connection
    assert connection.ends == end + 60
    assert connection.credentials[0].startswith("user:")
    assert listener.send({"action": "ping"}) == [{"type": "pong"}]
    clock.forward(timedelta(seconds=661))
    assert listener.send({"action": "ping"})[0]["code"] == "token_expired"
    assert not listener.is_open


def test_a_wrong_token_opens_no_socket(issuer: Issuer, api: FakeManagement) -> None:
    assert Listener(api, "c1").connect(issuer.token(aud="other")) == 401
    assert Listener(api, "c2").connect(issuer.token(exp=1)) == 401
    assert sockets.get("c1") is None


def test_a_ticket_stands_for_the_user_and_ends_with_the_sign_in_token(
    issuer: Issuer, api: FakeManagement, clock: Clock
) -> None:
    ends = int(clock.time()) + 600
    ann = user(issuer, exp=ends)
    ticket = ann("POST", "/v1/socket-tickets").json["ticket"]
    assert Listener(api, "c1").connect(ticket) == 200
    connection = sockets.get("c1")
    assert connection
    assert connection.credentials == (*names_of(authenticate(f"Bearer {ann.key}")), "tenant_acme")
    assert connection.ends == ends + 60
    assert Listener(api, "c2").connect(ticket) == 401, "once"

    clock.forward(timedelta(seconds=630))
    late = ann("POST", "/v1/socket-tickets").json["ticket"]
    clock.forward(timedelta(seconds=40))
    assert Listener(api, "c3").connect(late) == 401


def test_a_ticket_gives_no_scope_that_the_user_had_not(issuer: Issuer, api: FakeManagement) -> None:
    with stage_with(issuer.entry(scopes="files:read")):
        assert user(issuer)("POST", "/v1/socket-tickets").json["code"] == "missing_scope"


def test_the_stages_issuers_are_read_once(issuer: Issuer) -> None:
    assert settings().issuers is settings().issuers
    assert issuer_keys.name_of(settings().issuers[0]).startswith(issuer.name)
