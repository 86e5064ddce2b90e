"""Answers with several records end before they are too large for Lambda, and the rest is asked for."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.api import key_bodies, sizes
from chalicelib.api.auth.callers import ORDINARY
from chalicelib.api.fields import MAX_IDS, MAX_SIGNED, MAX_TAG, MAX_TAGS
from chalicelib.api.key_bodies import MAX_NAME, MAX_NETWORKS
from chalicelib.api.routes import api_keys, audit, tenants, tokens, webhook_deliveries, webhooks
from chalicelib.api.routes.finding import MAX_FOUND, MAX_LIMIT, MAX_WITH_DELIVERY
from chalicelib.api.routes.webhooks import MAX_URL
from chalicelib.api.routing import OPERATIONS, as_json
from chalicelib.catalog import files, usage
from chalicelib.catalog.audit.entries import Entry
from chalicelib.catalog.credentials import ApiKey
from chalicelib.catalog.dynamodb import BATCH_GET, attributes
from chalicelib.catalog.index.terms import postings
from chalicelib.catalog.keys import feed_key, file_key, head_key, shard_of
from chalicelib.catalog.quotas import QUOTAS
from chalicelib.catalog.room import FIRST_ROUND
from chalicelib.catalog.tenants import Tenant
from chalicelib.catalog.webhook_deliveries import KEEP_ATTEMPTS, Attempt, Delivery
from chalicelib.catalog.webhooks import MOST as MOST_WEBHOOKS
from chalicelib.catalog.webhooks import TYPES, Webhook, new_id
from chalicelib.delivery.view import WHOLE, wire
from chalicelib.model import Actor, Kind, UploadToken, Visibility, new_file_id, now, timestamp
from chalicelib.outbound.post import KEPT_BYTES
from chalicelib.settings import MAX_PARTS, settings
from chalicelib.storage import multipart
from tests.catalog.fake import FakeDynamoDB
from tests.client import Answer, Client
from tests.making import begin_multipart, enlarge, item, largest_request
from tests.stage import Calls, aws_client

MANY = 110


@dataclass
class World:
    """Many files with the largest records. They are in a table in memory: moto needs minutes for them."""

    client: Client
    table: FakeDynamoDB
    ids: list[str]  # the oldest first


@pytest.fixture
def large(client: Client, monkeypatch: pytest.MonkeyPatch) -> World:
    return world(client, monkeypatch, MANY)


def world(client: Client, monkeypatch: pytest.MonkeyPatch, count: int) -> World:
    """So many copies of the largest record that was made over the API, and their index."""
    first = largest_request(client)
    enlarge(first, renditions=2)
    table = FakeDynamoDB()
    for present in aws_client("dynamodb").scan(TableName="filemill-test")["Items"]:
        table.put(present)
    model = item(first)
    ids = [first, *(new_file_id() for _ in range(count - 1))]
    taken: Counter[int] = Counter()
    for file_id in ids:
        named = {**file_key(file_id), "id": file_id, "list_sk": file_id, "sha_sk": file_id}
        table.put({**model, **attributes(named)})
        shard = shard_of(file_id, settings().list_shards)
        taken[shard] += 1
        file = files.as_file({**model, **attributes(named)})
        table.put(attributes({**feed_key("acme", shard, taken[shard]), "file_id": file_id, "revision": file.revision}))
        for pk, sk in postings(file, shard):
            table.put(attributes({"pk": pk, "sk": sk}))
    for shard, end in taken.items():
        table.put(attributes({**head_key("acme", shard), "n": end, "seen": end}))
    monkeypatch.setattr(aws, "dynamodb", lambda: table)
    return World(client, table, ids)


@pytest.fixture(autouse=True)
def within_the_bound(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No answer of these tests is too large for Lambda, written in either way that its runtimes know."""
    call = Client.__call__
    monkeypatch.setattr(Client, "__call__", lambda *args, **more: checked(call(*args, **more)))
    yield


def checked(answer: Answer) -> Answer:
    returned = {"statusCode": answer.status, "headers": answer.headers, "body": answer.text, "isBase64Encoded": False}
    for as_ascii in (True, False):
        assert len(json.dumps(returned, ensure_ascii=as_ascii).encode()) < sizes.LAMBDA_MOST
    return answer


class Reads:
    """How often each file's record is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counted: Counter[str] = Counter()
        known = files.from_values

        def from_values(values: Any) -> Any:
            self.counted[values["id"]] += 1
            return known(values)

        monkeypatch.setattr(files, "from_values", from_values)


def size(value: Any) -> int:
    """The bytes of a value in a function's answer, at most."""
    return sizes.size(as_json(value))


def test_the_largest_record_needs_less_than_a_twentieth_of_an_answer(client: Client) -> None:
    """So the first record of a page always fits, and one answer with one record always does."""
    file_id = largest_request(client)
    enlarge(file_id, renditions=2)
    file = files.get("acme", file_id)
    assert file
    assert size(wire(file, ALL_FIELDS)) * FIRST_ROUND / 2 < sizes.MOST, "or FIRST_ROUND must be lower"
    answer = client("GET", f"/v1/files/{file.id}?include=delivery")
    assert len(json.dumps(answer.text)) > 100_000, "it is large"


ALL_FIELDS = WHOLE | {"delivery"}

# Entries of lists are small without it.
DETAILS = {"include": "details"}
LISTS: list[dict[str, str]] = [
    {},
    {"sort": "created"},
    {"sort": "-size"},
    {"sort": "filename"},
    {"status": "ready"},
    {"sort": "-updated"},
]


def test_every_page_of_a_list_fits_and_together_they_have_every_file_once(
    large: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    for query in LISTS:
        reads.counted.clear()
        large.table.measure()
        found, pages = walked(large.client, {**query, **DETAILS})
        assert sorted(found) == large.ids, query
        assert 2 < pages < 8, "a page is as full as it may be"
        assert max(reads.counted.values()) <= 2, "a record that did not fit is read once more"
        assert large.table.calls["BatchGetItem"] <= pages * 2
        assert large.table.calls["Query"] <= pages * 4, "a Query reads 1 MB"


def walked(client: Client, query: dict[str, str]) -> tuple[list[str], int]:
    """The ids on all pages of a list, and the number of pages."""
    found: list[str] = []
    pages = 0
    cursor: dict[str, str] = {}
    while True:
        answer = client("GET", "/v1/files", query={"limit": str(MAX_LIMIT), **query, **cursor})
        found += [record["id"] for record in answer.json["items"]]
        pages += 1
        assert pages < 20, "the cursor goes on"
        if answer.json["next_cursor"] is None:
            return found, pages
        cursor = {"cursor": answer.json["next_cursor"]}


def test_a_page_with_delivery_fits(large: World) -> None:
    query = {"limit": str(MAX_WITH_DELIVERY), "fields": ",".join(sorted(ALL_FIELDS))}
    page = large.client("GET", "/v1/files", query=query).json
    assert [record["id"] for record in page["items"]] == large.ids[::-1][: len(page["items"])]
    assert 15 < len(page["items"]) < MAX_WITH_DELIVERY
    rest = large.client("GET", "/v1/files", query={**query, "cursor": page["next_cursor"]}).json
    assert rest["items"][0]["id"] == large.ids[::-1][len(page["items"])]


def test_small_fields_of_large_records_fill_a_page(large: World) -> None:
    page = large.client("GET", "/v1/files", query={"limit": str(MAX_LIMIT), "fields": "status"}).json
    assert len(page["items"]) == MANY
    assert page["next_cursor"] is None


def test_a_consumer_of_changes_always_gets_on(large: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for file_id in large.ids[50:60]:
        large.table.remove_record(file_id)
    large.table.measure()
    reads = Reads(monkeypatch)
    told: list[str] = []
    pages = 0
    query = {"limit": str(MAX_LIMIT)}
    while True:
        page = large.client("GET", "/v1/changes", query=query).json
        assert page["items"], "at least one change a page"
        told += [change["id"] for change in page["items"]]
        query["after"] = page["next_after"]
        pages += 1
        assert pages < 20, "the cursor goes on"
        if not page["more"]:
            break
    assert told == large.ids, "each once"
    assert 2 < pages < 8
    assert max(reads.counted.values()) <= 2
    assert large.table.calls["BatchGetItem"] <= pages * 3


def test_several_shards_of_the_feed_end_early_and_go_on_without_a_gap(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_LIST_SHARDS", "4")
    settings.cache_clear()
    ids = world(client, monkeypatch, 30).ids
    monkeypatch.setattr(sizes, "MOST", 700_000)
    told: list[str] = []
    query = {"limit": str(MAX_LIMIT)}
    while True:
        page = client("GET", "/v1/changes", query=query).json
        assert 0 < len(page["items"]) < 20
        told += [change["id"] for change in page["items"]]
        query["after"] = page["next_after"]
        if not page["more"]:
            break
    assert sorted(told) == ids, "each once"


def test_a_record_above_the_bound_is_told_alone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """No record can be so large. If one were, its page would be refused, and not the whole feed."""
    ids = world(client, monkeypatch, 3).ids
    monkeypatch.setattr(sizes, "MOST", 1000)
    query: dict[str, str] = {}
    for file_id in ids:
        page = client("GET", "/v1/changes", query=query).json
        assert [change["id"] for change in page["items"]] == [file_id]
        query = {"after": page["next_after"]}
    assert page["more"] is False


def test_batch_get_names_the_files_that_did_not_fit(large: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Reads(monkeypatch)
    asked = large.ids[:MAX_IDS]
    found: list[str] = []
    rounds = 0
    while asked:
        answer = large.client("POST", "/v1/files/batch-get", {"ids": asked})
        got = [record["id"] for record in answer.json["items"]]
        assert got == asked[: len(got)]
        assert answer.json["omitted"] == asked[len(got) :]
        found, asked = found + got, answer.json["omitted"]
        rounds += 1
    assert found == large.ids[:MAX_IDS]
    assert 2 < rounds < 6
    assert max(reads.counted.values()) <= 2


def test_search_names_the_files_that_did_not_fit(large: World) -> None:
    answer = large.client("GET", "/v1/search", query={"q": "0001", "limit": str(MAX_FOUND), **DETAILS})
    if not answer.json["items"]:
        pytest.fail("nothing was found")
    got = [each["file"]["id"] for each in answer.json["items"]]
    assert len(got) < MAX_FOUND
    assert [*got, *answer.json["omitted"]] == large.ids[::-1][:MAX_FOUND]


def test_an_answer_that_is_not_full_omits_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = world(client, monkeypatch, 4).ids
    assert client("POST", "/v1/files/batch-get", {"ids": [*ids, "file_" + "0" * 26]}).json["omitted"] == []
    answer = client("GET", "/v1/search", query={"q": "0001", "limit": "2"})
    assert (len(answer.json["items"]), answer.json["omitted"]) == (2, [])


# --- Answers that have many items, but no records


def test_the_parts_of_the_largest_upload_fit_into_one_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    record = begin_multipart(client)
    held = [multipart.Part(number, f"{'f' * 32}-{MAX_PARTS}", 5 * 1024**3) for number in range(1, MAX_PARTS + 1)]
    monkeypatch.setattr(multipart, "list_parts", lambda *_: held)
    assert len(client("GET", f"/v1/files/{record['id']}/parts").json["parts"]) == MAX_PARTS
    file = files.get("acme", record["id"])
    assert file
    listed = client("GET", f"/s3/multipart/{file.upload_id}", query={"key": f"acme/{file.id}"})
    assert len(listed.json) == MAX_PARTS


def test_a_thousand_signed_parts_fit_with_a_long_session_token(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS gives no bound of a token's length. Those of Lambda's roles have about a thousand characters."""
    record = begin_multipart(client, size=5 * 1024**2 * MAX_SIGNED)
    token = base64.b64encode(bytes(range(256)) * 12).decode()
    assert len(token) == 4096
    credentials: Any = aws.s3()._request_signer._credentials  # type: ignore[attr-defined]
    monkeypatch.setattr(credentials, "token", token)
    body = {"part_numbers": list(range(1, MAX_SIGNED + 1))}
    answer = client("POST", f"/v1/files/{record['id']}/parts", body)
    assert answer.status == 200, answer.text
    assert len(answer.json["parts"]) == MAX_SIGNED
    assert "X-Amz-Security-Token" in answer.text


def test_grants_of_as_many_files_as_one_request_names_fit(large: World) -> None:
    body = {"ids": large.ids[:MAX_IDS], "expires_in": 604_800, "cookie_domain": "cloudfront.net"}
    answer = large.client("POST", "/v1/grants", body)
    assert answer.status == 200, answer.text
    assert len(answer.json["items"]) == MAX_IDS == BATCH_GET
    assert len(json.dumps(answer.text)) < sizes.MOST / 10


# A character that JSON writes as six.
WIDE = "\x01"


def test_all_webhooks_of_a_tenant_fit() -> None:
    moment = now()
    webhook = Webhook(
        id=new_id(),
        tenant="acme",
        url="https://example.com/".ljust(MAX_URL, "é"),
        types=list(TYPES),
        kinds=list(Kind),
        tags=["é" * MAX_TAG] * MAX_TAGS,
        filename_prefix='"' * 255,
        disabled_reason="é" * 255,
        disabled_at=moment,
        created_at=moment,
        updated_at=moment,
        created_by=Actor(type="key", id="0123456789ab"),
    )
    assert size({"items": [webhooks.shown(webhook)] * MOST_WEBHOOKS}) < sizes.MOST


def test_a_page_of_deliveries_fits_and_a_delivery_with_all_answers() -> None:
    moment = now()
    # The longest sentence has a host's name in it, of 253 characters.
    attempt = Attempt(at=moment, ms=15_000, error="x" * 500, answer=WIDE * KEPT_BYTES)
    delivery = Delivery(
        webhook_id=new_id(),
        tenant="acme",
        event_id=f"evt_{new_id()}_{int(moment.timestamp())}000",
        type=TYPES[0],
        time=moment,
        subject=new_id(),
        attempts=[attempt] * KEEP_ATTEMPTS,
        due=moment,
    )
    page = [webhook_deliveries.shown(delivery, answers=False)] * webhook_deliveries.MAX_LOGGED
    assert size({"items": page, "next_cursor": None}) < sizes.MOST
    assert size(webhook_deliveries.shown(delivery)) < sizes.MOST / 10


def test_a_page_of_keys_of_tenants_and_of_upload_tokens_fits() -> None:
    moment = timestamp(now())
    networks = tuple(f"2001:0db8:{'1111:' * 5}{number:04x}/128" for number in range(MAX_NETWORKS))
    key = ApiKey("0" * 12, "h", "acme", WIDE * MAX_NAME, tuple(ORDINARY), moment, networks=networks, expires_at=moment)
    assert size({"items": [key_bodies.shown(key)] * api_keys.MAX_LISTED}) < sizes.MOST
    tenant = Tenant("a" * 63, "photo", "accept", True, dict.fromkeys(QUOTAS, 2**53))
    assert size({"items": [asdict(tenant)] * tenants.MAX_LISTED}) < sizes.MOST
    token = UploadToken(
        id="0" * 12,
        hash="h",
        tenant="acme",
        created_at=now(),
        expires_at=now(),
        max_files=1,
        max_bytes=1,
        content_types=["a" * 127] * 50,
        tags=["é" * MAX_TAG] * MAX_TAGS,
        visibility=Visibility.PRIVATE,
        recipe="photo",
    )
    assert size({"items": [token.model_dump(mode="json")] * tokens.MAX_LISTED}) < sizes.MOST


def test_a_usage_of_90_days_fits(stage: Calls, client: Client) -> None:
    """One item for each day, whatever the tenant does."""
    today = now()
    for number in range(usage.FORGET_DAYS):
        day = usage.day_of(today - timedelta(days=number))
        usage.add("acme", day, **dict.fromkeys((*usage.OF_THE_INDEX, *usage.OTHERS), 10**15))
    answer = client("GET", "/v1/usage")
    assert len(answer.json["days"]) == usage.SHOWN_DAYS
    assert len(answer.text) < sizes.MOST / 100


# --- No route is forgotten

# The answers that hold lists or mappings: pages that end by bytes; as many items as the request or the upload has,
# which always fit; and one record, form, token or grant.
BY_BYTES = {"list_files", "search_files", "list_changes", "batch_get_files"}
BY_COUNT = {
    "list_entries",
    "get_history",
    "list_audit",
    "list_webhooks",
    "list_deliveries",
    "list_keys",
    "list_tenants",
    "list_upload_tokens",
    "list_shares",
    "create_grants",
    "list_parts",
    "sign_parts",
    "uppy_list_parts",
    "uppy_sign_batch",
    "get_stats",
    "get_usage",
}
ONE_RECORD = {"get_file", "create_file", "patch_file", "reprocess_file", "restore_file", "complete_upload"}
ONE_RECORD |= {"add_captions", "delete_captions"}
ONE_OTHER = {
    "get_me",
    "create_grant",
    "create_upload_token",
    "uppy_params",
    "uppy_presign",
    "get_openapi",
    "get_asyncapi",
}
ONE_WEBHOOK = {"create_webhook", "get_webhook", "patch_webhook", "rotate_webhook_secret", "replay_events"}
ONE_KEY = {"create_key", "get_key", "patch_key", "rotate_key", "create_tenant_key"}
ONE_TENANT = {"get_tenant", "put_tenant", "patch_tenant"}
ONE_DELIVERY = {"get_delivery", "retry_delivery", "send_test_event"}


def test_a_page_of_the_audit_fits() -> None:
    """An entry has names of fields and ids, each of which is bounded."""
    entry = Entry(
        id=f"evt_{new_file_id()}_{2**53}",
        tenant="acme",
        subject=new_file_id(),
        type=f"filemill.audit.{'x' * 40}",
        at="2026-11-26T12:00:00.000Z",
        actor={"type": "user", "id": "\U0001f98a" * 255},
        address="2001:db8:ffff::/48",
        request_id="x" * 128,
        fields=tuple(sorted(WHOLE)),
        revision=2**53,
    )
    assert audit.MAX_LIMIT >= audit.MAX_HISTORY
    assert audit.MAX_LIMIT * len(json.dumps(entry.stored())) < sizes.MOST


def test_every_answer_that_could_grow_is_one_that_these_tests_know() -> None:
    """A route that is added with such an answer must be bounded, and be tried above."""
    growing = {
        operation.view.__name__
        for operation in OPERATIONS
        for model in operation.returns.values()
        if model and _may_grow(json.dumps(model.model_json_schema()))
    }
    one = ONE_RECORD | ONE_WEBHOOK | ONE_DELIVERY | ONE_KEY | ONE_TENANT | ONE_OTHER
    assert growing == BY_BYTES | BY_COUNT | one


def _may_grow(schema: str) -> bool:
    signs = ('"type": "array"', '"additionalProperties": {', '"additionalProperties": true')
    return any(sign in schema for sign in signs)


def test_what_is_counted_is_what_lambda_gets() -> None:
    for value in ({"a": 'quo"te'}, ["\U0001f408é\\", None, 1.5], "x" * 10):
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        assert sizes.size(body) == len(json.dumps({"body": body})) - len('{"body": }')
