"""Tenants with something of everything that the table and the buckets hold, and a look at all of it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

from chalicelib.api.auth.keys import name_of_key, name_of_tenant, name_of_token
from chalicelib.catalog import (
    credentials,
    render_leases,
    shares,
    sockets,
    subscriptions,
    tenants,
    usage,
    waits,
    webhook_deliveries,
    webhook_slots,
    webhook_states,
    webhooks,
)
from chalicelib.catalog.audit import pages, seals
from chalicelib.catalog.audit.entries import Entry
from chalicelib.catalog.credentials import Ticket
from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.files import list_keys
from chalicelib.catalog.idempotency import Remembered
from chalicelib.catalog.keys import (
    adoption_key,
    due_keys,
    file_key,
    rate_key,
    reserve_key,
    sha256_keys,
)
from chalicelib.catalog.sockets import Connection, Place
from chalicelib.catalog.tenants import Tenant
from chalicelib.catalog.webhook_deliveries import Delivery
from chalicelib.catalog.webhooks import Webhook
from chalicelib.model import Actor, File, Kind, Rendition, Status, UploadToken, Visibility, now, timestamp
from ops.keys import create
from tests.making import file
from tests.stage import aws_client

TABLE = "filemill-test"
KINDS = (Kind.IMAGE, Kind.PDF, Kind.TEXT, Kind.OTHER)
WIDE = Rendition(name="w1", format="png", content_type="image/png", width=1, height=1, size=1)


def fill(tenant: str, count: int, first: int = 0, mentions: str = "nothing") -> list[File]:
    """Gives a tenant files, and one of everything else. `mentions` is another's id, which it uses as a tag."""
    s3 = aws_client("s3")
    made = [_put(s3, tenant, first + number, mentions) for number in range(1, count + 1)]
    key, _ = create(tenant, "a key")
    token = _token(tenant, key.id)
    _socket(tenant, key.id)
    _webhook(tenant, made[0])
    tenants.put_tenant(Tenant(tenant, default_recipe="avatar"))
    _write(Remembered(f"{tenant}/{key.id}", "a key", "hash", made[0].id, "answer"))
    credentials.put_ticket(Ticket(f"ticket-{tenant}", "hash", name_of_token(token), int(now().timestamp()) + 60))
    user = {"tenant": tenant, "user": "somebody", "scopes": ["files:read"]}
    signed_in = Ticket(f"user-{tenant}", "hash", name_of_tenant(tenant), int(now().timestamp()) + 60, user=user)
    credentials.put_ticket(signed_in)
    shares.create(tenant, made[0].id, expires_at=now() + timedelta(days=1), download=True, public=False)
    usage.add(tenant, usage.day_of(now()), requests=3)
    _counts(tenant)
    _audit(tenant, made[0])
    render_leases.begin(f"f/private/{made[0].id}/{'0' * 16}/w1.avif", "lease", 30)
    waiting = waits.held(f"{tenant}/{key.id}", 5)
    waiting.__enter__()  # a request that was killed leaves its slot
    upload = made[1]
    s3.create_multipart_upload(Bucket="originals", Key=f"{tenant}/{upload.id}")
    return made


def _write(remembered: Remembered) -> None:
    from chalicelib.catalog.dynamodb import write_together

    write_together([remembered.write()])


def _put(s3: Any, tenant: str, number: int, mentions: str) -> File:
    """A file in one of several states, its original with a late version and a marker, and its renditions."""
    status = (Status.READY, Status.READY, Status.FAILED, Status.DELETED, Status.AWAITING_UPLOAD, Status.PROCESSING)[
        number % 6
    ]
    record = file(
        number,
        tenant=tenant,
        status=status,
        kind=KINDS[number % 4],
        tags=["red", f"t{number % 7}", mentions],
        filename=f"Holiday {number} {mentions}.jpg",
        visibility=(Visibility.PRIVATE, Visibility.PUBLIC)[number % 2],
        owner=(None, f"user {number % 3}")[number % 2],
        words=["sea", f"word{number % 5}"],
        revision=1,
        restore_until=now() + timedelta(days=1) if status is Status.DELETED else None,
        restore_to=Status.READY if status is Status.DELETED else None,
        source_version=f"{number:016x}",
        renditions=[WIDE],
    )
    key = f"{tenant}/{record.id}"
    if status is not Status.AWAITING_UPLOAD:
        record.version_id = s3.put_object(Bucket="originals", Key=key, Body=b"original")["VersionId"]
        if number % 5 == 0:
            s3.put_object(Bucket="originals", Key=key, Body=b"late")
            s3.delete_object(Bucket="originals", Key=key)
        prefix = f"f/{record.visibility}/{record.id}/{record.source_version}/"
        s3.put_object(Bucket="derived", Key=prefix + "w1.png", Body=b"rendition")
    item: dict[str, Any] = {
        **file_key(record.id),
        **record.model_dump(mode="json", exclude_none=True),
        **(list_keys(record) if status is not Status.DELETED else {}),
        **sha256_keys(tenant, str(record.sha256), record.id),
        **due_keys(record.id, now() + timedelta(days=1)),
    }
    aws_client("dynamodb").put_item(TableName=TABLE, Item=attributes(item))
    return record


def _token(tenant: str, key_id: str) -> str:
    moment = now()
    token = UploadToken(
        id=key_id[::-1],
        hash="h",
        tenant=tenant,
        created_at=moment,
        expires_at=moment + timedelta(hours=1),
        max_files=1,
        max_bytes=9,
        visibility=Visibility.PRIVATE,
        recipe="photo",
        key_id=key_id,
    )
    credentials.put_token(token)
    return token.id


def _counts(tenant: str) -> None:
    """The items that quotas and `ops adopt` write about a tenant."""
    for item in (
        {**rate_key(tenant, 29_000_000, 0), "taken": 5},
        {**reserve_key(tenant), "files_held": 5},
        {**adoption_key(tenant, "0" * 64), "file_id": "file_" + "0" * 26},
    ):
        aws_client("dynamodb").put_item(TableName=TABLE, Item=attributes(item))


def _audit(tenant: str, of: File) -> None:
    """A page of the audit, about a change that is older than all others, and a seal over it."""
    moment = timestamp(now() - timedelta(days=60))
    pages.write([Entry(f"evt_{of.id}_0", tenant, of.id, "filemill.file.created", moment, {"type": "key", "id": "k"})])
    found = list(pages.all_of(tenant, ""))
    seals.seal(tenant, found[0].written, found, seals.head_of(tenant))


def _socket(tenant: str, key_id: str) -> None:
    place = Place("abc.execute-api.eu-west-1.amazonaws.com", "abc", "live")
    connection = Connection(
        f"socket-{tenant}=", tenant, place, (name_of_key(key_id), name_of_tenant(tenant)), int(now().timestamp()) + 600
    )
    assert sockets.add(connection, 10)
    subscriptions.join(connection, ["all"])
    aws_client("dynamodb").put_item(
        TableName=TABLE, Item=attributes({"pk": f"LISTEN#{tenant}", "sk": "LISTEN", "all_until": 1})
    )


def _webhook(tenant: str, of: File) -> None:
    moment = now()
    actor = Actor(type="key", id="k")
    webhook = Webhook(
        id=webhooks.new_id(),
        tenant=tenant,
        url="https://example.com/a",
        created_at=moment,
        updated_at=moment,
        created_by=actor,
    )
    webhooks.create(webhook)
    deliveries = [
        Delivery(
            webhook_id=webhook.id,
            tenant=tenant,
            event_id=f"evt_{of.id}_{revision}",
            type="filemill.file.ready",
            time=moment,
            subject=of.id,
            revision=revision,
            actor=actor,
        )
        for revision in (1, 2)
    ]
    webhook_deliveries.put_all_new(deliveries)
    webhook_deliveries.note_answers(deliveries)
    webhook_states.arm(tenant, webhook.id)
    assert webhook_slots.take(tenant, "lease", 30)


# --- looks


def items() -> list[str]:
    """Every item of the table as text, in order."""
    pages = aws_client("dynamodb").get_paginator("scan").paginate(TableName=TABLE)
    return sorted(json.dumps(item, sort_keys=True, default=bytes.hex) for page in pages for item in page["Items"])


def objects() -> list[str]:
    """Every version in both buckets, delete marker and open upload, as text."""
    s3 = aws_client("s3")
    found = []
    for bucket in ("originals", "derived"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found += [f"{bucket} {e['Key']} {e['VersionId']}" for e in page.get("Versions", [])]
            found += [f"{bucket} {e['Key']} {e['VersionId']} marker" for e in page.get("DeleteMarkers", [])]
        for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            found.append(f"{bucket} {upload['Key']} {upload['UploadId']} upload")
    return sorted(found)


def about(texts: list[str], tenant: str, made: list[File]) -> list[str]:
    """Those of the texts that name the tenant, whole, or one of its files."""
    ids = {each.id for each in made}
    named = re.compile(rf"(?<![a-z0-9-]){re.escape(tenant)}(?![a-z0-9-])")
    return [text for text in texts if named.search(text) or any(each in text for each in _ids(text, ids))]


def _ids(text: str, ids: set[str]) -> set[str]:
    return set(re.findall(r"file_[0-9A-Z]{26}", text)) & ids
