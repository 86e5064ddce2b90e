"""What has ended is removed: objects first, then copies at the edge, and last what the record says of them.

Each step can be repeated. The record was changed before, so what is removed here nobody is led to any more.
"""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib import catalog, delivery, storage
from chalicelib.model import File, Kind, Status, Visibility, original_key

_PUBLIC = f"f/{Visibility.PUBLIC}/"


def clear(file: File) -> bool:
    """Removes `file.leftovers`; nothing where there are none.

    False when CloudFront takes no invalidation just now: the record keeps saying that there is something left to do.
    """
    if not file.leftovers:
        return True
    for prefix in file.leftovers:
        storage.delete_derived(prefix)
    # What a public file was before, whoever finds it at an edge may see.
    still_public = file.visibility is Visibility.PUBLIC and file.status is not Status.DELETED
    if not still_public and not _invalidated(file, file.leftovers):
        return False
    catalog.cleared(file)
    return True


def purge(file: File) -> bool:
    """Removes all that there is of a deleted file; False when CloudFront takes no invalidation just now."""
    if file.upload_id and file.version_id is None:  # else it was completed long ago
        storage.abort_multipart(file, file.upload_id)
    storage.delete_original(original_key(file.tenant, file.id))
    for visibility in Visibility:
        storage.delete_derived(f"f/{visibility}/{file.id}/")
    served = [f"f/{file.visibility}/"] if file.source_version and file.kind is not Kind.OTHER else []
    if not _invalidated(file, [*file.leftovers, *served]):
        return False
    catalog.mark_purged(file.id)
    return True


def _invalidated(file: File, prefixes: Iterable[str]) -> bool:
    """Whether the edges will have forgotten the file's public addresses. A private one ends with its signature."""
    if not any(prefix.startswith(_PUBLIC) for prefix in prefixes):
        return True
    # The revision: AWS takes a request that is repeated with the same reference for the same one.
    return delivery.invalidate(f"/{_PUBLIC}{file.id}/*", f"{file.id}-{file.revision}")
