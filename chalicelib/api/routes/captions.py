"""`POST /v1/files/{id}/captions` and `DELETE /v1/files/{id}/captions/{language}`: a client's captions of a film."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, ClassVar

from chalice import Blueprint, Response
from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.api.answers import ChangedFile
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import wrong
from chalicelib.api.parsing import Body
from chalicelib.api.routing import Call, route
from chalicelib.api.updates import require_uninfected, settle, still_processing, until_written
from chalicelib.api.wire import record
from chalicelib.catalog import edits, files
from chalicelib.delivery import captions
from chalicelib.model import Caption, File, Rendition, Status
from chalicelib.observability import append, logger
from chalicelib.renditions import captions as names
from chalicelib.renditions import places

routes = Blueprint(__name__)

MAX_CAPTIONS = 50  # of a file
MAX_TEXT = 1_000_000  # bytes of UTF-8
# As JSON, a character may take three times the bytes that it takes in UTF-8. API Gateway takes 10 MB, and Lambda 6 MB:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BODY = 3 * MAX_TEXT + 4096

MAX_LANGUAGE = 35  # characters, as RFC 5646 (4.4.1) has it for tags without extensions
# RFC 5646, 2.1: language, script, region, variants, extensions, private use. No language has four to eight letters
# (2.2.1: those of four are reserved, and none longer is registered): people who send them mean a word, as `english`.
_LANGUAGE = re.compile(
    r"[a-z]{2,3}(?:-[a-z]{3}){0,3}(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
)
_PATTERN = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$"


def canonical(language: str) -> str:
    """A language tag in its usual case: `pt-BR`, `zh-Hant`. Raises the error of a check for what is no tag."""
    tag = language.lower()
    if len(tag) > MAX_LANGUAGE or not _LANGUAGE.fullmatch(tag):
        raise wrong("must be a language tag such as en, pt-BR or zh-Hant (BCP 47)")
    first, *rest = tag.split("-")
    words = [first]
    for word in rest:
        if any(len(each) == 1 for each in words):  # behind a single letter, nothing is a script or a region
            words.append(word)
        elif len(word) == 2:
            words.append(word.upper())
        else:
            words.append(word.capitalize() if len(word) == 4 and word.isalpha() else word)
    return "-".join(words)


def _check_label(label: str) -> str:
    if '"' in label:
        raise wrong("must have no quotation mark, because a playlist could not hold it")
    return label


def _check_text(text: str) -> str:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT:
        raise wrong(f"must be at most {MAX_TEXT} bytes of UTF-8")
    return text


class AddCaptions(Body):
    """The body of `POST /v1/files/{id}/captions`. `text` is WebVTT or SubRip; `label` is what a player shows.

    Without a `label` the player shows the language tag. With `default`, players show these captions at once, and no
    others are the default any more.
    """

    MAX_BYTES: ClassVar[int] = MAX_BODY

    language: Annotated[
        str,
        Field(max_length=MAX_LANGUAGE, json_schema_extra={"pattern": _PATTERN, "examples": ["en", "pt-BR"]}),
        AfterValidator(canonical),
    ]
    text: Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_check_text)]
    label: Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=100, strip_whitespace=True),
        Field(examples=["English"]),
        AfterValidator(lambda label: label and _check_label(label)),
    ] = None
    default: bool = False


@route(
    routes,
    "POST",
    "/v1/files/{file_id}/captions",
    scope=Scope.FILES_WRITE,
    own=True,
    body=AddCaptions,
    returns={200: ChangedFile},
    problems=(
        *("precondition_failed", "file_processing", "file_changing", "not_uploaded", "upload_expired", "infected"),
        *("no_captions", "too_many_captions"),
    ),
    headers=("If-Match", "If-None-Match", "ETag"),
)
def add_captions(call: Call, body: AddCaptions, file_id: str) -> Response:
    """Give a film or a sound captions in one language, or replace those that it has in this language.

    SubRip is converted to WebVTT. The text is written anew: it keeps cues, their ids, times, settings and the tags `b`,
    `i`, `u`, `c`, `v`, `lang` and `ruby`; all else is left out. If it can't be read, `detail` names the line. The
    captions are in the HLS playlist and in `delivery.video`. They stay when the file is processed again, moved or
    restored. The same request twice changes nothing the second time.

    Costs one DynamoDB read and write, and one GET and four PUTs of S3.
    """
    from chalicelib.api import webvtt  # few requests need it

    try:
        text = webvtt.rewritten(body.text).encode()
    except webvtt.InvalidCaptionsError as invalid:
        raise Problem("invalid_field", f"`text`: {invalid}.", field="text") from None
    file = until_written(call, file_id, lambda file: _add(file, body, text))
    settle(file)
    return record(call, file)


@route(
    routes,
    "DELETE",
    "/v1/files/{file_id}/captions/{language}",
    scope=Scope.FILES_WRITE,
    own=True,
    returns={200: ChangedFile},
    problems=(
        *("precondition_failed", "file_processing", "file_changing", "not_uploaded", "upload_expired", "infected"),
        "no_captions",
    ),
    headers=("If-Match", "If-None-Match", "ETag"),
)
def delete_captions(call: Call, file_id: str, language: str) -> Response:
    """Take away a file's captions in one language, from S3 and from the edges, too.

    A page that plays the film meanwhile goes on playing it, without them.
    """
    if len(language) > MAX_LANGUAGE or not _LANGUAGE.fullmatch(language.lower()):
        raise _unknown()
    file = until_written(call, file_id, lambda file: _delete(file, language))
    settle(file)
    return record(call, file)


def _add(file: File, body: AddCaptions, text: bytes) -> File | None:
    """The changed record; None if it has changed since it was read."""
    _refuse_for_now(file)
    hls = places.hls_of(file)
    if hls is None:
        raise _none()
    label = body.label or body.language
    sha256 = hashlib.sha256(text).hexdigest()
    old = next((each for each in file.captions if each.language == body.language), None)
    if old and (old.label, old.default, old.sha256) == (label, body.default, sha256):
        return file
    others = [each for each in file.captions if each is not old]
    if len(others) >= MAX_CAPTIONS:
        raise Problem("too_many_captions", f"A file may have captions in {MAX_CAPTIONS} languages; delete some first.")
    if label in {each.label for each in others}:
        detail = f"`label`: the file has captions with the label {label} already, in another language."
        raise Problem("invalid_field", detail, field="label")
    name = names.name_of(file, body.language, text)
    new = Caption(language=body.language, label=label, default=body.default, name=name, sha256=sha256)
    if body.default:
        others = [each.model_copy(update={"default": False}) for each in others]
    captions.add(file, new, text, hls)
    written = _write(file, sorted([*others, new], key=lambda each: each.language), hls, old)
    if written is None:
        captions.take_back(file, new, files.get(file.tenant, file.id))
        return None
    logger.info("captions added", extra={"language": body.language})
    return written


def _delete(file: File, language: str) -> File | None:
    """The changed record; None if it has changed since it was read."""
    _refuse_for_now(file)
    old = next((each for each in file.captions if each.language.lower() == language.lower()), None)
    if old is None:
        raise _unknown()
    written = _write(file, [each for each in file.captions if each is not old], places.hls_of(file), old)
    if written:
        logger.info("captions deleted", extra={"language": old.language})
    return written


def _write(file: File, wanted: list[Caption], hls: Rendition | None, old: Caption | None) -> File | None:
    """The record with these captions, and with the playlist that names them. `old` are those that are gone."""
    others = file.other_renditions
    if hls:
        named = captions.master(file, wanted, hls)
        if named is None:  # its objects are being moved
            return None
        others = [named if each is hls else each for each in others]
    written = edits.caption(file, wanted, others, captions.prefixes(file, old) if old else [])
    if written:
        append(file_id=file.id)
    return written


def _refuse_for_now(file: File) -> None:
    require_uninfected(file)
    match file.status:
        case Status.AWAITING_UPLOAD:
            raise Problem("not_uploaded", "This file's bytes have not arrived.")
        case Status.EXPIRED:
            raise Problem("upload_expired", "The time for this upload is over; create the file again.")
        case Status.PROCESSING:
            raise still_processing("Captions can't change while the file is processed.")
        case Status.FAILED:
            raise _none()


def _unknown() -> Problem:
    return Problem("not_found", "This file has no captions in this language.")


def _none() -> Problem:
    detail = (
        "Only a video or an audio file that is ready, and has the rendition `hls`, can have captions."
        " If the file is ready, its `recipe` makes no renditions, or its `warnings` say why it has no stream."
    )
    return Problem("no_captions", detail)
