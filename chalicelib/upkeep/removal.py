"""Removal of objects that no record leads to any more: of a deleted file, or of renditions that were replaced.

A removal has three steps: delete the objects in S3, make CloudFront's edges forget their copies, and write to the
record that it is done. The record was changed before, so nobody is led to these objects any more. Each step can be
repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.catalog import deletion, shares
from chalicelib.delivery import invalidation
from chalicelib.model import File, Kind, Status, Visibility, now, original_key
from chalicelib.renditions import captions, places
from chalicelib.settings import settings
from chalicelib.storage import derived, multipart, originals

_PUBLIC = f"f/{Visibility.PUBLIC}/"

# CloudFront takes 15 paths with a wildcard at a time, and those of other requests count, too. If there are more than
# this number, one path for all public files replaces them: edges then fetch those files from S3 once more, and AWS
# bills one path.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
MAX_PATHS = 10


@dataclass(frozen=True, eq=False)
class Removal:
    """A removal whose objects are deleted already; `finish` does the rest.

    `path` covers the copies that edges may still keep, None when there are none. `record` writes that it is done.
    """

    file: File
    path: str | None
    record: Callable[[], object]


def clear(file: File) -> bool:
    """Removes `file.leftovers`, the renditions that were replaced. Does nothing if there are none.

    False when CloudFront takes no invalidation just now: the record goes on saying that there is something to remove.
    """
    return not file.leftovers or not finish([begin_clear(file)])


def retire(file: File) -> File | None:
    """Deletes a file that can be restored for the stage's delete window: the tombstone, which has its `leftovers`.

    None if the record has changed since it was read, or is held.
    """
    leftovers = [*file.leftovers, places.served_prefix(file)]
    if file.status is Status.PROCESSING:
        leftovers.append(places.made_prefix(file))
    until = now() + timedelta(seconds=settings().delete_window)
    return deletion.retire(file, until=until, leftovers=[prefix for prefix in leftovers if prefix])


def purge(file: File) -> bool:
    """Removes all objects of a deleted file; False when CloudFront takes no invalidation just now."""
    return not finish([begin_purge(file)])


def discard(file: File) -> None:
    """Removes the bytes of a refused file: its open upload, and every version of its original.

    They have no copies at the edges, because nothing was made of them. The record says `refused` until this is done.
    """
    if file.upload_id and file.version_id is None:
        multipart.abort(file, file.upload_id)
    originals.delete_all_versions(original_key(file.tenant, file.id))
    deletion.discarded(file)


def begin_clear(file: File) -> Removal:
    """Deletes the objects of `file.leftovers`."""
    for prefix in file.leftovers:
        derived.delete_below(prefix)
    # Copies of a file that is still public may stay: anybody may see them. Captions that a client took away go.
    still_public = (
        file.visibility is Visibility.PUBLIC and file.status is not Status.DELETED and not file.is_quarantined
    )
    gone = [prefix for prefix in file.leftovers if captions.are_captions(prefix) or not still_public]
    return Removal(file, _path(file.id, gone), lambda: deletion.cleared(file))


def begin_purge(file: File) -> Removal:
    """Deletes all objects of a deleted file and the links to its page, and aborts its multipart upload."""
    shares.forget(file.id)
    if file.upload_id and file.version_id is None:  # with a version the upload was completed long ago
        multipart.abort(file, file.upload_id)
    originals.delete_all_versions(original_key(file.tenant, file.id))
    for visibility in Visibility:
        derived.delete_below(f"f/{visibility}/{file.id}/")
    return Removal(file, _path(file.id, [*file.leftovers, *_served(file)]), lambda: deletion.mark_purged(file))


def _served(file: File) -> list[str]:
    """The prefix of a deleted file's renditions, those on demand included. Its record has forgotten `image` already."""
    has_some = file.source_version and (file.all_renditions or file.kind in (Kind.IMAGE, *places.STREAMABLE))
    return [f"f/{file.visibility}/"] if has_some else []


def finish(removals: Sequence[Removal]) -> list[Removal]:
    """Invalidates the paths of all removals with one request, each path once; then writes the records.

    Gives back the removals that must be finished later, because CloudFront takes no invalidation just now. Removals
    without a path are finished all the same.
    """
    by_path = {removal.path: removal for removal in removals if removal.path}
    accepted = not by_path or _invalidated(by_path)
    later = [] if accepted else [removal for removal in removals if removal.path]
    for removal in removals:
        if removal not in later:
            removal.record()
    return later


def invalidate(keys: Iterable[str], reference: str) -> bool:
    """Makes the edges forget the public files of these renditions; False when CloudFront takes no invalidation now.

    AWS takes two requests with the same `reference` for one.
    """
    paths = {path for key in keys if (path := _path(key.split("/")[2], [key]))}
    return not paths or invalidation.invalidate(_at_most(paths), reference)


def _invalidated(by_path: Mapping[str, Removal]) -> bool:
    # With the revision, because a later removal of the same file is another request.
    names = sorted(f"{removal.file.id}-{removal.file.revision}" for removal in by_path.values())
    reference = names[0] if len(names) == 1 else hashlib.sha256("\n".join(names).encode()).hexdigest()
    return invalidation.invalidate(_at_most(by_path), reference)


def _at_most(paths: Collection[str]) -> list[str]:
    return sorted(paths) if len(paths) <= MAX_PATHS else [f"/{_PUBLIC}*"]


def _path(file_id: str, prefixes: Iterable[str]) -> str | None:
    """The path that covers the file's public addresses; None if it has none. Private ones stop with their signature."""
    return f"/{_PUBLIC}{file_id}/*" if any(prefix.startswith(_PUBLIC) for prefix in prefixes) else None
