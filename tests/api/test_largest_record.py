"""The largest record that the bounds of the API allow."""

from __future__ import annotations

from typing import Any

from chalicelib.catalog import files
from chalicelib.catalog.dynamodb import attributes
from chalicelib.processing.image import exif, rights
from chalicelib.renditions.recipes import RECIPES
from tests.client import Client
from tests.making import PHOTO, deliver, item, set_item
from tests.stage import aws_client


def test_the_largest_legal_record_is_far_below_dynamodbs_bound(client: Client) -> None:
    """400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html."""
    body = {
        "filename": "\U0001f408" * 255,
        "content_type": "image/jpeg",
        "size": len(PHOTO),
        "tags": ["\U0001f408" * 60 + f"{n:04}" for n in range(20)],
        "metadata": {"k": "x" * (8 * 1024 - 10)},
        "recipe": "document",
        "focus": {"x": 0.1234, "y": 0.9876},
    }
    created = client("POST", "/v1/files", body)
    assert created.status == 201, created.text
    file_id = created.json["id"]
    aws_client("s3").put_object(Bucket="originals", Key=f"acme/{file_id}", Body=PHOTO)
    deliver(file_id)
    file = files.get("acme", file_id)
    assert file
    assert file.image
    image = file.image.model_copy(
        update={
            "exif": dict.fromkeys(exif._FIELDS, "\U0001f408" * exif.MAX_TEXT),
            **dict.fromkeys(("artist", "copyright", "caption"), "\U0001f408" * rights.MAX_TEXT),
        }
    )
    most = 4 * max((len(recipe.widths) + 1) * len(recipe.encodings) for recipe in RECIPES.values())
    rendition = file.renditions[-1].model_dump(mode="json")
    values = {
        "image": image.model_dump(mode="json"),
        "renditions": [rendition | {"name": f"w{n:05}"} for n in range(most)],
        "error": {"code": "internal", "message": "x" * 1000},
        "leftovers": [f"f/private/{file_id}/0123456789abcdef/"] * 20,
        "source_url": "x" * 2048,
        "upload_id": "x" * 1024,
    }
    for name, value in attributes(values).items():
        set_item(file_id, name, value)
    assert 30_000 < item_bytes(item(file_id)) < 64_000


def item_bytes(value: dict[str, Any]) -> int:
    """An item's size as DynamoDB counts it, rounded up where it says "approximately".

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """

    def size(attribute: dict[str, Any]) -> int:
        ((kind, inner),) = attribute.items()
        if kind == "M":
            return 3 + sum(1 + len(name.encode()) + size(child) for name, child in inner.items())
        if kind == "L":
            return 3 + sum(1 + size(child) for child in inner)
        return len(inner.encode()) + 1 if kind in ("S", "N") else 1

    return sum(len(name.encode()) + size(attribute) for name, attribute in value.items())
