"""The query of a list, as a value: what it shows, in what order, which filters go together, and which files match."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.catalog.index.terms import media_type, sortable_name
from chalicelib.model import File, Kind, Status


class UnservedQueryError(Exception):
    """No index serves these parameters together. `field` is the one to leave out."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True)
class ListQuery:
    """The filters and the order of a list. A file must match all filters; `content_type` may be `image/*`.

    `created_after` is included, `created_before` is not. `sort` may be `created`, `updated`, `size` or `filename`, with
    a `-` before it to begin at the end; None is the order that serves the filters best.
    """

    status: Status | None = None
    kind: Kind | None = None
    tags: tuple[str, ...] = ()
    content_type: str | None = None
    sha256: str | None = None
    filename_prefix: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    sort: str | None = None
    owner: str | None = None

    @property
    def _sort(self) -> str:
        return self.sort or ("filename" if self.filename_prefix is not None else "-created")

    @property
    def order(self) -> str:
        """`created`, `updated`, `size` or `filename`."""
        return self._sort.removeprefix("-")

    @property
    def forward(self) -> bool:
        """True if the list begins with the smallest: the oldest, the shortest, or the first in the alphabet."""
        return not self._sort.startswith("-")

    @property
    def facets(self) -> list[tuple[str, str]]:
        """(name, value) of each of the index's lists that a file must be in, without the status."""
        found = [("tag", tag) for tag in self.tags]
        if self.kind:
            found.append(("kind", str(self.kind)))
        if self.content_type is not None:
            found.append(("content_type", media_type(self.content_type)))
        if self.owner is not None:
            found.append(("owner", self.owner))
        return found

    @property
    def filtered(self) -> bool:
        """True if the list is read from the lists of its filters."""
        return self.sha256 is not None or self.status is not None or bool(self.facets)

    @property
    def plain(self) -> bool:
        """True if the list is read from `by_created` alone, which has whole records."""
        return self.order == "created" and not self.filtered

    def check(self) -> None:
        """Raises UnservedQueryError for what no index serves."""
        filters = {
            "status": self.status,
            "kind": self.kind,
            "tag": self.tags or None,
            "content_type": self.content_type,
            "sha256": self.sha256,
            "owner": self.owner,
            "created_after": self.created_after,
            "created_before": self.created_before,
        }
        given = [name for name, value in filters.items() if value is not None]
        if self.filename_prefix is not None and self.order != "filename":
            raise UnservedQueryError("sort", "`filename_prefix` goes with `sort=filename` or `-filename` only.")
        if self.owner is not None and (self.filename_prefix is not None or self.order != "created"):
            field = "sort" if self.filename_prefix is None else "filename_prefix"
            message = "The files of one owner are listed with `sort=created` or `-created` only, and without a prefix."
            raise UnservedQueryError(field, f"`{field}`: {message}")
        if given and self.filename_prefix is not None:
            raise UnservedQueryError(given[0], f"`{given[0]}` does not go with `filename_prefix`.")
        if given and self.order != "created":
            raise UnservedQueryError("sort", f"`{given[0]}` goes with `sort=created` or `-created` only.")
        if self.created_after and self.created_before and self.created_after >= self.created_before:
            raise UnservedQueryError("created_before", "`created_before` must be later than `created_after`.")

    def matches(self, file: File) -> bool:
        """True if the list shows this record. The index may be behind the record, so each record is checked again."""
        return (
            file.status is not Status.DELETED
            and self.status in (None, file.status)
            and self.kind in (None, file.kind)
            and set(self.tags) <= set(file.tags)
            and (self.content_type is None or _has_type(file, media_type(self.content_type)))
            and self.sha256 in (None, file.sha256)
            and self.owner in (None, file.owner)
            and (self.filename_prefix is None or _has_prefix(file, self.filename_prefix))
            and (self.created_after is None or file.created_at >= self.created_after)
            and (self.created_before is None or file.created_at < self.created_before)
        )


def _has_type(file: File, wanted: str) -> bool:
    own = media_type(file.content_type)
    return wanted in (own, f"{own.partition('/')[0]}/*")


def _has_prefix(file: File, prefix: str) -> bool:
    return sortable_name(file.filename).startswith(sortable_name(prefix))
