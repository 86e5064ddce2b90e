"""A record is small: what a client gets without asking for more, counted in bytes of JSON.

Each goal is held by a photo as phones take it, with all that is found in it, in a stage whose addresses have their full
length: CloudFront's own domain, ids of its keys, and checks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import keyring, settings
from chalicelib.catalog.dynamodb import attributes
from tests import images
from tests.client import Client
from tests.making import deliver, set_item, upload
from tests.signers import ec_key, pem
from tests.stage import Calls

WIDTHS = (160, 320, 640, 960, 1280, 1920)

IMAGE: dict[str, Any] = {
    "width": 4032,
    "height": 3024,
    "format": "jpeg",
    "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
    "dominant_color": "#a1b2c3",
    "exif": {
        "make": "Apple",
        "model": "iPhone 15 Pro",
        "lens_make": "Apple",
        "lens_model": "iPhone 15 Pro back triple camera 6.765mm f/1.78",
        "exposure_time": "1/120",
        "f_number": 1.78,
        "focal_length": 6.86,
        "focal_length_35mm": 24,
        "software": "17.5.1",
        "orientation": 1,
        "iso": 100,
        "taken_at": "2025-06-01T12:34:56+02:00",
    },
    "frames": 1,
    "megapixels": 12.19,
    "color_space": "Display P3",
    "has_alpha": False,
    "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
    "palette": ["#a1b2c3", "#0f1a20", "#818181", "#7e7e7e", "#7d7d7d", "#828282"],
    "phash": "c3d2e1f0a5b49687",
    "sharpness": 3549.9,
    "artist": None,
    "copyright": None,
    "caption": None,
}


def rendition(width: int, format: str) -> dict[str, Any]:
    said = {"name": f"w{width}", "format": format, "content_type": f"image/{format}"}
    return {**said, "width": width, "height": width * 3 // 4, "size": 98_765}


@pytest.fixture
def client(client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("FILEMILL_FRONT_DOOR", "https://d111111abcdef8.cloudfront.net")
    monkeypatch.setenv("FILEMILL_CHECKED_ADDRESSES", "true")
    monkeypatch.setattr(keyring, "cdn_key", lambda: keyring.CdnKey("K2JCJMDEHXQW5F", pem(ec_key())))
    settings.settings.cache_clear()
    yield client
    settings.settings.cache_clear()


def photo(client: Client, visibility: str) -> str:
    """The id of a photo with the renditions of `photo`: six as WebP, one as JPEG."""
    more: dict[str, Any] = {"tags": ["holiday"], "metadata": {"album": "Lisbon 2025"}, "visibility": visibility}
    file_id = upload(client, images.jpeg(200, 150), name="IMG_2041.jpeg", **more)
    deliver(file_id)
    made = [*(rendition(width, "webp") for width in WIDTHS), rendition(1280, "jpeg")]
    for name, value in attributes({"image": IMAGE, "renditions": made}).items():
        set_item(file_id, name, value)
    return file_id


def size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def test_a_private_photos_record_has_at_most_6_kb(client: Client) -> None:
    answer = client("GET", f"/v1/files/{photo(client, 'private')}")
    assert len(answer.json["renditions"]) == 7
    assert 3_500 < len(answer.content) <= 4_300, "the goal is 6 KB"


def test_a_public_photos_record_has_less_than_3_kb(client: Client) -> None:
    assert len(client("GET", f"/v1/files/{photo(client, 'public')}").content) <= 2_950


@pytest.mark.parametrize(("visibility", "goal"), [("private", 5_000), ("public", 2_048)])
def test_an_entry_of_a_list_is_small(client: Client, stage: Calls, visibility: str, goal: int) -> None:
    file_id = photo(client, visibility)
    stage.settle()
    for path in ("/v1/files", "/v1/search?q=IMG"):
        [item] = client("GET", path).json["items"]
        listed = item.get("file", item)
        assert (listed["id"], len(listed["renditions"])) == (file_id, 7)
        assert size(listed) <= goal, path
        assert all(each["url"] for each in listed["renditions"])


def test_a_list_has_what_a_gallery_shows_and_leaves_details_to_who_asks(client: Client, stage: Calls) -> None:
    file_id = photo(client, "public")
    stage.settle()
    whole = client("GET", f"/v1/files/{file_id}").json
    [brief] = client("GET", "/v1/files").json["items"]
    assert whole.keys() - brief.keys() == {"focus", "source_url"}
    assert brief["image"] == {
        name: whole["image"][name]
        for name in ("width", "height", "format", "thumbhash", "dominant_color", "frames", "has_alpha")
    }
    for each, other in zip(brief["renditions"], whole["renditions"], strict=True):
        assert {**each, "content_type": other["content_type"]} == other
    same = whole.keys() - {"focus", "source_url", "image", "renditions"}
    assert {name: brief[name] for name in same} == {name: whole[name] for name in same}
    for query in ("include=details", f"fields={','.join(whole)}"):
        assert client("GET", f"/v1/files?{query}").json["items"] == [whole], query
    both = client("GET", "/v1/files?include=details,delivery").json["items"][0]
    assert both == client("GET", f"/v1/files/{file_id}?include=delivery").json
    assert client("GET", "/v1/changes").json["items"][0]["file"] == whole
    assert client("POST", "/v1/files/batch-get", {"ids": [file_id]}).json["items"] == [whole]
