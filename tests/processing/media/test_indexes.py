"""Where indexes are, and which files have none."""

from __future__ import annotations

import io

import pytest

from chalicelib.processing.media import indexes
from chalicelib.processing.media.indexes import Index
from tests import films


def found(data: bytes, demuxer: str) -> Index:
    return indexes.find(io.BytesIO(data), len(data), demuxer)


def test_the_index_of_an_mp4() -> None:
    data = films.small()
    at_the_end, first = found(data, "mov"), found(films.faststart(data), "mov")
    assert at_the_end == Index(data.rindex(b"moov") - 4, len(data) - data.rindex(b"moov") + 4)
    assert 0 < first.start < 100 and first.length == at_the_end.length and not first.missing


def test_the_index_of_an_avi() -> None:
    data = films.film("avi", codec="mpeg4", sound_codec="pcm_s16le")
    index = found(data, "avi")
    assert data[index.start : index.start + 4] == b"idx1" and index.start + index.length <= len(data)


def test_the_index_of_matroska() -> None:
    data = films.film("matroska")
    index = found(data, "matroska")
    assert data[index.start :].startswith(b"\x1c\x53\xbb\x6b") and 0 < index.length < 1000 and not index.missing
    assert found(data[: index.start + 4], "matroska") == Index(), "it is cut off"


def test_files_without_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = films.film("matroska", sound_codec="libopus")
    assert not found(whole, "matroska").missing
    assert found(films.without_index(films.small(), "matroska", films.LIVE), "matroska").missing
    assert found(films.without_index(films.small(), "mp4", films.PIECES), "mov").missing
    assert found(films.sound("mp3", "libmp3lame"), "mp3").missing
    monkeypatch.setattr(indexes, "LARGEST", 100)
    assert found(films.small(), "mov") == Index(), "a larger one is not kept"


@pytest.mark.parametrize("demuxer", ["mov", "avi", "matroska", "wav", ""])
def test_damaged_files_have_nothing(demuxer: str) -> None:
    whole = films.small() if demuxer == "mov" else films.film("matroska")
    for data in (b"", b"\0" * 40, b"\xff" * 40, whole[:30], whole[:7]):
        assert found(data, demuxer) in (Index(), Index(missing=demuxer == "matroska"))
