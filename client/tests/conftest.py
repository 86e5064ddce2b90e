"""The fixtures that the client's tests share: a Filemill in memory, and no settings of this computer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_filemill import KEY, URL, FakeFilemill

from filemill import Filemill, _api, _plan


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No login, environment, proxy or state of this computer's; and pauses between tries are short."""
    for name in ("FILEMILL_URL", "FILEMILL_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(_api, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(_api, "_MOST_BACKOFF", 0.01)


@pytest.fixture
def fake() -> FakeFilemill:
    return FakeFilemill()


@pytest.fixture
def filemill(fake: FakeFilemill) -> Iterator[Filemill]:
    """A client of the Filemill in memory."""
    with Filemill(URL, KEY, transport=fake.transport()) as made:
        yield made


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of 4,000 bytes, where a part may have 1,000."""
    monkeypatch.setattr(_plan, "MIN_PART", 1000)
    path = tmp_path / "film.mp4"
    path.write_bytes(b"film" * 1000)
    return path
