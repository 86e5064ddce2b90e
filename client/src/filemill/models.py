"""Records as Filemill answers them. Known fields are attributes with types; fields that are new are attributes, too.

A model keeps the whole answer in `raw`. Values such as a file's `status` or `kind` are plain strings, so a value that
this version does not know is no error. Times are `datetime` in UTC. A field that may be missing is None then, or an
empty list.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class Model:
    """Base of all records.

    raw: the answer's JSON object. A field that this version does not know is an attribute as well.

    >>> file = File({"id": "file_1", "status": "polished", "shine": 11})
    >>> file.status, file.shine, file.raw["shine"]
    ('polished', 11, 11)
    >>> file
    File(id='file_1', status='polished')
    """

    raw: Mapping[str, Any]
    _shown: tuple[str, ...] = ("id", "type", "name", "status", "filename", "url")

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.__dict__["raw"] = raw

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "raw":
            raise AttributeError(name)
        hint = _hints(type(self)).get(name)
        if name in self.raw:
            value = self.raw[name] if hint is None else _converted(self.raw[name], hint)
        elif hint is not None and _is_optional(hint):
            value = None
        elif hint is not None and get_origin(hint) is list:
            value = []
        else:
            raise AttributeError(f"This {type(self).__name__} has no field `{name}`. It has: {', '.join(self.raw)}.")
        self.__dict__[name] = value
        return value

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash((type(self), self.raw.get("id")))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={self.raw[name]!r}" for name in self._shown if name in self.raw)
        return f"{type(self).__name__}({fields})"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_hints(type(self)), *self.raw})


_cached: dict[type[Model], dict[str, Any]] = {}


def _hints(model: type[Model]) -> dict[str, Any]:
    """Types of a class's fields, by name."""
    if model not in _cached:
        found = get_type_hints(model).items()
        _cached[model] = {name: hint for name, hint in found if name != "raw" and not name.startswith("_")}
    return _cached[model]


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _converted(value: Any, hint: Any) -> Any:
    """The value as its type says, or as it came if it is of no such form."""
    if _is_optional(hint):
        hint = next(part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is list and isinstance(value, list):
        (item,) = get_args(hint)
        return [_converted(each, item) for each in value]
    if get_origin(hint) is dict and isinstance(value, dict):
        item = get_args(hint)[1]
        return {name: _converted(each, item) for name, each in value.items()}
    if hint is datetime and isinstance(value, str):
        return _time(value)
    if isinstance(hint, type) and issubclass(hint, Model) and isinstance(value, dict):
        return hint(value)
    return value


def _time(text: str) -> Any:
    if sys.version_info < (3, 11) and text.endswith("Z"):
        text = f"{text[:-1]}+00:00"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


class Facts(Model):
    """Facts of one kind of file, such as `file.video`: whatever the API says, as attributes.

    >>> Facts({"duration": 12.5, "codec": "h264"}).duration
    12.5
    """

    _shown = ("format", "width", "height", "duration", "pages")


class FileError(Model):
    """The reason why a file failed.

    >>> FileError({"code": "damaged", "message": "The picture ends too early."}).code
    'damaged'
    """

    code: str
    message: str
    _shown = ("code", "message")


class Rendition(Model):
    """A file that Filemill made of an original. size: bytes. width, height: pixels. duration: seconds.

    >>> [rendition.name for rendition in client.files.get(file.id).renditions]
    ['w640.webp']
    """

    name: str
    format: str
    content_type: str
    width: int | None
    height: int | None
    duration: float | None
    size: int
    url: str


class Delivery(Model):
    """How a page shows a file: `base_url` + name of a rendition + `?` + `query` is an address.

    >>> client.files.get(file.id).delivery.base_url
    'https://files.example.com/f/'
    """

    base_url: str
    query: str
    expires_at: datetime | None
    srcset: dict[str, str]
    sizes: str
    picture: str
    placeholder: str | None
    video: str | None
    audio: str | None
    hls: str | None
    _shown = ("base_url",)


class File(Model):
    """A file's record.

    status: `awaiting_upload`, `processing`, `ready`, `failed` or `expired`; more may come. size: bytes. etag: the
    answer's ETag for `if_match`, or None in lists. reused: `upload` found this file with `on_duplicate="reuse"`. The
    facts of its kind are in `image`, `video`, `audio`, `pdf`, ….

    >>> file = client.files.get(file.id)
    >>> file.status, file.size, file.created_at.year
    ('ready', 5, 2026)
    """

    id: str
    status: str
    revision: int
    kind: str | None
    filename: str
    content_type: str
    size: int | None
    sha256: str | None
    visibility: str
    recipe: str
    tags: list[str]
    metadata: dict[str, Any]
    owner: str | None
    focus: Facts | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    expires_after: int | None
    delete_at: datetime | None
    legal_hold: bool | None
    error: FileError | None
    source_url: str | None
    renditions: list[Rendition]
    delivery: Delivery | None
    image: Facts | None
    video: Facts | None
    audio: Facts | None
    pdf: Facts | None
    document: Facts | None
    spreadsheet: Facts | None
    presentation: Facts | None
    text: Facts | None
    archive: Facts | None
    email: Facts | None
    font: Facts | None
    preview: Facts | None
    poster: Facts | None
    scan: Facts | None
    captions: list[Facts]
    warnings: list[FileError]
    services: dict[str, Facts] | None

    _shown = ("id", "status", "filename")

    def __init__(self, raw: Mapping[str, Any], etag: str | None = None, *, reused: bool = False) -> None:
        super().__init__(raw)
        self.__dict__["etag"] = etag
        self.__dict__["reused"] = reused

    etag: str | None
    reused: bool


class Page(Model, Generic[T]):
    """One page of a list. Iterate over it, and ask for the next one with `cursor=page.next_cursor`, which may be None.

    >>> page = client.files.list(limit=10)
    >>> [file.filename for file in page], page.next_cursor
    (['photo.jpg'], None)
    """

    next_cursor: str | None
    _shown = ("next_cursor",)

    def __init__(self, raw: Mapping[str, Any], item: type[T]) -> None:
        super().__init__(raw)
        self.__dict__["items"] = [item(each) for each in raw["items"]]  # type: ignore[call-arg]

    items: list[T]

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class Found(Model):
    """A file that a search found. found_in: where its words are, such as `filename` or `text`.

    >>> [(found.file.filename, found.found_in) for found in client.files.search("photo")]
    [('photo.jpg', ['filename'])]
    """

    matched_words: int
    found_in: list[str]
    file: File
    _shown = ("matched_words", "found_in")


class Change(Model):
    """The newest state of a file that has changed. file: None if it was deleted.

    >>> [(change.file.filename, change.deleted) for change in client.files.changes()]
    [('photo.jpg', False)]
    """

    id: str
    revision: int
    deleted: bool
    file: File | None
    _shown = ("id", "revision", "deleted")


class Changes(Page[Change]):
    """A page of the feed. next_cursor: keep it, and go on from it, today or in a month. more: more was there to read.

    >>> changes = client.files.changes()
    >>> client.files.changes(cursor=changes.next_cursor).items
    []
    """

    more: bool

    def __init__(self, raw: Mapping[str, Any]) -> None:
        super().__init__({**raw, "next_cursor": raw.get("next_after")}, Change)


class Actor(Model):
    """Somebody who made a change. type: `key`, `token`, `user` or `system`.

    >>> Actor({"type": "key", "id": "0123456789ab"})
    Actor(id='0123456789ab', type='key')
    """

    type: str
    id: str


class Event(Model):
    """A change of a file, as a webhook, the socket or the feed tells it.

    id: the same each time it is told. type: such as `filemill.file.ready`. file: the record, or None for an event of
    no file. cursor: goes on after this event (`events.follow` only; else None).

    >>> for event in client.events.follow(cursor="0"):
    ...     print(event.type, event.file.filename)
    ...     break
    filemill.file.ready photo.jpg
    """

    id: str
    type: str
    subject: str
    time: datetime
    tenant: str | None
    source: str | None
    data: dict[str, Any]
    _shown = ("id", "type")

    def __init__(self, raw: Mapping[str, Any], cursor: str | None = None) -> None:
        super().__init__(raw)
        self.__dict__["cursor"] = cursor

    cursor: str | None

    @property
    def file(self) -> File | None:
        """The file's record, without `delivery`. None for an event of no file."""
        found = self.data.get("file") if isinstance(self.data, Mapping) else None
        return File(found) if isinstance(found, Mapping) else None


class Grant(Model):
    """Lets a viewer see one private file until `expires_at`: put `?` and `query` behind its addresses.

    >>> grant = client.files.grant(file.id, expires_in=600)
    >>> f"{grant.base_url}w640.webp?{grant.query}"
    'https://files.example.com/f/w640.webp?Signature=s'
    """

    id: str
    base_url: str | None
    resource: str | None
    query: str
    cookies: list[str]
    expires_at: datetime | None
    _shown = ("id", "expires_at")


class Entry(Model):
    """One entry of an archive. size, packed_size: bytes, or None. Never use `name` as a path.

    >>> [entry.name for entry in client.files.entries(file.id)]
    ['folder/report.txt']
    """

    name: str
    size: int | None
    packed_size: int | None
    modified_at: datetime | None
    directory: bool
    encrypted: bool
    flags: list[str]
    url: str | None


class HistoryEntry(Model):
    """One change: who made it, when, and which fields it changed. Values are not kept.

    >>> [(entry.type, entry.fields) for entry in client.files.history(file.id)]
    [('filemill.file.updated', ['tags'])]
    """

    id: str
    type: str
    subject: str | None
    revision: int | None
    at: datetime
    actor: Actor
    address: str | None
    request_id: str | None
    fields: list[str]


class Share(Model):
    """A link to a page about one file. url: only in the answer that made it.

    >>> share = client.shares.create(file.id, expires_in=3600)
    >>> share.url
    'https://files.example.com/s/shr_1'
    """

    id: str
    created_at: datetime
    expires_at: datetime
    download: bool
    password: bool
    views: int
    max_views: int | None
    url: str | None


class Webhook(Model):
    """An address of yours to which events are sent. secret: only when it is made or rotated.

    >>> webhook = client.webhooks.create("https://example.com/hooks")
    >>> webhook.enabled, webhook.secret
    (True, 'whsec_c2VjcmV0')
    """

    id: str
    url: str
    types: list[str]
    kinds: list[str]
    tags: list[str]
    filename_prefix: str | None
    enabled: bool
    disabled_reason: str | None
    disabled_at: datetime | None
    earlier_secrets_until: datetime | None
    created_at: datetime
    updated_at: datetime
    created_by: Actor | None
    secret: str | None


class WebhookDelivery(Model):
    """One event for one webhook. state: `pending`, `delivered`, `failed` or `missed`.

    >>> [(delivery.type, delivery.state) for delivery in client.webhooks.deliveries(webhook.id)]
    [('filemill.file.ready', 'delivered')]
    """

    id: str
    type: str
    time: datetime
    subject: str
    revision: int | None
    state: str
    attempts: list[Facts]
    next_attempt_at: datetime | None
    _shown = ("id", "type", "state")


class Key(Model):
    """An API key. key: its secret, only when it is made or rotated.

    >>> client.keys.create("the web shop", ["files:read"]).key
    'fm_new'
    """

    id: str
    name: str
    scopes: list[str]
    networks: list[str]
    expires_at: datetime | None
    created_at: datetime
    created_by: Actor | None
    last_used_at: datetime | None
    earlier_secrets_until: datetime | None
    key: str | None


class UploadToken(Model):
    """A token with which a browser uploads. token: only when it is made. max_bytes: for each file.

    >>> client.tokens.create(max_bytes=20_000_000, content_types=["image/*"]).token
    'fmu_new'
    """

    id: str
    created_at: datetime
    expires_at: datetime
    max_files: int
    max_bytes: int
    content_types: list[str]
    tags: list[str]
    visibility: str
    recipe: str
    owner: str | None
    used: int | None
    key_id: str | None
    token: str | None
    _shown = ("id", "expires_at")


class Me(Model):
    """The credential that the client uses. type: `key`, `token`, `user` or `operator`.

    >>> me = client.me()
    >>> me.tenant, me.scopes
    ('acme', ['files:read', 'files:write'])
    """

    type: str
    id: str
    name: str | None
    tenant: str | None
    scopes: list[str]
    expires_at: datetime | None
    owner: str | None
    stage: str | None


class Count(Model):
    """A number of files, and of their bytes.

    >>> client.stats().by_status["ready"]
    Count(files=1, bytes=5)
    """

    files: int
    bytes: int
    _shown = ("files", "bytes")


class Stats(Model):
    """Counts by status and kind.

    >>> client.stats().files
    1
    """

    files: int
    bytes: int
    by_status: dict[str, Count]
    by_kind: dict[str, Count]
    _shown = ("files", "bytes")


class Quota(Model):
    """A bound. used: None where it is not counted here. resets_at: None if waiting does not help.

    >>> client.usage().quotas["files"].limit
    100
    """

    limit: int
    used: int | None
    resets_at: datetime | None
    _shown = ("limit", "used")


class Usage(Model):
    """All that counts against the tenant's quotas now, and what was used on each of the last 90 days (UTC).

    >>> usage = client.usage()
    >>> usage.bytes, usage.days[0].uploaded_bytes
    (5, 5)
    """

    files: int
    bytes: int
    by_kind: dict[str, Count]
    quotas: dict[str, Quota]
    days: list[Facts]
    _shown = ("files", "bytes")


class Health(Model):
    """The stage answers.

    >>> client.health()
    Health(status='ok', stage='local')
    """

    status: str
    stage: str
    _shown = ("status", "stage")


class Original(Model):
    """An address from which the original can be had until `expires_at`, without a key.

    >>> client.files.original(file.id).url
    'https://s3.example.com/original/file_00000000000000000000000001'
    """

    url: str
    expires_at: datetime
    _shown = ("expires_at",)
