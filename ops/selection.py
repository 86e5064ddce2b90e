"""The files that a command is to work on: all of a tenant or of the stage, chosen by their records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from chalicelib.model import File


def pages(tenant: str | None) -> Iterator[Iterable[File]]:
    """The files of one tenant, or of all."""
    from chalicelib.catalog import scanning

    yield from scanning.files_of_tenant(tenant) if tenant else scanning.every_file()


def short(file: File) -> File:
    """The record without its large fields, because a million of them must fit into memory."""
    return file.model_copy(update={"image": None, "metadata": {}, "tags": [], "services": {}, "words": []})


def created_within(file: File, since: datetime | None, until: datetime | None) -> bool:
    """True if the file was created in this time, `until` excluded. None means any."""
    return (since is None or file.created_at >= since) and (until is None or file.created_at < until)


def as_of_now(files: list[File], at_once: int = 100) -> Iterator[File | None]:
    """The present record of each file; None if there is none."""
    from chalicelib.catalog import due

    for start in range(0, len(files), at_once):
        page = files[start : start + at_once]
        found = due.records([file.id for file in page])
        for file in page:
            yield found.get(file.id)
