"""Files of every kind through the API: recognised, listed and counted by kind, and never served as something active."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.model import Kind, Rendition
from chalicelib.processing import kinds
from chalicelib.processing.kinds import Emit, Made, Order, Processor, Source
from tests import containers, images
from tests.client import Client
from tests.making import deliver, upload
from tests.stage import Calls

SOUND = containers.seeds()
BODIES: dict[Kind, bytes] = {
    Kind.IMAGE: images.jpeg(40, 30),
    Kind.VIDEO: (24).to_bytes(4) + b"ftypisom\0\0\0\0isommp42" + bytes(40),
    Kind.AUDIO: SOUND["mp4"],
    Kind.PDF: SOUND["pdf"],
    Kind.DOCUMENT: SOUND["docx"],
    Kind.SPREADSHEET: SOUND["xls"],
    Kind.PRESENTATION: SOUND["pptx"],
    Kind.TEXT: SOUND["html"],
    Kind.ARCHIVE: SOUND["tar"],
    Kind.EMAIL: SOUND["eml"],
    Kind.FONT: SOUND["ttf"],
    Kind.OTHER: bytes(range(256)),
}


@pytest.fixture(autouse=True)
def only_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """These small files are no sound ones: here only the image's processor looks into them."""
    bare = tuple(each if each.kind is Kind.IMAGE else Processor(each.kind, each.matches) for each in kinds.PROCESSORS)
    monkeypatch.setattr(kinds, "PROCESSORS", bare)


def kept(client: Client, kind: Kind, **more: Any) -> str:
    file_id = upload(client, BODIES[kind], name=f"a {kind}", content_type="application/octet-stream", **more)
    deliver(file_id)
    return file_id


def test_files_of_every_kind_are_recognised_listed_and_counted(client: Client, stage: Calls) -> None:
    ids = {kind: kept(client, kind) for kind in Kind}
    stage.settle()
    for kind, file_id in ids.items():
        record = client("GET", f"/v1/files/{file_id}").json
        assert (record["status"], record["kind"]) == ("ready", kind)
        [listed] = client("GET", f"/v1/files?kind={kind}").json["items"]
        assert listed["id"] == file_id
    assert client("GET", "/v1/stats").json["by_kind"].keys() == set(Kind)
    assert client("GET", "/v1/files?kind=paper").json["code"] == "invalid_field"


@pytest.mark.parametrize("kind", Kind)
def test_an_original_is_shown_only_where_its_bytes_prove_that_it_runs_nothing(client: Client, kind: Kind) -> None:
    file_id = kept(client, kind)
    answer = client("GET", f"/v1/files/{file_id}/original?disposition=inline")
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    [disposition], [content_type] = asked["response-content-disposition"], asked["response-content-type"]
    assert disposition.startswith("inline") == (kind in (Kind.IMAGE, Kind.VIDEO, Kind.AUDIO))
    assert content_type not in ("text/html", "application/xhtml+xml", "application/xml", "text/javascript")


@pytest.mark.parametrize("declared", ["image/png", "video/mp4", "application/pdf", "audio/mpeg"])
@pytest.mark.parametrize("name", ["html", "svg", "xml", "utf-16"])
def test_markup_passes_for_no_type_that_is_shown(client: Client, declared: str, name: str) -> None:
    file_id = upload(client, SOUND[name], name="a", content_type=declared)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["error"]["code"]) == ("failed", "type_mismatch")


def test_a_file_with_only_a_text_has_addresses_and_no_markup(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Processor, "process", _said)
    file_id = kept(client, Kind.EMAIL)
    record = client("GET", f"/v1/files/{file_id}?include=delivery").json
    [rendition] = record["renditions"]
    assert (rendition["name"], rendition["format"], rendition["width"]) == ("text", "txt", None)
    assert rendition["content_type"] == "text/plain; charset=utf-8"
    delivery = record["delivery"]
    assert rendition["url"].startswith(delivery["base_url"] + "text.txt?")
    assert (delivery["srcset"], delivery["sizes"], delivery["picture"]) == ({}, "", "")
    assert delivery["placeholder"].startswith("data:image/png;base64,")


def _said(self: Processor, source: Source, order: Order, emit: Emit) -> Made:
    return Made(text="words of a mail")


def test_a_json_rendition_is_no_picture() -> None:
    rendition = Rendition(name="entries", format="json", content_type="application/json", size=2)
    assert (rendition.is_picture, rendition.basename) == (False, "entries.json")


# --- icons

ICONS = Path(kinds.__file__).parents[1] / "api/icons"


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_an_icon(client: Client, kind: Kind) -> None:
    answer = client("GET", f"/docs/icon-{kind}.svg")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.text == (ICONS / f"{kind}.svg").read_text()


def test_icons_are_small_drawings_that_load_and_run_nothing() -> None:
    found = sorted(ICONS.iterdir())
    assert [path.stem for path in found] == sorted(Kind)
    for path in found:
        text = path.read_text()
        assert path.stat().st_size < 1000
        assert set(re.findall(r"<([a-z]+)", text)) <= {"svg", "path", "rect", "circle"}
        assert not re.search(r"\b(on\w+|href|style)=", text)
    assert sum(path.stat().st_size for path in found) < 8000
