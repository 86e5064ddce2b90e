"""A connection that breaks, at whatever byte of a request or an answer, neither loses nor doubles anything.

CUTS=500 tries more bytes of each direction than `make test` does.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_filemill import KEY, FakeFilemill
from serving import Wire, served
from ways import both

from filemill import AsyncFilemill, Filemill, _plan

CUTS = int(os.environ.get("CUTS", "2"))
DATA = random.Random(1).randbytes(5_500)  # six parts


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_plan, "MIN_PART", 1000)


@pytest.fixture(scope="module")
def port_and_fake() -> Iterator[tuple[int, FakeFilemill]]:
    fake = FakeFilemill()
    with served(fake) as port:
        yield port, fake


def fresh(fake: FakeFilemill, wire: Wire) -> str:
    """Empties the fake; gives its address by that wire."""
    FakeFilemill.__init__(fake, f"http://127.0.0.1:{wire.port}", f"http://127.0.0.1:{wire.port}/s3")
    return fake.url


def there_and_back(url: str, path: Path, multipart: bool) -> bytes:
    """Uploads the file and downloads it."""
    with Filemill(url, KEY, timeout=5) as client:
        file = client.upload(path, multipart=multipart, part_size=1000 if multipart else None, parallel=2)
        copy = client.files.download(file, path.with_name("copy"))
        assert client.files.get(file.id).status == "ready"
        return copy.read_bytes()


async def there_and_back_async(url: str, path: Path, multipart: bool) -> bytes:
    async with AsyncFilemill(url, KEY, timeout=5) as client:
        file = await client.upload(path, multipart=multipart, part_size=1000 if multipart else None, parallel=2)
        return await client.files.download(file)


def cut_bytes(total: int) -> list[int]:
    """Bytes at which to cut: the first, the last, and others between them."""
    chosen = random.Random(total).sample(range(total), min(CUTS, total))
    return sorted({0, total - 1, *chosen})


@both
@pytest.mark.parametrize("multipart", [False, True], ids=["form", "parts"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_broken_connection_neither_loses_nor_doubles(
    tmp_path: Path, port_and_fake: tuple[int, FakeFilemill], direction: str, multipart: bool, way: str
) -> None:
    port, fake = port_and_fake
    path = tmp_path / "photo.jpg"
    path.write_bytes(DATA)

    def run(wire: Wire) -> None:
        url = fresh(fake, wire)
        try:
            if way == "async":
                back = asyncio.run(there_and_back_async(url, path, multipart))
            else:
                back = there_and_back(url, path, multipart)
        finally:
            wire.close()
        assert back == DATA
        assert [file["status"] for file in fake.files.values()] == ["ready"]
        assert list(fake.bytes.values()) == [DATA]

    whole = Wire(port)
    run(whole)
    for cut in cut_bytes(whole.passed[direction]):
        run(Wire(port, direction, cut))
