"""`/v1/webhooks`: a tenant sets up where its events are sent."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.api import receivers
from chalicelib.catalog import webhooks
from chalicelib.catalog.webhooks import MOST, TYPES
from chalicelib.events import webhook_secrets
from chalicelib.model import now
from chalicelib.settings import settings
from tests import names
from tests.client import Answer, Client, new_client
from tests.stage import Calls, aws_client

URL = "https://hooks.example.com/filemill"
READY = "filemill.file.ready"


def create(client: Client, key: str = "", **more: Any) -> Answer:
    headers = {"Idempotency-Key": key} if key else {}
    return client("POST", "/v1/webhooks", {"url": URL, **more}, headers=headers)


def made(client: Client, **more: Any) -> Any:
    answer = create(client, **more)
    assert answer.status == 201, answer.text
    return answer.json


def path(webhook: Any, action: str = "") -> str:
    return f"/v1/webhooks/{webhook['id']}{action}"


def messages() -> list[dict[str, Any]]:
    """The messages in the webhook queue, which is empty afterwards."""
    sqs = aws_client("sqs")
    url = sqs.get_queue_url(QueueName="webhooks")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for received in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
    return [json.loads(received["Body"]) for received in found]


def items() -> str:
    return repr(aws_client("dynamodb").scan(TableName="filemill-test")["Items"])


# --- Creating


def test_a_webhook_is_made_with_its_filters_and_its_secret_is_shown_once(client: Client) -> None:
    filters = {"types": [READY], "kinds": ["image"], "tags": ["cats"], "filename_prefix": "IMG"}
    answer = client("POST", "/v1/webhooks", {"url": URL, **filters})
    assert answer.status == 201
    webhook = answer.json
    assert answer.headers["Location"] == path(webhook)
    assert {name: webhook[name] for name in filters} == filters
    assert (webhook["url"], webhook["enabled"]) == (URL, True)
    assert client.key
    assert webhook["created_by"] == {"type": "key", "id": client.key.split("_")[1]}
    secret = webhook.pop("secret")
    assert secret.startswith("whsec_")
    assert client("GET", path(webhook)).json == webhook
    assert client("GET", "/v1/webhooks").json == {"items": [webhook]}
    assert client("PATCH", path(webhook), {"enabled": True}).json == webhook
    assert secret.removeprefix("whsec_") not in items(), "it is stored nowhere"


def test_without_filters_all_are_empty(client: Client) -> None:
    webhook = made(client)
    assert [webhook[name] for name in ("types", "kinds", "tags", "filename_prefix")] == [[], [], [], None]


def test_webhooks_are_listed_the_oldest_first(client: Client) -> None:
    ids = [made(client)["id"] for _ in range(3)]
    assert [each["id"] for each in client("GET", "/v1/webhooks").json["items"]] == ids
    assert new_client("other")("GET", "/v1/webhooks").json == {"items": []}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"types": ["filemill.file.exploded"]}, "types.0"),
        ({"types": ["ready"]}, "types.0"),
        ({"types": [READY] * 99}, "types"),
        ({"types": READY}, "types"),
        ({"kinds": ["hologram"]}, "kinds.0"),
        ({"tags": ["x" * 65]}, "tags.0"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"filename_prefix": ""}, "filename_prefix"),
        ({"filename_prefix": "x" * 256}, "filename_prefix"),
        ({"filename_prefix": "a\nb"}, "filename_prefix"),
        ({"url": None}, "url"),
        ({"url": 7}, "url"),
        ({"url": ""}, "url"),
        ({"url": f"https://example.com/{'x' * 10_000}"}, "url"),
        ({"url": "https://example.com/\r\nHost: inside"}, "url"),
        ({"enabled": False}, "enabled"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
def test_what_is_out_of_bounds_is_refused(client: Client, more: dict[str, Any], field: str) -> None:
    answer = create(client, **more)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_field", field)
    assert client("GET", "/v1/webhooks").json == {"items": []}


def test_an_unknown_type_is_answered_with_those_that_there_are(client: Client) -> None:
    detail = create(client, types=["x"]).json["detail"]
    assert all(each in detail for each in TYPES)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://inside.example.com/",
        "https://inside.example.com/",
        "https://both.example.com/",
        "https://metadata.example.com/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://10.0.0.7/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://missing.example.com/",
        f"https://{names.SILENT}/",
        "https://me:secret@example.com/",
        "https://example.com:22/",
        "ftp://example.com/",
        "hooks.example.com",
        "https://exa mple.com/",
    ],
)
def test_a_url_that_events_may_not_be_sent_to_is_refused_and_tells_nothing(client: Client, url: str) -> None:
    webhook = made(client)
    for answer in (create(client, url=url), client("PATCH", path(webhook), {"url": url})):
        assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "url_refused", "url")
        assert names.PRIVATE not in answer.text.replace(url, "")
    assert [each["url"] for each in client("GET", "/v1/webhooks").json["items"]] == [URL]


def test_a_name_inside_and_a_missing_one_get_the_same_answer(client: Client) -> None:
    said = {
        create(client, url=f"https://{host}.example.com/").json["detail"].replace(host, "")
        for host in ("inside", "missing", "metadata", "both")
    }
    assert len(said) == 1


def test_a_silent_name_server_is_waited_for_a_bounded_time(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Event

    ends = Event()
    monkeypatch.setattr(receivers, "LOOK_UP", 0.05)
    monkeypatch.setattr("chalicelib.outbound.lookup.look_up", lambda *_: ends.wait(10) and [])
    answer = create(client)
    ends.set()
    assert (answer.status, answer.json["code"]) == (422, "url_refused")


def test_an_operators_own_network_may_have_receivers_by_http(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_WEBHOOK_NETWORKS", "10.0.0.0/8, 127.0.0.0/8")
    settings.cache_clear()
    for url in ("http://inside.example.com/", "https://inside.example.com/", "http://127.0.0.1:4720/hook"):
        assert create(client, url=url).status == 201
    for url in ("http://example.com/", "https://both.example.com:22/", "https://metadata.example.com/"):
        assert create(client, url=url).json["code"] == "url_refused"


def test_a_101st_webhook_is_refused_whether_they_come_one_by_one_or_fifty_at_once(client: Client) -> None:
    for _ in range(MOST - 20):
        made(client)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: create(client), range(50)))
    assert sorted(answer.status for answer in answers) == [201] * 20 + [409] * 30
    assert {answer.json["code"] for answer in answers if answer.status == 409} == {"too_many_webhooks"}
    assert len(client("GET", "/v1/webhooks").json["items"]) == MOST
    assert client("DELETE", path(client("GET", "/v1/webhooks").json["items"][0])).status == 204
    assert create(client).status == 201
    assert create(new_client("other")).status == 201


# --- Idempotency-Key


def test_the_same_key_makes_one_webhook_and_gets_its_secret_again(client: Client) -> None:
    first, again = create(client, "k"), create(client, "k")
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == path(first.json)
    assert len(client("GET", "/v1/webhooks").json["items"]) == 1
    assert create(new_client("acme"), "k").json["id"] != first.json["id"], "a key is its credential's own"


def test_a_key_with_another_body_or_of_another_route_is_refused(client: Client) -> None:
    create(client, "k")
    assert create(client, "k", tags=["cats"]).json["code"] == "idempotency_key_reused"
    file = {"filename": "a", "content_type": "text/csv", "size": 3}
    answer = client("POST", "/v1/files", file, headers={"Idempotency-Key": "k"})
    assert answer.json["code"] == "idempotency_key_reused"


def test_the_same_key_twice_at_once_makes_one_webhook(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first: list[Answer] = []
    write = webhooks.create

    def after_the_other(*args: Any) -> None:
        if not first:
            first.append(Answer(0, {}, ""))
            first.append(create(client, "k"))
        write(*args)

    monkeypatch.setattr(webhooks, "create", after_the_other)
    late = create(client, "k")
    assert (late.status, late.json) == (201, first[1].json)
    assert len(client("GET", "/v1/webhooks").json["items"]) == 1


def test_a_key_makes_no_deleted_webhook_anew_and_nothing_of_it_stays(client: Client) -> None:
    webhook = create(client, "k", tags=["a-word-of-mine"]).json
    assert "a-word-of-mine" in items()
    assert client("DELETE", path(webhook)).status == 204
    assert "a-word-of-mine" not in items()
    assert URL not in items()
    answer = create(client, "k", tags=["a-word-of-mine"])
    assert (answer.status, answer.json["code"]) == (404, "not_found")


# --- Changing, disabling, deleting


def test_a_change_is_of_what_the_body_names_and_null_empties_a_prefix(client: Client) -> None:
    webhook = made(client, types=[READY], tags=["cats"], filename_prefix="a")
    answer = client("PATCH", path(webhook), {"tags": [], "filename_prefix": None})
    assert (answer.status, answer.json["tags"], answer.json["filename_prefix"]) == (200, [], None)
    assert answer.json["types"] == [READY]
    assert answer.json["updated_at"] >= webhook["updated_at"]
    other = client("PATCH", path(webhook), {"url": "https://example.com/b", "types": [], "kinds": ["other"]}).json
    assert (other["url"], other["types"], other["kinds"]) == ("https://example.com/b", [], ["other"])
    assert client("GET", path(webhook)).json == other


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"url": None}, "url"),
        ({"enabled": None}, "enabled"),
        ({"enabled": "yes"}, "enabled"),
        ({"replay": True}, "replay"),
        ({"enabled": False, "replay": True}, "replay"),
        ({"types": ["x"]}, "types.0"),
        ({"id": "wh_"}, "id"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(client: Client, body: dict[str, Any], field: str) -> None:
    webhook = made(client)
    answer = client("PATCH", path(webhook), body)
    assert (answer.status, answer.json["field"]) == (422, field)
    del webhook["secret"]
    assert client("GET", path(webhook)).json == webhook


@pytest.mark.parametrize("name", ["types", "kinds", "tags"])
def test_null_empties_a_filter(client: Client, name: str) -> None:
    webhook = made(client, types=[READY], kinds=["image"], tags=["cats"])
    assert client("PATCH", path(webhook), {name: None}).json[name] == []
    assert client("GET", path(webhook)).json[name] == []


def test_a_webhook_is_disabled_with_a_reason_and_enabled_again(client: Client) -> None:
    webhook = made(client)
    off = client("PATCH", path(webhook), {"enabled": False}).json
    assert (off["enabled"], off["disabled_reason"]) == (False, "It was disabled through the API.")
    assert off["disabled_at"]
    assert client("PATCH", path(webhook), {"enabled": False}).json == off
    on = client("PATCH", path(webhook), {"enabled": True}).json
    assert (on["enabled"], on["disabled_reason"], on["disabled_at"]) == (True, None, None)
    (message,) = messages()
    assert message == {"tenant": "acme", "webhook": webhook["id"], "probe": True}, "nobody asked for a replay"


def test_enabling_replays_what_was_missed_if_asked_and_again_if_the_answer_was_lost(client: Client) -> None:
    webhook = made(client)
    began = now()
    client("PATCH", path(webhook), {"enabled": False})
    for _ in range(2):
        assert client("PATCH", path(webhook), {"enabled": True, "replay": True}).json["enabled"]
        (message,) = (each for each in messages() if "replay" in each)
        assert (message["tenant"], message["replay"], message["missed"]) == ("acme", webhook["id"], True)
        assert message["since"] < began.isoformat()[:23]
    assert client("PATCH", path(made(client)), {"enabled": True, "replay": True}).status == 200
    assert messages() == [], "it was never disabled, so nothing was missed"


def test_a_deleted_webhook_is_gone_and_the_worker_forgets_its_log(client: Client, stage: Calls) -> None:
    webhook = made(client)
    assert client("DELETE", path(webhook)).status == 204
    stage.published()
    assert messages() == [{"forget": webhook["id"]}]
    for method, body in (("GET", None), ("PATCH", {"tags": []}), ("DELETE", None)):
        assert client(method, path(webhook), body).json["code"] == "not_found"
    assert client("GET", "/v1/webhooks").json == {"items": []}


def test_a_webhook_that_goes_in_between_is_not_found(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook = made(client)
    known = webhooks.get("acme", webhook["id"])
    assert known
    webhooks.delete(known)
    monkeypatch.setattr("chalicelib.api.routes.webhooks.own_webhook", lambda *_: known)  # it was read before
    for method, action, body in (
        ("PATCH", "", {"tags": []}),
        ("PATCH", "", {"enabled": False}),
        ("POST", "/rotate-secret", {}),
    ):
        assert client(method, path(webhook, action), body).json["code"] == "not_found"
    assert client("DELETE", path(webhook)).status == 204, "that is what was asked for"
    assert webhooks.of_tenant("acme") == []


# --- Rotation


def test_a_rotated_secret_is_shown_and_the_earlier_one_signs_for_the_overlap(client: Client) -> None:
    webhook = made(client)
    answer = client("POST", path(webhook, "/rotate-secret"), {"overlap": 60})
    assert answer.status == 200
    assert answer.json["secret"] not in ("", webhook["secret"])
    assert answer.json["earlier_secrets_until"] > webhook["created_at"]
    stored = webhooks.get("acme", webhook["id"])
    assert stored
    assert len(webhook_secrets.signing_secrets(stored)) == 2
    ended = client("POST", path(webhook, "/rotate-secret"), {"overlap": 0}).json
    assert ended["earlier_secrets_until"] is None
    stored = webhooks.get("acme", webhook["id"])
    assert stored
    assert len(webhook_secrets.signing_secrets(stored)) == 1


def test_the_overlap_is_a_day_unless_it_is_said_and_bounded(client: Client) -> None:
    webhook = made(client)
    assert (
        client("POST", path(webhook, "/rotate-secret"), {}).json["earlier_secrets_until"][:10] > now().isoformat()[:10]
    )
    for overlap in (-1, 7 * 86400 + 1, "60", None, 1.5):
        answer = client("POST", path(webhook, "/rotate-secret"), {"overlap": overlap})
        assert (answer.status, answer.json["field"]) == (422, "overlap")


def test_a_sixth_secret_is_refused_with_what_to_do(client: Client) -> None:
    webhook = made(client)
    statuses = [client("POST", path(webhook, "/rotate-secret"), {}).status for _ in range(5)]
    assert statuses == [200, 200, 200, 200, 409]
    refused = client("POST", path(webhook, "/rotate-secret"), {})
    assert (refused.json["code"], refused.json["field"]) == ("too_many_secrets", "overlap")


# --- Who may


def test_only_a_key_with_the_scope_and_of_the_tenant_manages_webhooks(client: Client) -> None:
    webhook = made(client)
    token = client("POST", "/v1/upload-tokens", {"max_bytes": 9}).json["token"]
    requests: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("PATCH", "", {"tags": ["theirs"]}),
        ("POST", "/rotate-secret", {}),
        ("POST", "/test", None),
        ("POST", "/replay", {"since": "2026-11-22T12:00:00Z"}),
        ("GET", "/deliveries", None),
        ("GET", "/deliveries/evt_x", None),
        ("POST", "/deliveries/evt_x/retry", None),
        ("DELETE", "", None),
    ]
    others = (
        (new_client("other"), 404, "not_found"),
        (new_client("acme", "files:read", "files:write", "events:read"), 403, "missing_scope"),
        (Client(token), 403, "missing_scope"),
        (Client(None), 401, "unauthenticated"),
    )
    for stranger, status, code in others:
        for method, action, body in requests:
            answer = stranger(method, path(webhook, action), body)
            assert (answer.status, answer.json["code"]) == (status, code), (method, action)
    del webhook["secret"]
    assert client("GET", path(webhook)).json == webhook
    assert messages() == []


def test_what_can_be_no_id_is_not_found_and_costs_nothing(client: Client, stage: Calls) -> None:
    client("GET", "/v1/webhooks")
    stage.clear()
    for webhook_id in ("x", "wh_", "..", "wh_" + "0" * 25, "wh_" + "a" * 26, "%00"):
        assert client("GET", f"/v1/webhooks/{webhook_id}").status == 404
    assert stage.names == []
