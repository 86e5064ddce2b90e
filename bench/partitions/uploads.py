"""The invented uploads of `bench partitions`: who uploads, and what the real catalog writes for each file."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moto import mock_aws
from ulid import ULID

from bench.capacity_units import Item, indexes, item_size, write_units
from chalicelib import settings
from chalicelib.catalog import claims, keys
from chalicelib.catalog import files as catalog_files
from chalicelib.catalog.claims import Findings
from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.index.terms import Term, posting, terms
from chalicelib.catalog.index.turns import Change, step
from chalicelib.model import File, ImageInfo, Kind, Rendition, Status, Visibility
from tests.stage import aws_client, provisioned, table_definition

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Workload:
    """The uploaders: each tenant's share of all uploads. `same` is the share with one and the same content."""

    name: str
    shares: tuple[float, ...]
    same: float = 0.0


def _zipf(tenants: int) -> tuple[float, ...]:
    weights = [1 / rank for rank in range(1, tenants + 1)]
    return tuple(weight / sum(weights) for weight in weights)


WORKLOADS = (
    Workload("one tenant", (1.0,)),
    Workload("1,000 tenants by Zipf", _zipf(1000)),
    Workload("half one tenant, half 999 by Zipf; 5% one content", (0.5, *(0.5 * s for s in _zipf(999))), same=0.05),
)


@dataclass(frozen=True)
class Life:
    """One file when it is created, claimed and finished: the records, and their items in the table."""

    files: tuple[File, File, File]
    items: tuple[Item, Item, Item]
    markers: tuple[Item, Item, Item]  # what the index stores about the file after each
    entries: tuple[Item, Item, Item]  # its entry in the feed
    units: Counter[str]  # write units in all: of the record and the marker (FILE), its copies (LIST, DUE, SHA), FEED
    postings: list[tuple[Term, int]]  # each put or deleted in that life, and its write units

    @property
    def ready(self) -> File:
        return self.files[-1]


def lives(count: int, seed: int) -> list[Life]:
    """Invented files of a usual kind, written by the real catalog to a mocked table. Six of seven are photos."""
    dice = random.Random(seed)
    with mock_aws():
        provisioned(b"")
        return [_life(dice, number) for number in range(count)]


_WIDTHS = (160, 320, 640, 960, 1280, 1920)
_NAMES = ("beach", "team", "invoice", "launch", "sunset", "menu", "winter", "garden", "product", "draft")


def _life(dice: random.Random, number: int) -> Life:
    photo = number % 7 != 0
    name = f"IMG_{dice.randrange(10_000):04}.jpg" if number % 2 else f"{'-'.join(dice.sample(_NAMES, 3))}-{number}.jpg"
    file = File(
        id=file_id_at(dice, START),
        tenant=tenant_name(0),
        status=Status.AWAITING_UPLOAD,
        filename=name if photo else name.replace("jpg", "pdf"),
        content_type="image/jpeg" if photo else "application/pdf",
        size=dice.randrange(50_000, 8_000_000),
        visibility=Visibility.PUBLIC,
        recipe="photo",
        tags=dice.sample(["campaign", "press", "shop", "intern", "archive"], dice.randrange(4)),
        revision=1,
        created_at=START,
        updated_at=START,
        expires_at=START + timedelta(hours=1),
        correlation_id=f"{dice.getrandbits(128):032x}",
    )
    snapshots: list[Item] = []

    def look() -> None:
        got = aws_client("dynamodb").get_item(TableName=settings.settings().table, Key=_typed(keys.file_key(file.id)))
        snapshots.append(got["Item"])

    catalog_files.create(file)
    look()
    claimed = claims.claim(
        file.id,
        version_id=f"{dice.getrandbits(160):032x}",
        sequencer=f"{dice.getrandbits(72):018X}",
        claim_id=f"{dice.getrandbits(128):032x}",
        lease=timedelta(minutes=3),
    )
    assert isinstance(claimed, File)
    look()
    ready = claims.finish(
        claimed,
        kind=Kind.IMAGE if photo else Kind.OTHER,
        content_type=file.content_type,
        proven_type=file.content_type,
        size=file.size or 0,
        sha256=f"{dice.getrandbits(256):064x}",
        made=Findings(_image(dice) if photo else None),
        renditions=[_rendition(width, form) for width in _WIDTHS for form in ("jpeg", "webp")] if photo else [],
        source_version=f"{dice.getrandbits(64):016x}",
        made_with=f"{dice.getrandbits(64):016x}",
    )
    assert ready is not None
    look()
    created, claimed, ready = (
        record.model_copy(update={"updated_at": START + timedelta(seconds=record.revision - 1)})
        for record in (file, claimed, ready)
    )
    files, items = (created, claimed, ready), (snapshots[0], snapshots[1], snapshots[2])
    markers, entries = _in_index(files)
    units = _record_units(items) + _marker_units(markers)
    # Entries of passing states are not deleted: they expire.
    units["FEED"] = sum(write_units(0, item_size(entry)) for entry in entries)
    return Life(files, items, markers, entries, units, _posting_writes(files))


def _image(dice: random.Random) -> ImageInfo:
    return ImageInfo(
        width=4000,
        height=3000,
        format="jpeg",
        thumbhash="HgkKZZpyiXawZ4iIeKeGd4Db+Id9",
        dominant_color="#db292a",
        exif={
            "make": "Canon",
            "model": "Canon EOS R6",
            "taken_at": "2026-04-12T18:30:12",
            "exposure_time": 0.004,
            "f_number": 2.8,
            "iso": 400,
            "focal_length": 35.0,
        },
        megapixels=12.0,
        color_space="sRGB",
        has_alpha=False,
        blurhash="LmJHjShwj0tvi@|psSJVjXsljsWX",
        palette=["#29c83c", "#db292a", "#333cdb", "#e5dc3c", "#d9d147"],
        phash="93666e996466c699",
        sharpness=32.9,
        caption=" ".join(dice.sample(_NAMES, 6)) if dice.random() < 0.3 else None,
    )


def _rendition(width: int, form: str) -> Rendition:
    return Rendition(
        name=f"w{width}",
        format=form,
        content_type=f"image/{form}",
        width=width,
        height=width * 3 // 4,
        size=width * width // 12,
    )


def _typed(key: keys.Key) -> dict[str, Any]:
    return {name: {"S": value} for name, value in key.items()}


def file_id_at(dice: random.Random, moment: datetime) -> str:
    return f"file_{ULID.from_bytes(int(moment.timestamp() * 1000).to_bytes(6, 'big') + dice.randbytes(10))}"


def tenant_name(number: int) -> str:
    return f"tenant-{number:04}"


def _record_units(items: tuple[Item, Item, Item]) -> Counter[str]:
    units: Counter[str] = Counter()
    of_table = indexes(table_definition())
    before: Item | None = None
    for after in items:
        units["FILE"] += write_units(item_size(before) if before else 0, item_size(after))
        for index in of_table:
            for partition, cost in index.writes(before, after):
                units[kind_of(partition)] += cost
        before = after
    return units


def _in_index(files: tuple[File, File, File]) -> tuple[tuple[Item, Item, Item], tuple[Item, Item, Item]]:
    shard, position = 100, 3_000_000  # as long as in a large stage
    markers: list[Item] = []
    entries: list[Item] = []
    before = None
    for file in files:
        made = step(Change(file), (shard, position), before)
        before = replace(made.marker, shard=shard)
        markers.append(attributes(before.item(file.id)))
        entries.append(attributes(replace(made, marker=before).entry()))
    return (markers[0], markers[1], markers[2]), (entries[0], entries[1], entries[2])


def posting_size(pk: str, sk: str) -> int:
    return item_size({"pk": {"S": pk}, "sk": {"S": sk}})


def _posting_writes(files: tuple[File, File, File]) -> list[tuple[Term, int]]:
    writes: list[tuple[Term, int]] = []
    before = frozenset[Term]()
    for file in files:
        after = terms(file)
        changed = sorted(before ^ after)
        writes += [(t, write_units(0, posting_size(*posting(t, file.tenant, file.id, 100)))) for t in changed]
        before = after
    return writes


def _marker_units(markers: tuple[Item, Item, Item]) -> Counter[str]:
    sizes = [item_size(item) for item in markers]
    return Counter({"FILE": sum(write_units(before, after) for before, after in itertools.pairwise([0, *sizes]))})


def kind_of(partition: str) -> str:
    return partition.partition("#")[0]
