"""The log of a webhook, and what a client asks to be sent."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.api import sizes
from chalicelib.api.routing import as_json
from chalicelib.catalog import webhook_deliveries as deliveries
from chalicelib.catalog import webhooks
from chalicelib.catalog.webhook_deliveries import KEEP_ATTEMPTS, Attempt, Delivery, DeliveryState
from chalicelib.events import delivering
from chalicelib.model import now, timestamp
from tests.client import Client, new_client
from tests.making import BEGIN
from tests.stage import aws_client

READY = "filemill.file.ready"
FAILED, MISSED = DeliveryState.FAILED, DeliveryState.MISSED


@pytest.fixture
def webhook(client: Client) -> str:
    """The path of a webhook that was made before the events of these tests."""
    answer = client("POST", "/v1/webhooks", {"url": "https://example.com/"})
    assert answer.status == 201
    made = webhooks.get("acme", answer.json["id"])
    assert made
    webhooks.change(made, {"created_at": timestamp(BEGIN)})
    return f"/v1/webhooks/{made.id}"


def messages() -> list[dict[str, Any]]:
    """The messages in the webhook queue, which is empty afterwards."""
    sqs = aws_client("sqs")
    url = sqs.get_queue_url(QueueName="webhooks")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for received in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
    return [json.loads(received["Body"]) for received in found]


def put(path: str, number: int, state: DeliveryState = DeliveryState.DELIVERED, **values: Any) -> Delivery:
    """The number-th event for a webhook, one each second."""
    made: dict[str, Any] = {
        "webhook_id": path.rpartition("/")[2],
        "tenant": "acme",
        "event_id": f"evt_file_01KAP3Y5ZD4Q8R2V7W9X{number:06d}_2",
        "type": READY,
        "time": BEGIN + timedelta(seconds=number),
        "subject": f"file_01KAP3Y5ZD4Q8R2V7W9X{number:06d}",
        "revision": 2,
        "state": state,
    }
    delivery = Delivery.model_validate(made | values)
    assert deliveries.put_new(delivery)
    return delivery


def attempt(**values: Any) -> Attempt:
    return Attempt.model_validate({"at": BEGIN, "ms": 87, "status": 500, "answer": "no", **values})


# --- The log


def test_the_log_is_read_page_by_page_the_newest_first(client: Client, webhook: str) -> None:
    made = [put(webhook, number).event_id for number in range(7)]
    seen: list[str] = []
    query = {"limit": "3"}
    while True:
        page = client("GET", f"{webhook}/deliveries", query=query)
        assert page.status == 200
        seen += [each["id"] for each in page.json["items"]]
        if page.json["next_cursor"] is None:
            break
        query = {"limit": "3", "cursor": page.json["next_cursor"]}
    assert seen == made[::-1]


def test_the_log_shows_attempts_and_one_delivery_the_answers_too(client: Client, webhook: str) -> None:
    failed = attempt(status=None, error="The host does not answer.", answer=None)
    delivery = put(webhook, 1, attempts=[failed, attempt(status=200, answer="ok")])
    shown = {"at": timestamp(BEGIN), "ms": 87}
    tries = [
        {**shown, "status": None, "error": "The host does not answer."},
        {**shown, "status": 200, "error": None},
    ]
    (listed,) = client("GET", f"{webhook}/deliveries").json["items"]
    assert listed["attempts"] == tries
    one = client("GET", f"{webhook}/deliveries/{delivery.event_id}").json
    assert one["attempts"] == [{**tries[0], "answer": None}, {**tries[1], "answer": "ok"}]
    assert one | {"attempts": tries} == listed
    assert (one["id"], one["type"], one["subject"], one["revision"]) == (
        delivery.event_id,
        READY,
        delivery.subject,
        2,
    )
    assert (one["state"], one["next_attempt_at"]) == ("delivered", None)


def test_the_log_is_filtered_by_state(client: Client, webhook: str) -> None:
    made = {state: put(webhook, number, state).event_id for number, state in enumerate(DeliveryState)}
    for state, event_id in made.items():
        page = client("GET", f"{webhook}/deliveries", query={"state": str(state)}).json
        assert [each["id"] for each in page["items"]] == [event_id]
    answer = client("GET", f"{webhook}/deliveries", query={"state": "lost"})
    assert (answer.status, answer.json["field"]) == (422, "state")


def test_a_pending_delivery_says_when_it_is_due(client: Client, webhook: str) -> None:
    due = now() + timedelta(minutes=5)
    delivery = put(webhook, 1, DeliveryState.PENDING, due=due)
    assert client("GET", f"{webhook}/deliveries/{delivery.event_id}").json["next_attempt_at"] == timestamp(due)


def test_a_cursor_is_for_this_log_and_this_state_alone(client: Client, webhook: str) -> None:
    for number in range(3):
        put(webhook, number)
    other = client("POST", "/v1/webhooks", {"url": "https://example.com/"}).json["id"]
    cursor = client("GET", f"{webhook}/deliveries", query={"limit": "1"}).json["next_cursor"]
    wrong: list[tuple[str, dict[str, str]]] = [
        (f"/v1/webhooks/{other}", {"cursor": cursor}),
        (webhook, {"cursor": cursor, "state": "failed"}),
        (webhook, {"cursor": cursor[:-2] + "AA"}),
        (webhook, {"cursor": "x"}),
    ]
    for path, query in wrong:
        assert client("GET", f"{path}/deliveries", query=query).json["code"] == "invalid_cursor"


def test_the_largest_page_fits_into_an_answer(client: Client, webhook: str) -> None:
    tries = [attempt(error="\x00" * 300, answer="\x00" * 1024)] * KEEP_ATTEMPTS
    delivery = put(webhook, 1, attempts=tries)
    one = client("GET", f"{webhook}/deliveries/{delivery.event_id}").json
    assert sizes.size(as_json(one)) < sizes.LAMBDA_MOST
    (listed,) = client("GET", f"{webhook}/deliveries").json["items"]
    assert sizes.size(as_json(listed)) * 100 < sizes.MOST, len(as_json(listed))


def test_a_delivery_of_another_webhook_or_tenant_is_not_found(client: Client, webhook: str) -> None:
    delivery = put(webhook, 1)
    other = client("POST", "/v1/webhooks", {"url": "https://example.com/"}).json["id"]
    stranger = new_client("other")
    theirs = stranger("POST", "/v1/webhooks", {"url": "https://example.com/"}).json["id"]
    for caller, path in ((client, other), (stranger, theirs), (stranger, webhook.rpartition("/")[2])):
        for method, action in (("GET", ""), ("POST", "/retry")):
            answer = caller(method, f"/v1/webhooks/{path}/deliveries/{delivery.event_id}{action}")
            assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("event_id", ["STATE", "x", "evt_", "evt_nobody", "HOOKLOG"])
def test_what_is_no_event_is_not_found(client: Client, webhook: str, event_id: str) -> None:
    """The webhook's state stands beside its deliveries, and is none."""
    key = {"pk": {"S": f"HOOK#{webhook.rpartition('/')[2]}"}, "sk": {"S": "STATE"}}
    aws_client("dynamodb").put_item(TableName="filemill-test", Item={**key, "tenant": {"S": "acme"}})
    assert client("GET", f"{webhook}/deliveries/{event_id}").json["code"] == "not_found"
    assert client("POST", f"{webhook}/deliveries/{event_id}/retry").json["code"] == "not_found"
    kept = aws_client("dynamodb").get_item(TableName="filemill-test", Key=key)["Item"]
    assert kept == {**key, "tenant": {"S": "acme"}}


# --- Test, retry, replay


def test_a_test_event_is_a_delivery_that_the_worker_is_woken_for(client: Client, webhook: str) -> None:
    answer = client("POST", f"{webhook}/test")
    assert answer.status == 202
    made = answer.json
    assert (made["type"], made["subject"], made["state"]) == (
        "filemill.webhook.test",
        webhook.rpartition("/")[2],
        "pending",
    )
    assert messages() == [{"tenant": "acme", "webhook": made["subject"], "events": [made["id"]], "probe": True}]
    assert client("GET", f"{webhook}/deliveries/{made['id']}").json["id"] == made["id"]
    stored = deliveries.get(made["subject"], made["id"])
    assert stored
    assert stored.actor
    assert client.key
    assert (stored.actor.type, stored.actor.id) == ("key", client.key.split("_")[1])
    assert client("POST", f"{webhook}/test").json["id"] != made["id"]


@pytest.mark.parametrize("state", DeliveryState)
def test_a_delivery_is_retried_in_whatever_state_it_is(client: Client, webhook: str, state: DeliveryState) -> None:
    delivery = put(webhook, 1, state, attempts=[attempt()], tries=9)
    answer = client("POST", f"{webhook}/deliveries/{delivery.event_id}/retry")
    assert (answer.status, answer.json["state"]) == (202, "pending")
    assert answer.json["next_attempt_at"]
    assert len(answer.json["attempts"]) == 1, "the log goes on"
    (message,) = messages()
    assert message == {
        "tenant": "acme",
        "webhook": delivery.webhook_id,
        "events": [delivery.event_id],
        "probe": True,  # also where failures have stopped everything else
    }


def test_a_replay_is_the_workers(client: Client, webhook: str) -> None:
    for body, types in (
        ({"since": "2026-11-22T12:00:00Z"}, []),
        ({"since": "2026-11-22T13:00:00+01:00", "types": [READY]}, [READY]),
    ):
        answer = client("POST", f"{webhook}/replay", body)
        assert (answer.status, answer.json) == (202, {"since": "2026-11-22T12:00:00.000Z", "types": types})
        (message,) = messages()
        assert (message["tenant"], message["replay"]) == ("acme", webhook.rpartition("/")[2])
        assert (message["since"], message.get("types", [])) == ("2026-11-22T12:00:00.000Z", types)
        assert "missed" not in message, "what arrived is sent again, too"


@pytest.mark.parametrize("since", ["0259-06-05T16:02:11Z", "0001-01-01T00:00:00+14:00", "2026-11-22T11:59:59Z"])
def test_a_replay_reaches_no_further_back_than_the_webhook(client: Client, webhook: str, since: str) -> None:
    answer = client("POST", f"{webhook}/replay", {"since": since})
    assert (answer.status, answer.json["since"]) == (202, timestamp(BEGIN))
    (message,) = messages()
    assert message["since"] == timestamp(BEGIN)


def work_off(bodies: Iterable[dict[str, Any]]) -> None:
    for body in bodies:
        delivering.work_off(json.dumps(body), seconds=30)


def pending(path: str) -> set[str]:
    page = deliveries.log(path.rpartition("/")[2], 100)
    return {each.event_id for each in page.deliveries if each.state is DeliveryState.PENDING}


def test_a_replay_sends_again_all_events_of_the_types_since_the_moment(client: Client, webhook: str) -> None:
    made = {number: put(webhook, number, DeliveryState.DELIVERED).event_id for number in range(4)}
    failed = put(webhook, 5, DeliveryState.FAILED).event_id
    other = put(webhook, 6, type="filemill.file.updated").event_id
    client("POST", f"{webhook}/replay", {"since": timestamp(BEGIN + timedelta(seconds=2)), "types": [READY]})
    work_off(each for each in messages() if "replay" in each)
    assert pending(webhook) == {made[2], made[3], failed}
    client("POST", f"{webhook}/replay", {"since": timestamp(BEGIN)})
    work_off(each for each in messages() if "replay" in each)
    assert pending(webhook) == {*made.values(), failed, other}


def test_a_replay_leaves_out_tests(client: Client, webhook: str) -> None:
    test = client("POST", f"{webhook}/test").json["id"]
    stored = deliveries.get(webhook.rpartition("/")[2], test)
    assert stored
    assert deliveries.finish(stored, attempt(status=200), DeliveryState.DELIVERED)
    messages()
    client("POST", f"{webhook}/replay", {"since": timestamp(BEGIN)})
    work_off(messages())
    assert pending(webhook) == set()


def test_enabling_with_replay_sends_what_did_not_arrive_and_nothing_else(client: Client, webhook: str) -> None:
    arrived = put(webhook, 1, DeliveryState.DELIVERED, time=now()).event_id
    wanted = {put(webhook, number, state, time=now()).event_id for number, state in ((2, MISSED), (3, FAILED))}
    client("PATCH", webhook, {"enabled": False})
    client("PATCH", webhook, {"enabled": True, "replay": True})
    work_off(each for each in messages() if "replay" in each)
    assert pending(webhook) == wanted
    assert arrived not in pending(webhook)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "since"),
        ({"since": None}, "since"),
        ({"since": "yesterday"}, "since"),
        ({"since": 1700000000}, "since"),
        ({"since": "2026-11-22T12:00:00"}, "since"),
        ({"since": "2999-01-01T00:00:00Z"}, "since"),
        ({"since": "2026-11-22T12:00:00Z", "types": ["x"]}, "types.0"),
    ],
)
def test_a_replay_that_makes_no_sense_is_refused(
    client: Client, webhook: str, body: dict[str, Any], field: str
) -> None:
    answer = client("POST", f"{webhook}/replay", body)
    assert (answer.status, answer.json["field"]) == (422, field)
    assert messages() == []


def test_nothing_is_sent_to_a_disabled_webhook(client: Client, webhook: str) -> None:
    delivery = put(webhook, 1)
    client("PATCH", webhook, {"enabled": False})
    for action, body in (
        ("test", None),
        (f"deliveries/{delivery.event_id}/retry", None),
        ("replay", {"since": "2026-11-22T12:00:00Z"}),
    ):
        answer = client("POST", f"{webhook}/{action}", body)
        assert (answer.status, answer.json["code"]) == (409, "webhook_disabled")
        assert "disabled through the API" in answer.json["detail"]
    assert messages() == []
    assert client("GET", f"{webhook}/deliveries").json["items"], "its log can be read"
