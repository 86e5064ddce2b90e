"""Requests about files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from filemill._api import document, segment, timed
from filemill._cursors import endless
from filemill._effects import Flow
from filemill._resource import Resource
from filemill.models import Changes, Entry, File, Found, Grant, HistoryEntry, Original, Page

FileRef = str | File


def path_of(file: FileRef) -> str:
    """The path of a file's record. Takes a record or its id."""
    return f"/v1/files/{segment(file.id if isinstance(file, File) else file)}"


def _matching(if_match: FileRef | None) -> dict[str, str]:
    """The header If-Match. Of a tag the API compares the revision only, so a record without its tag has one, too."""
    if if_match is None:
        return {}
    if isinstance(if_match, File):
        if_match = if_match.etag or f'"{if_match.revision}-{"0" * 16}"'
    return {"If-Match": if_match}


def record(self: Resource, method: str, path: str, **more: Any) -> Flow[File]:
    """A request that a record answers."""
    answer = yield from self._api.call(method, path, **more)
    return File(document(answer), answer.headers.get("etag"))


def get(
    self: Resource, file: FileRef, *, fields: Sequence[str] | None = None, expires_in: int | None = None
) -> Flow[File]:
    """A file's record.

    fields: names of fields, if not all are needed. expires_in: seconds for which a private file's addresses are good.
    Raises NotFound.

    >>> client.files.get(file.id).filename
    'photo.jpg'
    """
    found = yield from record(self, "GET", path_of(file), params={"fields": fields, "expires_in": expires_in})
    return found


def list_(
    self: Resource,
    *,
    status: str | None = None,
    kind: str | None = None,
    tag: str | Sequence[str] | None = None,
    content_type: str | None = None,
    sha256: str | None = None,
    owner: str | None = None,
    filename_prefix: str | None = None,
    created_after: datetime | str | None = None,
    created_before: datetime | str | None = None,
    sort: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    fields: Sequence[str] | None = None,
) -> Flow[Page[File]]:
    """One page of the files that match all filters, the newest first.

    tag: one or several. sort: such as `-created`, `size` or `filename`. limit: 1 to 200, by default 50. A page may be
    short, even empty, although more follow: go on until `next_cursor` is None. See docs/api.md#find-files.

    >>> client.files.list(kind="image", tag=["beach", "2026"], limit=10).items
    []
    >>> page = client.files.list()
    >>> page.items
    [File(id='file_00000000000000000000000001', status='ready', filename='photo.jpg')]
    """
    params = {name: timed(value) for name, value in locals().items() if name != "self"}
    return Page((yield from self._api.json("GET", "/v1/files", params=params)), File)


def update(self: Resource, /, file: FileRef, if_match: FileRef | None = None, **changes: Any) -> Flow[File]:
    """Changes a file, and gives its record.

    changes: filename, tags, metadata (merged; None removes a key), visibility, focus (`{"x": …, "y": …}`), poster
    (`{"time": seconds}`), expires_after (seconds). if_match: a record or its etag; if the file has changed since,
    Conflict is raised and nothing is changed.

    >>> client.files.update(file.id, tags=["beach"], metadata={"album": 7}).tags
    ['beach']
    """
    changed = yield from record(self, "PATCH", path_of(file), body=changes, headers=_matching(if_match))
    return changed


def delete(self: Resource, file: FileRef, *, if_match: FileRef | None = None) -> Flow[None]:
    """Deletes a file for good, or for now if the stage has a delete window. Raises NotFound.

    >>> client.files.delete(file.id)
    """
    yield from self._api.call("DELETE", path_of(file), headers=_matching(if_match))


def restore(self: Resource, file: FileRef) -> Flow[File]:
    """Takes a delete back, within the stage's delete window. Raises NotFound after it, and Conflict.

    >>> client.files.delete(file.id)
    >>> client.files.restore(file.id).status
    'ready'
    """
    back = yield from record(self, "POST", f"{path_of(file)}/restore")
    return back


def reprocess(
    self: Resource, file: FileRef, *, recipe: str | None = None, force: bool = False, if_match: FileRef | None = None
) -> Flow[File]:
    """Makes a file's renditions again, with another recipe if you name one.

    >>> client.files.reprocess(file.id, recipe="avatar").status
    'processing'
    """
    body = {**({"recipe": recipe} if recipe else {}), **({"force": True} if force else {})}
    path = f"{path_of(file)}/reprocess"
    made = yield from record(self, "POST", path, body=body, headers=_matching(if_match), repeatable=True)
    return made


def batch(self: Resource, files: Sequence[FileRef], *, fields: Sequence[str] | None = None) -> Flow[list[File]]:
    """The records of up to 100 files, in this order. Those that are not yours are left out.

    >>> [found.filename for found in client.files.batch([file.id])]
    ['photo.jpg']
    """
    ids = _ids(files)
    records: list[File] = []
    while ids:
        body = {"ids": ids, **({"fields": list(fields)} if fields is not None else {})}
        found = yield from self._api.json("POST", "/v1/files/batch-get", body=body, repeatable=True)
        records += [File(each) for each in found["items"]]
        omitted = found.get("omitted") or []  # they did not fit into the answer
        if len(omitted) >= len(ids):
            raise endless("The service leaves out every file that it is asked for.")
        ids = omitted
    return records


def search(
    self: Resource, q: str, *, limit: int | None = None, fields: Sequence[str] | None = None
) -> Flow[list[Found]]:
    """The files that have the words, the best first. limit: 1 to 100, by default 20. There are no further pages.

    >>> client.files.search("photo")[0].file.filename
    'photo.jpg'
    """
    found = yield from self._api.json("GET", "/v1/search", params={"q": q, "limit": limit, "fields": fields})
    return [Found(each) for each in found["items"]]


def changes(
    self: Resource, *, cursor: str | None = None, limit: int | None = None, fields: Sequence[str] | None = None
) -> Flow[Changes]:
    """The files that have changed since the cursor; without one, all files. See docs/changes-feed.md.

    >>> changes = client.files.changes()
    >>> [change.id for change in changes], changes.more
    (['file_00000000000000000000000001'], False)
    """
    params = {"after": cursor, "limit": limit, "fields": fields}
    found = Changes((yield from self._api.json("GET", "/v1/changes", params=params)))
    if found.raw.get("more") and found.next_cursor in (None, cursor):
        raise endless("The feed of changes says that there is more, and goes no further.")
    return found


def grant(
    self: Resource, file: FileRef, *, expires_in: int | None = None, cookie_domain: str | None = None
) -> Flow[Grant]:
    """Lets a viewer see a private file. expires_in: seconds, by default an hour. A grant can't be taken back.

    >>> client.files.grant(file.id, expires_in=600).query
    'Signature=s'
    """
    body = _given(expires_in=expires_in, cookie_domain=cookie_domain)
    return Grant((yield from self._api.json("POST", f"{path_of(file)}/grant", body=body, repeatable=True)))


def grants(
    self: Resource, files: Sequence[FileRef], *, expires_in: int | None = None, cookie_domain: str | None = None
) -> Flow[list[Grant]]:
    """Grants for up to 100 files, in this order. Those that are not yours are left out.

    >>> [grant.id == file.id for grant in client.files.grants([file.id])]
    [True]
    """
    body = _given(ids=_ids(files), expires_in=expires_in, cookie_domain=cookie_domain)
    made = yield from self._api.json("POST", "/v1/grants", body=body, repeatable=True)
    return [Grant(each) for each in made["items"]]


def original(
    self: Resource, file: FileRef, *, disposition: str | None = None, expires_in: int | None = None
) -> Flow[Original]:
    """An address of the original, for somebody without a key. expires_in: 60 to 3600 seconds, by default 300.

    >>> client.files.original(file.id, disposition="attachment").url
    'https://s3.example.com/original/file_00000000000000000000000001'
    """
    params = {"redirect": "false", "disposition": disposition, "expires_in": expires_in}
    return Original((yield from self._api.json("GET", f"{path_of(file)}/original", params=params)))


def history(
    self: Resource, file: FileRef, *, limit: int | None = None, cursor: str | None = None
) -> Flow[Page[HistoryEntry]]:
    """One page of a file's changes, the newest first: who, when, and which fields.

    >>> client.files.history(file.id, limit=5).items[0].actor.type
    'key'
    """
    params = {"limit": limit, "cursor": cursor}
    return Page((yield from self._api.json("GET", f"{path_of(file)}/history", params=params)), HistoryEntry)


def entries(self: Resource, file: FileRef, *, limit: int | None = None, cursor: str | None = None) -> Flow[Page[Entry]]:
    """One page of what is inside an archive, or attached to an e-mail. Raises Conflict for a file without such a list.

    >>> client.files.entries(file.id).items[0].size
    1200
    """
    params = {"limit": limit, "cursor": cursor}
    return Page((yield from self._api.json("GET", f"{path_of(file)}/entries", params=params)), Entry)


def add_captions(
    self: Resource, file: FileRef, language: str, text: str, *, label: str | None = None, default: bool = False
) -> Flow[File]:
    """Gives a film captions in one language, such as `pt-BR`. text: WebVTT or SubRip, at most 1,000,000 bytes.

    >>> client.files.add_captions(file.id, "en", "WEBVTT\\n\\n00:01.000 --> 00:02.000\\nHi").captions[0].language
    'en'
    """
    body = {**_given(language=language, text=text, label=label), **({"default": True} if default else {})}
    changed = yield from record(self, "POST", f"{path_of(file)}/captions", body=body, repeatable=True)
    return changed


def remove_captions(self: Resource, file: FileRef, language: str) -> Flow[File]:
    """Takes the captions of one language away.

    >>> client.files.remove_captions(file.id, "en").captions
    []
    """
    changed = yield from record(self, "DELETE", f"{path_of(file)}/captions/{segment(language)}")
    return changed


def hold(self: Resource, file: FileRef) -> Flow[None]:
    """Puts a file under legal hold: nobody can delete it. The key needs `keys:admin`.

    >>> client.files.hold(file.id)
    """
    yield from self._api.call("PUT", f"{path_of(file)}/hold")


def release(self: Resource, file: FileRef) -> Flow[None]:
    """Ends a legal hold.

    >>> client.files.release(file.id)
    """
    yield from self._api.call("DELETE", f"{path_of(file)}/hold")


def _ids(files: Sequence[FileRef]) -> list[str]:
    return [file.id if isinstance(file, File) else file for file in files]


def _given(**fields: Any) -> Mapping[str, Any]:
    """The fields that are not None."""
    return {name: timed(value) for name, value in fields.items() if value is not None}
