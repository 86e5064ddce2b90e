"""The socket's routes: who may connect, what a message may be, what it is answered, and how a socket ends."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.api import socket_messages
from chalicelib.api.errors import PROBLEMS
from chalicelib.catalog import credentials, memory, sockets
from chalicelib.cursors import encode_feed
from chalicelib.events import posts
from chalicelib.settings import settings
from tests.client import Client, new_client
from tests.making import upload
from tests.sockets import FakeManagement, Listener, Stream, management
from tests.stage import Calls, aws_client


@pytest.fixture
def api(stage: Calls) -> Iterator[FakeManagement]:
    with management() as fake:
        yield fake


@pytest.fixture
def stream(stage: Calls) -> Stream:
    return Stream()


@pytest.fixture
def listener(api: FakeManagement, client: Client) -> Listener:
    """An open socket of a key with all scopes."""
    listener = Listener(api, "c1=")
    assert listener.connect(client.key) == 200
    return listener


def token_of(client: Client, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = client("POST", "/v1/upload-tokens", {"max_bytes": 100, "max_files": 10, **more}).json
    return made


def items(prefix: str) -> list[str]:
    found = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    return sorted(item["pk"]["S"] for item in found if item["pk"]["S"].startswith(prefix))


def taken(tenant: str = "acme") -> int:
    key = {"pk": {"S": f"SOCKETCOUNT#{tenant}"}, "sk": {"S": "SOCKETCOUNT"}}
    item = aws_client("dynamodb").get_item(TableName="filemill-test", Key=key)["Item"]
    return int(item["taken"]["N"])


# --- connecting


def test_a_key_connects_by_header_and_gets_no_subprotocol(api: FakeManagement, client: Client) -> None:
    listener = Listener(api, "c1")
    assert listener.connect(client.key) == 200
    assert listener.opening == {"statusCode": 200}


def test_a_browser_connects_by_subprotocol_and_gets_ours_back(api: FakeManagement, client: Client) -> None:
    listener = Listener(api, "c1")
    assert listener.connect(None, **{"Sec-WebSocket-Protocol": f"filemill.v1, bearer.{client.key}"}) == 200
    assert listener.opening["headers"] == {"Sec-WebSocket-Protocol": "filemill.v1"}
    assert listener.send({"action": "ping"}) == [{"type": "pong"}]


@pytest.mark.parametrize("credential", [None, "", "fm_0_0", "fm_" + "0" * 12 + "_" + "0" * 48, "fmt_1"])
def test_a_wrong_credential_is_401_and_leaves_nothing(api: FakeManagement, credential: str | None) -> None:
    assert Listener(api, "c1").connect(credential) == 401
    assert items("SOCKET") == items("CREDENTIAL") == []


def test_a_credential_in_the_query_is_not_looked_at(api: FakeManagement, client: Client) -> None:
    from chalicelib.api import socket
    from tests.sockets import event_of
    from tests.stage import lambda_context

    event = event_of(
        "c1", headers=None, queryStringParameters={"access_token": client.key, "authorization": client.key}
    )
    assert socket.connect(event, lambda_context())["statusCode"] == 401


@pytest.mark.parametrize("connection_id", [None, ""])
def test_a_get_that_is_no_handshake_is_400_and_uses_up_no_ticket(
    api: FakeManagement, client: Client, connection_id: str | None
) -> None:
    from chalicelib.api import socket
    from tests.sockets import event_of
    from tests.stage import lambda_context

    ticket = ticket_of(client)
    event = event_of("", headers={"Authorization": f"Bearer {ticket}"})
    del event["requestContext"]["connectionId"]
    event["requestContext"] |= {} if connection_id is None else {"connectionId": connection_id}
    assert socket.connect(event, lambda_context()) == {"statusCode": 400}
    assert items("SOCKET") == items("CREDENTIAL") == []
    assert Listener(api, "c1").connect(ticket) == 200


def test_a_key_without_the_scope_is_403(api: FakeManagement) -> None:
    assert Listener(api, "c1").connect(new_client("acme", "files:read", "files:write").key) == 403
    assert items("SOCKET") == []


def test_a_stage_without_sockets_refuses_everybody(
    api: FakeManagement, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_SOCKETS_PER_TENANT", "0")
    settings.cache_clear()
    assert Listener(api, "c1").connect(client.key) == 403


def test_a_credential_that_was_revoked_a_moment_ago_opens_nothing(api: FakeManagement, client: Client) -> None:
    """The key is remembered as good, and its revocation has been published already."""
    assert client.key
    assert client("GET", "/v1/files").status == 200
    credentials.revoke_api_key(client.key.split("_")[1])
    assert Listener(api, "c1").connect(client.key) == 401
    assert items("SOCKET#") == items("CREDENTIAL") == []
    assert taken() == 0


def test_a_token_of_a_revoked_key_opens_nothing(api: FakeManagement, client: Client) -> None:
    token = token_of(client)["token"]
    assert Client(token)("GET", "/v1/files/file_x").status == 404  # remembered
    assert client.key
    credentials.revoke_api_key(client.key.split("_")[1])
    assert Listener(api, "c1").connect(token) == 401


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch, stage: Calls) -> None:
    monkeypatch.setenv("FILEMILL_SOCKETS_PER_TENANT", "3")
    settings.cache_clear()


@pytest.mark.usefixtures("three")
def test_a_tenant_has_so_many_sockets_and_no_more(api: FakeManagement, client: Client) -> None:
    opened = [Listener(api, f"c{i}") for i in range(4)]
    assert [each.connect(client.key) for each in opened] == [200, 200, 200, 429]
    assert items("SOCKET#") == ["SOCKET#c0", "SOCKET#c1", "SOCKET#c2"]
    assert Listener(api, "other").connect(new_client("other").key) == 200
    opened[0].disconnect()
    assert opened[3].connect(client.key) == 200
    assert taken() == 3


@pytest.mark.usefixtures("three")
def test_sockets_whose_end_nobody_told_of_count_until_their_time_is_over(
    api: FakeManagement, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(3):
        Listener(api, f"c{i}").connect(client.key)
    for i in range(3):
        Listener(api, f"c{i}").disconnect(told=False)
    assert Listener(api, "c4").connect(client.key) == 429
    real = time.time
    monkeypatch.setattr("chalicelib.catalog.sockets.time.time", lambda: real() + sockets.LIFE + 2 * sockets.SLACK)
    memory.forget()
    assert Listener(api, "c5").connect(client.key) == 200
    assert taken() == 1


@pytest.mark.usefixtures("three")
def test_a_full_tenant_is_counted_anew_once_a_minute(api: FakeManagement, client: Client, stage: Calls) -> None:
    for i in range(3):
        Listener(api, f"c{i}").connect(client.key)
    stage.clear()
    for i in range(5):
        assert Listener(api, f"d{i}").connect(client.key) == 429
    assert stage.count("dynamodb.Query") == 0


def test_two_ends_of_one_socket_count_once(listener: Listener) -> None:
    assert taken() == 1
    listener.disconnect()
    listener.disconnect()
    assert taken() == 0
    assert items("SOCKET#") == items("CREDENTIAL") == items("SUBS") == []


# --- tickets


def ticket_of(client: Client) -> str:
    answer = client("POST", "/v1/socket-tickets")
    assert answer.status == 201
    assert answer.json["url"] == "wss://d111.cloudfront.net/ws"
    ticket: str = answer.json["ticket"]
    return ticket


def test_a_ticket_opens_one_socket(api: FakeManagement, client: Client) -> None:
    ticket = ticket_of(client)
    assert Listener(api, "c1").connect(None, **{"sec-websocket-protocol": f"filemill.v1,bearer.{ticket}"}) == 200
    assert Listener(api, "c2").connect(ticket) == 401
    assert ticket not in repr(aws_client("dynamodb").scan(TableName="filemill-test")["Items"])


def test_a_ticket_is_over_after_a_minute(api: FakeManagement, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket, real = ticket_of(client), time.time
    monkeypatch.setattr("chalicelib.api.auth.tickets.time.time", lambda: real() + 61)
    assert Listener(api, "c1").connect(ticket) == 401


def test_a_ticket_with_another_secret_opens_nothing_and_stays(api: FakeManagement, client: Client) -> None:
    ticket = ticket_of(client)
    assert Listener(api, "c1").connect(ticket[:-1] + ("0" if ticket[-1] != "0" else "1")) == 401
    assert Listener(api, "c2").connect(ticket) == 200
    assert Listener(api, "c3").connect(ticket) == 401
    assert items("TICKET#") == []


def test_a_ticket_ends_with_its_key(api: FakeManagement, client: Client) -> None:
    ticket = ticket_of(client)
    assert client.key
    credentials.revoke_api_key(client.key.split("_")[1])
    assert Listener(api, "c1").connect(ticket) == 401


def test_a_ticket_is_no_credential_of_the_api(client: Client) -> None:
    assert Client(ticket_of(client))("GET", "/v1/files").status == 401


def test_a_tokens_ticket_sees_what_the_token_brought(api: FakeManagement, client: Client) -> None:
    token = token_of(client)
    browser = Client(token["token"])
    listener = Listener(api, "c1")
    assert listener.connect(ticket_of(browser)) == 200
    theirs, other = upload(browser, b"x", name="a.txt"), upload(client, b"x", name="b.txt")
    (reply,) = listener.send({"action": "subscribe", "files": [other]})[-1:]
    assert (reply["type"], reply["missing"]) == ("subscribed", [other])
    change, reply = listener.send({"action": "subscribe", "files": [theirs, other]})
    assert change["event"]["subject"] == theirs
    assert reply["missing"] == [other]


def test_a_key_without_the_scope_gets_no_ticket(stage: Calls) -> None:
    answer = new_client("acme", "files:read")("POST", "/v1/socket-tickets")
    assert (answer.status, answer.json["code"]) == (403, "missing_scope")


# --- messages


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("", "invalid_json"),
        ("nonsense", "invalid_json"),
        ("\ud800", "invalid_json"),
        ("[" * 5000, "invalid_field"),
        ('{"action":' * 100 + "1" + "}" * 100, "invalid_field"),
        (json.dumps({"action": "ping", "x": "y" * 200_000}), "payload_too_large"),
        ("[]", "invalid_field"),
        ('"subscribe"', "invalid_field"),
        ("{}", "unknown_action"),
        ('{"action":"drop"}', "unknown_action"),
        ('{"action":["subscribe"]}', "unknown_action"),
        ('{"action":"subscribe"}', "invalid_field"),
        ('{"action":"subscribe","all":false}', "invalid_field"),
        ('{"action":"subscribe","all":"true"}', "invalid_field"),
        ('{"action":"subscribe","all":true,"files":["file_x"]}', "invalid_field"),
        ('{"action":"subscribe","files":[]}', "invalid_field"),
        ('{"action":"subscribe","files":"file_x"}', "invalid_field"),
        ('{"action":"subscribe","files":[1]}', "invalid_field"),
        ('{"action":"subscribe","files":["%s"]}' % ("x" * 65), "invalid_field"),
        ('{"action":"subscribe","files":["file_x"]}', "not_found"),
        ('{"action":"subscribe","files":[""]}', "not_found"),
        ('{"action":"unsubscribe","files":[""]}', "not_found"),
        ('{"action":"unsubscribe","files":["all"]}', "not_found"),
        ('{"action":"unsubscribe","files":["file_x","token_0123456789ab"]}', "not_found"),
        (json.dumps({"action": "subscribe", "files": [f"file_{i}" for i in range(101)]}), "invalid_field"),
        ('{"action":"subscribe","token":"0123456789ab"}', "not_found"),
        ('{"action":"subscribe","token":"../x"}', "not_found"),
        ('{"action":"subscribe","all":true,"cursor":""}', "invalid_field"),
        ('{"action":"subscribe","all":true,"cursor":7}', "invalid_field"),
        ('{"action":"subscribe","all":true,"cursor":"AAAA"}', "invalid_cursor"),
        ('{"action":"subscribe","all":true,"cursor":"%s"}' % ("A" * 9000), "invalid_field"),
        ('{"action":"ping","extra":1}', "invalid_field"),
        ('{"action":"ping","id":7}', "invalid_field"),
        ('{"action":"ping","id":"a\\u0000"}', "invalid_field"),
        ('{"action":"ping","action":"ping"}', "invalid_field"),
        ('{"action":"subscribe","all":true,"token":"0123456789ab"}', "invalid_field"),
    ],
)
def test_every_wrong_message_is_answered_with_an_error_and_the_socket_goes_on(
    listener: Listener, sent: str, code: str
) -> None:
    (reply,) = listener.send(sent)
    assert (reply["type"], reply["code"]) == ("error", code)
    assert reply["detail"].endswith(".")
    assert not re.search(
        r"request|body|parameter|this list|\b(True|False|None)\b", reply["detail"] + reply.get("field", "")
    )
    assert len(json.dumps(reply)) < 1000
    assert listener.send({"action": "ping"}) == [{"type": "pong"}]
    assert items("SUBS#") == []


@pytest.mark.parametrize(
    ("sent", "field", "detail"),
    [
        ("nonsense", None, "The message is not JSON."),
        ("[]", "message", "A message must be a JSON object."),
        ("[" * 65, "message", "The message is nested too deeply: at most 64 objects and lists in one another."),
        ('{"action":"ping","action":"ping"}', "message", "`message`: must have each name once."),
        ('{"action":"ping","extra":1}', "extra", "`extra`: is not a field of this message."),
        ('{"action":"subscribe","all":false}', "all", "`all`: must be true."),
        (
            '{"action":"subscribe","all":true,"cursor":"AAAA"}',
            "cursor",
            "This cursor is not valid here: send one that this tenant got from a socket or `/v1/changes`.",
        ),
    ],
)
def test_an_error_speaks_of_the_message(listener: Listener, sent: str, field: str | None, detail: str) -> None:
    (reply,) = listener.send(sent)
    assert (reply.get("field"), reply["detail"]) == (field, detail)


def test_a_message_that_cannot_be_read_costs_no_call_of_the_table(listener: Listener, stage: Calls) -> None:
    stage.clear()
    for sent in ("x", "[" * 5000, "{}", '{"action":"subscribe","files":7}'):
        listener.send(sent)
    assert stage.names == []


def test_a_binary_message_is_refused(listener: Listener) -> None:
    (reply,) = listener.send("eyJhY3Rpb24iOiJwaW5nIn0=", isBase64Encoded=True)
    assert reply["code"] == "invalid_json"
    assert "binary" in reply["detail"]


def test_an_answer_repeats_the_id_of_the_message(listener: Listener) -> None:
    assert listener.send({"action": "ping", "id": "a1"}) == [{"type": "pong", "id": "a1"}]
    (wrong,) = listener.send({"action": "subscribe", "id": "a2"})
    assert (wrong["type"], wrong["id"]) == ("error", "a2")
    (unknown,) = listener.send({"action": "x", "id": "a3"})
    assert unknown["id"] == "a3"
    assert "id" not in listener.send({"action": "x", "id": "y" * 65})[0]
    (reply,) = listener.send({"action": "subscribe", "all": True, "id": "a4"})
    assert (reply["type"], reply["id"]) == ("subscribed", "a4")


@pytest.mark.parametrize("scope", ["other", "acme"])
def test_a_cursor_of_another_tenant_or_of_the_future_is_refused(listener: Listener, scope: str) -> None:
    cursor = encode_feed(scope, {0: 5})
    (reply,) = listener.send({"action": "subscribe", "all": True, "cursor": cursor})
    assert (reply["type"], reply["code"], reply["field"]) == ("error", "invalid_cursor", "cursor")
    assert items("SUBS") == []
    assert listener.send({"action": "subscribe", "all": True})[-1]["type"] == "subscribed"


def test_an_altered_cursor_is_refused(listener: Listener) -> None:
    cursor = listener.send({"action": "subscribe", "all": True})[-1]["cursor"]
    altered = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    (reply,) = listener.send({"action": "subscribe", "all": True, "cursor": altered})
    assert reply["code"] == "invalid_cursor"


def test_the_sockets_cursor_is_that_of_the_changes_feed(client: Client, listener: Listener, stream: Stream) -> None:
    upload(client, b"x", name="a.txt")
    stream.settle()
    cursor = listener.send({"action": "subscribe", "all": True})[-1]["cursor"]
    upload(client, b"y", name="b.txt")
    stream.settle()
    page = client("GET", "/v1/changes", query={"after": cursor}).json
    assert [item["id"] for item in page["items"]] == [listener.heard[-1]["event"]["subject"]]
    assert page["next_after"] == listener.cursor
    first = client("GET", "/v1/changes", query={"limit": "1"}).json["next_after"]
    other = Listener(listener.api, "c2")
    other.connect(client.key)
    assert other.send({"action": "subscribe", "all": True, "cursor": first})[0]["event"]["subject"] in other.files


def test_a_connection_names_500_files_and_no_more(client: Client, listener: Listener, stage: Calls) -> None:
    from chalicelib.catalog import files
    from tests.making import file

    ids = []
    for number in range(501):
        made = file(number, status="awaiting_upload", revision=1)
        files.create(made)
        ids.append(made.id)
    for start in range(0, 500, 100):
        assert listener.send({"action": "subscribe", "files": ids[start : start + 100]})[-1]["type"] == "subscribed"
    assert listener.send({"action": "subscribe", "files": ids[:100]})[-1]["type"] == "subscribed", "known ones again"
    (reply,) = listener.send({"action": "subscribe", "files": ids[500:]})
    assert reply["code"] == "too_many_subscriptions"
    assert listener.send({"action": "unsubscribe", "files": ids[:1]}) == [{"type": "unsubscribed"}]
    assert listener.send({"action": "subscribe", "files": ids[500:]})[-1]["type"] == "subscribed"
    assert len(items("SUBS#acme")) == 500
    assert listener.api.largest <= 32 * 1024
    listener.disconnect()
    assert items("SUBS#acme") == []


def test_a_socket_follows_one_thing_or_names_files(client: Client, listener: Listener) -> None:
    file_id = upload(client, b"x", name="a.txt")
    listener.send({"action": "subscribe", "files": [file_id]})
    assert listener.send({"action": "subscribe", "all": True})[0]["code"] == "mixed_subscriptions"
    listener.send({"action": "unsubscribe", "files": [file_id]})
    assert listener.send({"action": "subscribe", "all": True})[0]["type"] == "subscribed"
    assert listener.send({"action": "subscribe", "all": True})[0]["type"] == "subscribed", "the same again"
    assert listener.send({"action": "subscribe", "files": [file_id]})[0]["code"] == "mixed_subscriptions"
    token = token_of(client)["id"]
    assert listener.send({"action": "subscribe", "token": token})[0]["code"] == "mixed_subscriptions"
    assert listener.send({"action": "unsubscribe", "all": True}) == [{"type": "unsubscribed"}]
    assert listener.send({"action": "subscribe", "token": token})[0]["type"] == "subscribed"


@pytest.mark.parametrize("topic", ["all", "token"])
def test_a_topic_is_no_file_and_is_not_left_as_one(client: Client, listener: Listener, topic: str) -> None:
    token, file_id = token_of(client)["id"], upload(client, b"x", name="a.txt")
    listener.send({"action": "subscribe", **({"all": True} if topic == "all" else {"token": token})})
    (kept,) = items("SUBS#")
    for named in (["all"], [f"token_{token}"], [""], ["all", f"token_{token}", "", f"all#{listener.id}"]):
        assert listener.send({"action": "unsubscribe", "files": named})[0]["code"] == "not_found"
        assert listener.send({"action": "unsubscribe", "files": [*named, file_id]})[0]["type"] == "unsubscribed"
        assert items("SUBS#") == [kept]


def test_files_of_which_none_exists_are_all_missing_and_nothing_is_subscribed(listener: Listener) -> None:
    other = upload(new_client("other"), b"x", name="a.txt", tenant="other")
    ids = [other, "file_" + "0" * 26, "file_x"]
    (reply,) = listener.send({"action": "subscribe", "files": ids})
    assert (reply["type"], reply["missing"]) == ("subscribed", ids)
    assert items("SUBS") == []


def test_a_token_follows_what_it_brought_and_nothing_else(
    api: FakeManagement, client: Client, stream: Stream, listener: Listener
) -> None:
    token = token_of(client)
    browser, page = Client(token["token"]), Listener(api, "c2")
    assert page.connect(token["token"]) == 200
    assert page.send({"action": "subscribe", "all": True})[0]["type"] == "subscribed"
    assert listener.send({"action": "subscribe", "token": token["id"]})[0]["type"] == "subscribed"
    theirs = upload(browser, b"x", name="a.txt")
    upload(client, b"x", name="b.txt")
    stream.settle()
    assert set(page.files) == set(listener.files) == {theirs}
    assert page.send({"action": "subscribe", "token": token["id"]})[0]["type"] == "subscribed"
    other = token_of(client)["id"]
    assert page.send({"action": "subscribe", "token": other})[0]["code"] == "not_found"


def test_another_tenants_token_and_file_are_not_found(listener: Listener) -> None:
    other = new_client("other")
    token, file_id = token_of(other)["id"], upload(other, b"x", name="a.txt", tenant="other")
    assert listener.send({"action": "subscribe", "token": token})[0]["code"] == "not_found"
    (reply,) = listener.send({"action": "subscribe", "files": [file_id]})
    assert (reply["type"], reply["missing"]) == ("subscribed", [file_id])
    assert items("SUBS") == []


def test_a_message_on_a_forgotten_connection_is_answered_and_closes_it(listener: Listener) -> None:
    sockets.forget(listener.id)
    (reply,) = listener.send({"action": "ping"})
    assert (reply["type"], reply["code"]) == ("error", "unauthenticated")
    assert not listener.is_open


def test_an_answer_to_a_client_that_has_left_forgets_it(listener: Listener) -> None:
    listener.disconnect(told=False)
    listener.send({"action": "ping"})
    assert items("SOCKET#") == []


def test_a_client_that_is_too_far_behind_goes_on_from_the_errors_cursor(
    client: Client, listener: Listener, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = encode_feed("acme", {})
    made = {upload(client, b"x", name=f"{i}.txt") for i in range(5)}
    stream.index()
    monkeypatch.setattr("chalicelib.events.feed_events.PAGE", 2)
    monkeypatch.setattr("chalicelib.events.subscribing.SECONDS", 0.0)
    replies = [listener.send({"action": "subscribe", "all": True, "cursor": begin})[-1]]
    while replies[-1]["type"] == "error":
        assert replies[-1]["code"] == "behind"
        assert items("SUBS") == []
        replies.append(listener.send({"action": "subscribe", "all": True, "cursor": replies[-1]["cursor"]})[-1])
    assert replies[-1]["type"] == "subscribed"
    assert len(replies) > 2
    assert set(listener.files) == made


def test_dynamodb_that_is_busy_is_an_error_and_the_socket_goes_on(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    def busy(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "busy"}}, "UpdateItem")

    monkeypatch.setattr("chalicelib.catalog.sockets.follow", busy)
    assert listener.send({"action": "subscribe", "all": True})[0]["code"] == "unavailable"
    monkeypatch.setattr("chalicelib.catalog.sockets.follow", lambda *_: 1 / 0)
    assert listener.send({"action": "subscribe", "all": True})[0]["code"] == "internal"
    assert listener.is_open


# --- the end of a credential


def test_a_revoked_key_closes_its_sockets_and_those_of_its_tokens(
    api: FakeManagement, client: Client, stream: Stream, listener: Listener
) -> None:
    other, browser = Listener(api, "other"), Listener(api, "browser")
    assert other.connect(new_client("acme").key) == 200
    assert browser.connect(token_of(client)["token"]) == 200
    listener.send({"action": "subscribe", "all": True})
    assert client.key
    credentials.revoke_api_key(client.key.split("_")[1])
    stream.publish()
    assert sorted(api.closed) == ["browser", "c1="]
    assert other.is_open
    assert items("SUBS") == []
    assert items("SOCKET#") == ["SOCKET#other"]
    assert taken() == 1


def test_a_revoked_token_closes_its_sockets(
    api: FakeManagement, client: Client, stream: Stream, listener: Listener
) -> None:
    token, browser = token_of(client), Listener(api, "browser")
    browser.connect(token["token"])
    assert client("DELETE", f"/v1/upload-tokens/{token['id']}").status == 204
    stream.publish()
    assert api.closed == ["browser"]
    assert listener.is_open


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + seconds)


def test_a_token_that_is_over_is_heard_no_more_and_hears_no_more(
    api: FakeManagement, client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(client, expires_in=60)
    browser, quiet = Listener(api, "browser"), Listener(api, "quiet")
    for each in (browser, quiet):
        each.connect(token["token"])
        each.send({"action": "subscribe", "all": True})
    upload(Client(token["token"]), b"x", name="a.txt")
    later(monkeypatch, 61)
    (reply,) = browser.send({"action": "ping"})
    assert reply["code"] == "token_expired"
    assert not browser.is_open
    stream.settle()
    assert quiet.types == ["subscribed"]
    assert not quiet.is_open


@pytest.fixture
def closes(stage: Calls) -> Iterator[list[tuple[dict[str, Any], int]]]:
    """The messages to look at a socket later, with their delays in seconds."""
    sent: list[tuple[dict[str, Any], int]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        sent.append((json.loads(params["MessageBody"]), params["DelaySeconds"]))

    events = aws.sqs().meta.events
    events.register("before-parameter-build.sqs.SendMessage", note)
    yield sent
    events.unregister("before-parameter-build.sqs.SendMessage", note)


Closes = list[tuple[dict[str, Any], int]]


def test_a_token_that_is_over_closes_a_socket_that_says_nothing(
    api: FakeManagement, client: Client, closes: Closes, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(client, expires_in=1800)
    browser = Listener(api, "browser")
    browser.connect(token["token"])
    ((body, delay),) = closes
    assert (body, delay) == ({"close": "browser"}, 900)
    posts.close_when_due(body["close"])
    assert browser.is_open
    assert len(closes) == 2, "it looks again"
    later(monkeypatch, 1801)
    posts.close_when_due(body["close"])
    assert not browser.is_open
    assert items("SOCKET#") == []
    posts.close_when_due(body["close"])
    assert len(closes) == 2


def test_a_token_that_lives_longer_than_any_socket_needs_no_message(
    api: FakeManagement, client: Client, closes: Closes
) -> None:
    assert Listener(api, "browser").connect(token_of(client, expires_in=24 * 3600)["token"]) == 200
    assert closes == []


def test_a_socket_that_cannot_be_closed_is_closed_later(
    api: FakeManagement, listener: Listener, closes: Closes
) -> None:
    listener.send({"action": "subscribe", "all": True})
    api.fault = lambda operation, _: 500 if operation == "DeleteConnection" else None
    posts.close(listener.id)
    assert items("SUBS") == [], "it hears nothing more"
    assert listener.send({"action": "ping"})[0]["code"] == "unauthenticated"
    assert listener.is_open
    assert closes[0][0] == {"close": listener.id}
    api.fault = lambda *_: None
    posts.close_when_due(listener.id)
    assert not listener.is_open
    assert items("SOCKET#") == []


def test_the_bounds_are_those_of_the_document() -> None:
    assert (socket_messages.MAX_NAMED, sockets.MAX_FILES) == (100, 500)


def test_every_code_of_the_socket_is_known_and_none_is_the_http_apis() -> None:
    source = Path(socket_messages.__file__).read_text()
    raised = set(re.findall(r'_Refusal\(\s*"(\w+)"', source)) | set(re.findall(r'super\(\).__init__\("(\w+)"', source))
    assert raised == socket_messages.CODES
    assert not socket_messages.CODES & PROBLEMS.keys()
