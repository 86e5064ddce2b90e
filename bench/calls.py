"""Counts the AWS calls of each operation on moto. The counts are exact on every machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from moto import mock_aws

from tests import images
from tests.client import new_client
from tests.making import deliver, upload
from tests.stage import Calls, provisioned, recorded_calls

PHOTO = images.jpeg(2000, 1500)


def run() -> None:
    with mock_aws():
        provisioned(b"")
        with recorded_calls() as calls:
            _table(calls)


def _table(calls: Calls) -> None:
    client = new_client("bench")
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(PHOTO), "visibility": "public"}
    client("GET", "/v1/files")  # from here on the API key is in memory
    photo = upload(client, PHOTO, tenant="bench", visibility="public")
    operations: dict[str, Callable[[], object]] = {
        "create a file": lambda: client("POST", "/v1/files", body),
        "process a photo of 2000 px": lambda: deliver(photo, tenant="bench"),
        "deliver it again": lambda: deliver(photo, tenant="bench"),
        "get a file": lambda: client("GET", f"/v1/files/{photo}"),
        "a page of the list": lambda: client("GET", "/v1/files"),
        "delete a file": lambda: client("DELETE", f"/v1/files/{photo}"),
    }
    print("| operation | AWS calls |\n|---|---|")
    for name, operation in operations.items():
        calls.clear()
        operation()
        counted = Counter(calls.names)
        print(f"| {name} | {', '.join(f'{n} {call}' for call, n in counted.items()) or 'none'} |")
