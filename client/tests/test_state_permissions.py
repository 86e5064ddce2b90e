"""States of uploads are for their owner only."""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx
import pytest
from fake_filemill import KEY, URL, FakeFilemill

from filemill import Filemill, FilemillError, _folders


def test_states_of_uploads_are_for_their_owner_only(fake: FakeFilemill, film: Path) -> None:
    uploads = _folders.state_folder() / "uploads"
    uploads.mkdir(parents=True)
    for folder in (uploads.parent, uploads):
        folder.chmod(0o755)
    fake.before = lambda call: httpx.ConnectError("no") if call.method == "PUT" else None
    with Filemill(URL, KEY, transport=fake.transport(), retries=0) as client, pytest.raises(FilemillError):
        client.upload(film, multipart=True, part_size=1000)
    (state,) = uploads.iterdir()
    modes = [each.stat().st_mode & 0o777 for each in (uploads.parent, uploads, state)]
    assert modes == [0o700, 0o700, 0o600]


def test_a_folder_of_yours_keeps_its_rights(fake: FakeFilemill, film: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        with Filemill(URL, KEY, transport=fake.transport()) as client:
            client.upload(film, multipart=True, part_size=1000, state_dir=name)
        assert Path(name).stat().st_mode & 0o777 == 0o755
