from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.model import UNPROVEN, ErrorCode, Kind, PermanentFault, Visibility
from chalicelib.processing import reading
from chalicelib.processing.kinds import PROCESSORS
from chalicelib.processing.reading import CHUNK, Read, read
from chalicelib.storage.originals import OriginalMissingError
from tests import containers, images, raws
from tests.making import put, ready_file
from tests.stage import Calls

PHOTO = images.jpeg(64, 48)
ID = "file_01K8Z0000000000000000000AA"


def reads(body: bytes, content_type: str = "image/jpeg", **declared: Any) -> Read:
    file = ready_file(Visibility.PRIVATE).model_copy(update={"content_type": content_type, "size": None, **declared})
    return read(file, f"acme/{ID}", put(ID, body))


def fault(*args: Any, **declared: Any) -> ErrorCode:
    with pytest.raises(PermanentFault) as caught:
        reads(*args, **declared)
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 4096 + CHUNK, 4097 + CHUNK, 2 * CHUNK + 5000])
def test_a_file_is_hashed_whole_and_an_image_is_kept_whole(stage: Calls, size: int) -> None:
    body = (b"\xff\xd8\xff" + bytes(range(256)) * (size // 256 + 1))[:size]
    stage.clear()
    found = reads(body, "image/jpeg" if size > 2 else "application/x-thing")
    assert stage.names == ["s3.GetObject"]
    assert found.sha256 == hashlib.sha256(body).hexdigest()
    assert found.source.size == size
    assert found.source.data.tell() == 0
    assert found.source.data.read() == (body if size > 2 else b"")


def test_bytes_that_no_processor_wants_are_not_kept(stage: Calls) -> None:
    found = reads(b"a,b\n" * 5000, "application/x-thing")
    assert (found.source.data.read(), found.sha256) == (b"", hashlib.sha256(b"a,b\n" * 5000).hexdigest())


def test_an_empty_file_is_empty(stage: Calls) -> None:
    assert fault(b"", size=5) is ErrorCode.EMPTY


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_file_of_another_size_than_declared_is_a_mismatch(stage: Calls, difference: int) -> None:
    assert reads(PHOTO, size=len(PHOTO)).source.size == len(PHOTO)
    assert fault(PHOTO, size=len(PHOTO) + difference) is ErrorCode.SIZE_MISMATCH


def test_a_file_may_have_all_the_bytes_allowed_and_not_one_more(stage: Calls) -> None:
    assert reads(PHOTO, max_bytes=len(PHOTO)).source.size == len(PHOTO)
    assert fault(PHOTO, max_bytes=len(PHOTO) - 1) is ErrorCode.TOO_LARGE


def test_a_declared_checksum_must_be_the_bytes(stage: Calls) -> None:
    sha256 = hashlib.sha256(PHOTO).hexdigest()
    assert reads(PHOTO, declared_sha256=sha256).sha256 == sha256
    assert fault(PHOTO, declared_sha256="0" * 64) is ErrorCode.CHECKSUM_MISMATCH


def test_the_fault_of_a_wrong_type_names_both_types(stage: Calls) -> None:
    with pytest.raises(PermanentFault, match=r"declared as image/png, but its bytes are image/jpeg\."):
        reads(PHOTO, "image/png")
    with pytest.raises(PermanentFault, match=r"declared as image/png, but its bytes are something else\."):
        reads(b"text", "image/png")


def test_a_generic_type_gives_way_to_the_bytes_type_and_kind(stage: Calls) -> None:
    found = reads(PHOTO, "application/octet-stream")
    assert (found.source.content_type, found.processor.kind) == ("image/jpeg", "image")


def test_the_bound_of_a_kind_is_the_largest_file_that_is_processed(
    stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, *others = PROCESSORS
    for bound, fits in ((len(PHOTO), True), (len(PHOTO) - 1, False)):
        monkeypatch.setattr("chalicelib.processing.kinds.PROCESSORS", (replace(image, in_memory=bound), *others))
        if fits:
            assert reads(PHOTO).source.data.read() == PHOTO
        else:
            assert fault(PHOTO) is ErrorCode.TOO_LARGE


# --- the type, by all that the bytes say

OOXML = "application/vnd.openxmlformats-officedocument."
DOCX = containers.docx()


@pytest.mark.parametrize(
    ("body", "declared", "content_type", "kind", "proven"),
    [
        (DOCX, "", f"{OOXML}wordprocessingml.document", Kind.DOCUMENT, f"{OOXML}wordprocessingml.document"),
        (DOCX, "application/zip", f"{OOXML}wordprocessingml.document", Kind.DOCUMENT, None),
        (containers.ole("Workbook"), "", "application/vnd.ms-excel", Kind.SPREADSHEET, None),
        (containers.ole("Data"), "", "application/x-ole-storage", Kind.OTHER, None),
        (containers.zipped(("a", b"")), "", "application/zip", Kind.ARCHIVE, None),
        (containers.tarred(("a", b"")), "", "application/x-tar", Kind.ARCHIVE, None),
        (b"a,b,c\n1,2,3\n", "", "text/csv", Kind.TEXT, UNPROVEN),
        (b"a,b,c\n1,2,3\n", "application/vnd.ms-excel", "text/csv", Kind.TEXT, UNPROVEN),
        (b"<script>alert(1)</script>", "", "text/html", Kind.TEXT, UNPROVEN),
        (b"<script>alert(1)</script>", "text/csv", "text/csv", Kind.TEXT, UNPROVEN),
        (b"<svg/>", "text/xml", "text/xml", Kind.TEXT, "image/svg+xml"),
        (containers.MAIL, "", "message/rfc822", Kind.EMAIL, UNPROVEN),
        (containers.MAIL, "message/rfc822", "message/rfc822", Kind.EMAIL, UNPROVEN),
        (bytes(99), "text/csv", "text/csv", Kind.OTHER, UNPROVEN),
        (bytes(99), "message/rfc822", "message/rfc822", Kind.OTHER, UNPROVEN),
        (b"\x1f\x8b\x08\0", "text/csv", "text/csv", Kind.OTHER, "application/gzip"),
        (containers.sfnt(), "application/x-font-otf", "font/ttf", Kind.FONT, "font/ttf"),
        (bytes(99), "", "", Kind.OTHER, UNPROVEN),
    ],
)
def test_the_bytes_decide_the_type_and_the_kind(
    stage: Calls, body: bytes, declared: str, content_type: str, kind: Kind, proven: str | None
) -> None:
    found = reads(body, declared)
    assert (found.source.content_type, found.processor.kind) == (content_type, kind)
    assert found.proven_type == (proven or content_type)


def test_a_type_that_was_guessed_from_a_name_gives_way_to_the_bytes(stage: Calls) -> None:
    assert reads(b"const a: number = 1\n", "video/x-any", type_guessed=True).source.content_type == "text/plain"
    assert reads(DOCX, "image/png", type_guessed=True).processor.kind is Kind.DOCUMENT


@pytest.mark.parametrize("guessed", [True, False])
def test_typescript_is_text_though_browsers_declare_a_film(stage: Calls, guessed: bool) -> None:
    """They know `.ts` as the extension of MPEG transport streams only."""
    found = reads(b"const a: number = 1\n", "video/mp2t", type_guessed=guessed)
    assert (found.source.content_type, found.processor.kind) == ("text/plain", Kind.TEXT)
    with pytest.raises(PermanentFault, match="something else"):
        reads(bytes(range(256)) * 20, "video/mp2t")


def test_a_small_archive_is_read_once_and_a_large_one_by_ranges(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound, calls in ((len(DOCX), 1), (len(DOCX) - 1, 2)):
        monkeypatch.setattr(reading, "SMALL", bound)
        stage.clear()
        found = reads(DOCX, "")
        assert (found.processor.kind, found.sha256) == (Kind.DOCUMENT, hashlib.sha256(DOCX).hexdigest())
        assert stage.count("s3.GetObject") == calls


def test_no_more_of_an_archive_is_fetched_than_its_directory_is_worth(
    stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SMALL", 0)
    monkeypatch.setattr(reading, "LOOK", len(DOCX) - 1)
    assert reads(DOCX, "").source.content_type == "application/zip"


def test_an_original_that_is_gone_is_missing(stage: Calls) -> None:
    with pytest.raises(OriginalMissingError):
        read(ready_file(Visibility.PRIVATE), f"acme/{ID}", "no-such-version")


@pytest.mark.parametrize("name", raws.FORMATS)
def test_the_kind_of_a_raw_file_is_told_by_its_jpeg_without_reading_it(stage: Calls, name: str) -> None:
    wanted = raws.FORMATS[name]
    for picture, kind in ((raws.jpeg(), Kind.IMAGE), (raws.thumbnail(), Kind.OTHER)):
        file = ready_file(Visibility.PRIVATE).model_copy(update={"content_type": wanted.content_type})
        body = wanted.make(picture)
        version = put(file.id, body)
        assert reading.kind_of(file.model_copy(update={"version_id": version, "size": len(body)})) is kind
