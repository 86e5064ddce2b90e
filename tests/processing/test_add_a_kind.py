"""docs/add-a-kind.md, followed word for word: its module, its line, its file, and what it says will come of that."""

from __future__ import annotations

import json
import re
import sys
from io import BytesIO
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from chalicelib.model import PermanentFault
from chalicelib.processing import kinds
from chalicelib.processing.kinds import Order, Processor, Source
from chalicelib.renditions.recipes import RECIPES
from tests.client import Client
from tests.making import deliver, upload
from tests.stage import ROOT, Calls, aws_client

PAGE = (ROOT / "docs/add-a-kind.md").read_text(encoding="utf-8")
MODULE, LINE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
[WALK] = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)
[SAID] = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
NAME = "chalicelib.processing.gpx"


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Does what the page says: the module under its name, and the line as the first of PROCESSORS."""
    assert "as its first line" in PAGE
    module = ModuleType(NAME)
    monkeypatch.setitem(sys.modules, NAME, module)
    exec(compile(MODULE, "gpx.py", "exec"), module.__dict__)
    processor = eval(LINE, vars(kinds).copy())
    assert isinstance(processor, Processor)
    monkeypatch.setattr(kinds, "PROCESSORS", (processor, *kinds.PROCESSORS))
    return module


def kept(client: Client, body: str) -> dict[str, Any]:
    file_id = upload(client, body.encode(), name="walk.gpx", content_type="application/gpx+xml")
    deliver(file_id)
    record: dict[str, Any] = client("GET", f"/v1/files/{file_id}").json
    return record


def test_the_file_becomes_what_the_page_says(client: Client, stage: Calls) -> None:
    record = kept(client, WALK)
    for name, value in SAID.items():
        found = record[name]
        assert (found | value == found) if isinstance(value, dict) else found == value, name
    pictures = [(each["width"], each["format"]) for each in record["renditions"] if each["width"]]
    assert sorted(pictures) == [(160, "webp"), (320, "jpeg"), (320, "webp")]
    delivery = client("GET", f"/v1/files/{record['id']}?include=delivery").json["delivery"]
    assert delivery["srcset"].keys() == {"avif", "webp", "jpeg"}
    stage.settle()
    [found] = client("GET", "/v1/search", query={"q": "müggelsee"}).json["items"]
    assert found["file"]["id"] == record["id"]


def test_the_picture_shows_the_track(client: Client) -> None:
    record = kept(client, WALK)
    [url] = [each["url"] for each in record["renditions"] if (each["width"], each["format"]) == (320, "webp")]
    key = url.removeprefix("https://d111.cloudfront.net/").partition("?")[0]
    with Image.open(BytesIO(aws_client("s3").get_object(Bucket="derived", Key=key)["Body"].read())) as image:
        dark = sum(image.convert("L").histogram()[:128])
    assert 300 < dark < 5000


@pytest.mark.parametrize(
    "body",
    [
        "<gpx",
        "<gpx><trkpt lat='1'/></gpx>",
        "<gpx><trkpt lat='north' lon='1'/></gpx>",
        "<!DOCTYPE gpx [<!ENTITY a 'b'>]><gpx><name>&a;</name></gpx>",
    ],
)
def test_a_damaged_track_is_corrupt(added: ModuleType, body: str) -> None:
    source = Source("application/gpx+xml", len(body), BytesIO(body.encode()))
    with pytest.raises(PermanentFault, match="no sound GPX"):
        added.process(source, Order(RECIPES["photo"], 10**9), lambda *_: None)


def test_a_file_without_a_track_is_ready_with_a_warning(client: Client) -> None:
    record = kept(client, "<gpx><wpt lat='1' lon='2'><name>Home</name></wpt></gpx>")
    assert (record["status"], record["warnings"][0]["code"]) == ("ready", "no_preview")
