"""A socket of a caller with `files:own` hears of its own files only: live, from a cursor, and by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.catalog import sockets
from tests.client import Client, new_client
from tests.making import upload
from tests.sockets import FakeManagement, Listener, Stream, management
from tests.stage import Calls

BYTES = b"a,b"


@pytest.fixture
def api(stage: Calls) -> Iterator[FakeManagement]:
    with management() as fake:
        yield fake


@pytest.fixture
def owner(stage: Calls) -> Client:
    return new_client("acme", "files:own")


@pytest.fixture
def stream(stage: Calls) -> Stream:
    return Stream()


@pytest.fixture
def listener(api: FakeManagement, owner: Client) -> Listener:
    listener = Listener(api, "c1=")
    assert listener.connect(owner.key) == 200
    return listener


def heard(listener: Listener) -> set[str]:
    return set(listener.files)


def test_all_is_what_it_owns(client: Client, owner: Client, listener: Listener, stream: Stream) -> None:
    assert listener.send({"action": "subscribe", "all": True})[-1]["type"] == "subscribed"
    mine, theirs = upload(owner, BYTES), upload(client, BYTES, owner="bob")
    upload(client, BYTES)
    stream.settle()
    assert heard(listener) == {mine}
    listener.files.clear()
    for client_, file_id in ((owner, mine), (client, theirs)):
        assert client_("DELETE", f"/v1/files/{file_id}").status == 204
    stream.settle()
    assert listener.files == {mine: {"id": mine, "revision": 2}}, "its end is told, too"


def test_a_cursor_brings_what_it_owns(client: Client, owner: Client, listener: Listener, stream: Stream) -> None:
    cursor = listener.send({"action": "subscribe", "all": True})[-1]["cursor"]
    listener.disconnect()
    mine, gone = upload(owner, BYTES), upload(owner, BYTES)
    upload(client, BYTES, owner="bob")
    owner("DELETE", f"/v1/files/{gone}")
    stream.settle()
    again = Listener(listener.api, "c2=")
    assert again.connect(owner.key) == 200
    again.send({"action": "subscribe", "all": True, "cursor": cursor})
    assert heard(again) == {mine, gone}


def test_it_names_only_what_it_owns(client: Client, owner: Client, listener: Listener, stream: Stream) -> None:
    mine, theirs = upload(owner, BYTES), upload(client, BYTES, owner="bob")
    nobodys = "file_01K8Z0000000000000000000ZZ"
    answer = listener.send({"action": "subscribe", "files": [mine, theirs, nobodys]})[-1]
    assert answer["missing"] == [theirs, nobodys]
    client("PATCH", f"/v1/files/{theirs}", {"tags": ["a"]})
    stream.settle()
    assert heard(listener) == {mine}


def test_it_follows_no_token(client: Client, owner: Client, listener: Listener) -> None:
    token = client("POST", "/v1/upload-tokens", {"max_bytes": 9}).json
    answer = listener.send({"action": "subscribe", "token": token["id"]})[-1]
    assert (answer["type"], answer["code"]) == ("error", "not_found")


def test_a_ticket_stands_for_the_owner(client: Client, owner: Client, api: FakeManagement, stream: Stream) -> None:
    ticket = owner("POST", "/v1/socket-tickets").json["ticket"]
    page = Listener(api, "c3=")
    assert page.connect(ticket) == 200
    page.send({"action": "subscribe", "all": True})
    mine = upload(owner, BYTES)
    upload(client, BYTES)
    stream.settle()
    assert heard(page) == {mine}


def test_the_release_before_this_one_takes_the_socket_for_one_of_a_token(listener: Listener) -> None:
    """It knows no owners, and would let a socket without a token hear of everything."""
    from tests.stage import aws_client

    known = sockets.get("c1=")
    assert known
    assert known.owner
    assert known.token_id is None
    key = {"pk": {"S": "SOCKET#c1="}, "sk": {"S": "SOCKET"}}
    stored = aws_client("dynamodb").get_item(TableName="filemill-test", Key=key)["Item"]
    assert stored["token_id"]["S"] == f"owner:{known.owner}"
