"""The envelope of each type of event: models for both API documents, for `schemas/` and for the tests.

No envelope is built from a model: `events.envelope` builds them. Like the models of answers, these refuse unknown
fields, so that a test finds a field too many. The documents allow them, since more may come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BaseModel, Field, create_model

from chalicelib.api.answers import ActorResource, FileId, FileResource, ImageResource, Resource, Time, optional
from chalicelib.model import FILE_ID_PATTERN, ChangeType

WEBHOOK_ID = "wh_[0-9A-HJKMNP-TV-Z]{26}"
_SUBJECT = "The id of what has changed"
_ID = "The same each time that the event is sent: drop an event whose id you have seen"


class FileName(Resource):
    """The file and its revision, without its record."""

    id: FileId
    revision: int = Field(ge=1)


if TYPE_CHECKING:
    EventImage = ImageResource
    EventFile = FileResource
else:
    EventImage = create_model(
        "EventImage",
        __base__=ImageResource,
        __doc__="Facts about an image. `exif` is missing if it was too large for the event.",
        exif=optional(ImageResource.model_fields["exif"]),
    )
    # The fields that `events.envelope` may leave out of an event that would be too large.
    _KEPT = ("id", "status", "revision", "kind", "created_at", "updated_at", "visibility")
    _FIELDS = {name: field for name, field in FileResource.model_fields.items() if name != "delivery"}
    EventFile = create_model(
        "EventFile",
        __base__=Resource,
        __doc__="The record, without `delivery`. The addresses of renditions are not signed: the viewer of a private "
        "file needs a grant or a signature. A part that was too large for the event is missing, and named in "
        "`omitted`.",
        **{name: (_FIELDS[name].annotation, _FIELDS[name]) for name in _KEPT},
        **{name: optional(field) for name, field in _FIELDS.items() if name not in (*_KEPT, "image")},
        image=(EventImage | None, optional(FileResource.model_fields["image"])[1]),
    )


class FileEventData(Resource):
    file: EventFile | FileName
    actor: ActorResource
    omitted: list[str] = Field(
        default_factory=list,
        description="Parts of the record that are left out, such as `metadata` or `image.exif`. `file` stands for all "
        "of it: the file was deleted after this change.",
    )


class FileDeletedData(Resource):
    file: FileName
    actor: ActorResource


class WebhookName(Resource):
    id: str = Field(pattern=f"^{WEBHOOK_ID}$")


class WebhookDisabled(WebhookName):
    """Filemill disabled the webhook. `reason` is a sentence; the webhook itself says more."""

    reason: str
    disabled_at: Time


class WebhookTestData(Resource):
    webhook: WebhookName


class WebhookDisabledData(Resource):
    webhook: WebhookDisabled


class SettingData(Resource):
    """A change of a setting: who made it, and the names of the fields that changed. Values are in no event."""

    actor: ActorResource
    address: str | None = Field(None, description="The network address of the caller, or the network, if it is kept")
    request_id: str | None = None
    fields: list[str]


class SealResource(Resource):
    """A seal of the audit. `hash` is what `ops audit verify` computes again; keep it where nobody can change it."""

    number: int = Field(ge=1)
    hour: str = Field(description="The hour in which the sealed entries were stored", examples=["2026-11-26T12"])
    entries: int = Field(ge=1)
    hash: str = Field(pattern="^[0-9a-f]{64}$")
    signature: str = Field(pattern="^[0-9a-f]{128}$", description="Ed25519, of `hash` as bytes")
    key_id: str = Field(pattern="^[0-9a-f]{16}$")


class SealedData(Resource):
    actor: ActorResource
    seal: SealResource


class EventResource(Resource):
    """A CloudEvents 1.0 envelope."""

    specversion: Literal["1.0"]
    id: str = Field(description=_ID)
    source: str = Field(pattern="^filemill/", description="`filemill/` and the stage")
    type: str
    subject: str = Field(description=_SUBJECT)
    time: Time
    datacontenttype: Literal["application/json"]
    tenant: str
    data: Any


_LITERAL: Any = Literal  # for a word that is known at runtime only

_MEANINGS = {
    ChangeType.CREATED: "A record was made. The bytes of the file have not come yet.",
    ChangeType.PROCESSING: "The bytes have come, and are processed now.",
    ChangeType.READY: "The file is ready: all facts and renditions are in the record.",
    ChangeType.FAILED: "The file could not be processed. `error` in the record says why.",
    ChangeType.EXPIRED: "The bytes of the file never came.",
    ChangeType.UPDATED: "A client has changed the record, for example its tags.",
    ChangeType.DELETED: "The file was deleted. The event holds nothing that a client wrote.",
    ChangeType.RESTORED: "A deleted file came back.",
}


def _event(kind: str, name: str, meaning: str, subject: str, data: type[BaseModel]) -> type[BaseModel]:
    """The model of one type of event. `subject` is the pattern of ids of the things that it is about."""
    return create_model(
        name,
        __base__=EventResource,
        __doc__=meaning,
        id=(str, Field(pattern=f"^evt_{subject}_[0-9A-Za-z]+$", description=_ID)),
        type=(_LITERAL[kind], ...),
        subject=(str, Field(pattern=f"^{subject}$", description=_SUBJECT)),
        data=(data, ...),
    )


def _file_event(change: ChangeType) -> type[BaseModel]:
    data = FileDeletedData if change is ChangeType.DELETED else FileEventData
    name = f"File{change.title()}Event"
    return _event(f"filemill.file.{change}", name, _MEANINGS[change], FILE_ID_PATTERN.pattern, data)


FILE_EVENTS = {f"filemill.file.{change}": _file_event(change) for change in ChangeType}
"""Type of event → its model, in the order of a file's life. These are the events that sockets hear."""

_SETTINGS = {
    "key": ("An API key", "[0-9a-f]+"),
    "token": ("An upload token", "[0-9a-f]+"),
    "webhook": ("A webhook", WEBHOOK_ID),
    "tenant": ("The settings of a tenant, its quotas among them,", "[a-z0-9][a-z0-9-]{0,62}"),
    "share": ("A link to a file's page", f"{FILE_ID_PATTERN.pattern}/shr_[0-9a-f]{{18}}"),
}
_WORDS = {"created": "made", "changed": "changed", "ended": "revoked or deleted"}

AUDIT_EVENTS = {
    f"filemill.audit.{kind}.{word}": _event(
        f"filemill.audit.{kind}.{word}",
        f"Audit{kind.title()}{word.title()}Event",
        f"{what} {'were' if kind == 'tenant' else 'was'} {done}. Only the bus hears of it.",
        subject,
        SettingData,
    )
    for kind, (what, subject) in _SETTINGS.items()
    for word, done in _WORDS.items()
    if (kind, word) != ("share", "changed")  # a link never changes
} | {
    "filemill.audit.sealed": _event(
        "filemill.audit.sealed",
        "AuditSealedEvent",
        "An hour of the audit was sealed. Only the bus hears of it.",
        "seal_[0-9]+",
        SealedData,
    )
}
"""Type of event → its model, of those that only the bus hears: changes of settings, and seals."""

EVENTS: dict[str, type[BaseModel]] = {
    **FILE_EVENTS,
    "filemill.webhook.disabled": _event(
        "filemill.webhook.disabled",
        "WebhookDisabledEvent",
        "Filemill disabled a webhook, because its receiver has failed for days or wants nothing more. The bus hears of "
        "it, and other webhooks that ask for this type.",
        WEBHOOK_ID,
        WebhookDisabledData,
    ),
    "filemill.webhook.test": _event(
        "filemill.webhook.test",
        "WebhookTestEvent",
        "A test of one webhook, which its tenant asked for.",
        WEBHOOK_ID,
        WebhookTestData,
    ),
}
"""Type of event → its model, of those that webhooks may hear."""

BUS_EVENTS = EVENTS | AUDIT_EVENTS
"""Type of event → its model, for all types: the bus hears them all."""

if TYPE_CHECKING:
    Event = EventResource
else:
    Event = Annotated[Union[tuple(FILE_EVENTS.values())], Field(discriminator="type")]  # noqa: UP007 - made at runtime
