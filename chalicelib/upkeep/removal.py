"""What has ended is removed: objects first, then copies at the edge, and last what the record says of them.

Each step can be repeated. The record was changed before, so what is removed here nobody is led to any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.catalog import deletion
from chalicelib.delivery import invalidation
from chalicelib.model import File, Status, Visibility, original_key
from chalicelib.renditions import places
from chalicelib.storage import derived, multipart, originals

_PUBLIC = f"f/{Visibility.PUBLIC}/"

# CloudFront takes 15 paths with a wildcard at a time; those of other requests count, too. Above this number one
# path for all public files takes their place: they are fetched from S3 once more, and the request is billed as one.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
MAX_PATHS = 10


@dataclass(frozen=True, eq=False)
class Ending:
    """A file whose ended objects are gone: what of it edges may still keep (`path`), and the write that is the end."""

    file: File
    path: str | None
    write: Callable[[], object]


def clear(file: File) -> bool:
    """Removes `file.leftovers`; nothing where there are none.

    False when CloudFront takes no invalidation just now: the record keeps saying that there is something left to do.
    """
    return not file.leftovers or not finish([begin_clear(file)])


def purge(file: File) -> bool:
    """Removes all that there is of a deleted file; False when CloudFront takes no invalidation just now."""
    return not finish([begin_purge(file)])


def begin_clear(file: File) -> Ending:
    """Removes the objects of `file.leftovers`."""
    for prefix in file.leftovers:
        derived.delete_below(prefix)
    # What a public file was before, whoever finds it at an edge may see.
    still_public = file.visibility is Visibility.PUBLIC and file.status is not Status.DELETED
    return Ending(file, None if still_public else _path(file.id, file.leftovers), lambda: deletion.cleared(file))


def begin_purge(file: File) -> Ending:
    """Removes the objects of a deleted file."""
    if file.upload_id and file.version_id is None:  # else it was completed long ago
        multipart.abort(file, file.upload_id)
    originals.delete_all(original_key(file.tenant, file.id))
    for visibility in Visibility:
        derived.delete_below(f"f/{visibility}/{file.id}/")
    served = [f"f/{file.visibility}/"] if places.has_renditions(file) else []
    return Ending(file, _path(file.id, [*file.leftovers, *served]), lambda: deletion.mark_purged(file.id))


def finish(endings: Sequence[Ending]) -> list[Ending]:
    """Has the edges forget them, with one request for all, each path once; then the records are written.

    What is given back is not done: CloudFront takes no invalidation just now.
    """
    to_forget = {ending.path: ending for ending in endings if ending.path}
    later = list(to_forget.values()) if to_forget and not _invalidated(to_forget) else []
    for ending in endings:
        if ending not in later:
            ending.write()
    return later


def forget(keys: Iterable[str], reference: str) -> bool:
    """Has the edges forget the public files of these objects; False when CloudFront takes no invalidation just now.

    `reference`: AWS takes a request that is repeated with the same one for the same request.
    """
    paths = {path for key in keys if (path := _path(key.split("/")[2], [key]))}
    return not paths or invalidation.invalidate(_at_most(paths), reference)


def _invalidated(to_forget: Mapping[str, Ending]) -> bool:
    # The revision: what ends later is another request.
    told = sorted(f"{ending.file.id}-{ending.file.revision}" for ending in to_forget.values())
    reference = told[0] if len(told) == 1 else hashlib.sha256("\n".join(told).encode()).hexdigest()
    return invalidation.invalidate(_at_most(to_forget), reference)


def _at_most(paths: Collection[str]) -> list[str]:
    return sorted(paths) if len(paths) <= MAX_PATHS else [f"/{_PUBLIC}*"]


def _path(file_id: str, prefixes: Iterable[str]) -> str | None:
    """What covers the file's public addresses at the edges. A private one ends with its signature."""
    return f"/{_PUBLIC}{file_id}/*" if any(prefix.startswith(_PUBLIC) for prefix in prefixes) else None
