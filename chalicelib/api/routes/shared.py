"""`/s/{token}`: the page that a share link leads to. Open to anyone who has the link."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from chalice import Blueprint, Response

from chalicelib.api import share_page
from chalicelib.api.pages import HEADERS
from chalicelib.api.routes.reference import HtmlPage
from chalicelib.api.routing import public_route, raw_body
from chalicelib.api.share_page import Picture, Shown
from chalicelib.catalog import files, scans, shares, tenants
from chalicelib.catalog.memory import look_up
from chalicelib.catalog.shares import Share
from chalicelib.delivery.access import access_to
from chalicelib.delivery.disposition import content_disposition, in_one_direction, proven_type
from chalicelib.model import File, Status, Visibility
from chalicelib.observability import append, logger
from chalicelib.settings import settings
from chalicelib.storage import originals

routes = Blueprint(__name__)

# Seconds for which the page's addresses work.
SIGNED = 300

# Pixels. The preview is the largest that is no wider.
WIDEST = 1280

# Bytes of a form with a password: each of its 128 characters may be 12 bytes long in it.
MAX_FORM = 4096

PAGES = {200: HtmlPage, 404: HtmlPage}


@public_route(routes, "GET", "/s/{token}", returns=PAGES)
def show_shared(_: Any, token: str) -> Response:
    """See the page of a share link, or be asked for its password.

    A link that is wrong, over or revoked, and one of a file that may not be seen, get the same answer. Costs two
    DynamoDB reads and a write, and one read for a wrong link.
    """
    share = shares.find(token)
    file = _file_of(share) if share else None
    if share is None or file is None:
        return _answer(share_page.of_nothing(), 404)
    if share.password is not None:
        return _answer(share_page.of_password())
    return _seen(share, file)


@public_route(routes, "POST", "/s/{token}", returns={**PAGES, 403: HtmlPage, 429: HtmlPage})
def open_shared(request: Any, token: str) -> Response:
    """See the page of a share link that has a password: the form's field `password`.

    After ten wrong passwords in an hour, the link takes none until the next hour begins. Costs two DynamoDB reads and
    two writes.
    """
    share = shares.find(token)
    file = _file_of(share) if share else None
    if share is None or file is None:
        return _answer(share_page.of_nothing(), 404)
    if share.password is None:
        return _seen(share, file)
    password = _password(request)
    if not password:
        return _answer(share_page.of_password(wrong=True), 403)
    if not shares.may_try(share):
        logger.info("share locked", extra={"share_id": share.id})
        return _answer(share_page.of_lock(), 429, {"Retry-After": str(shares.seconds_to_next_hour())})
    if not shares.opens(password, share.password):
        return _answer(share_page.of_password(wrong=True), 403)
    return _seen(share, file, tried=True)


def _password(request: Any) -> str | None:
    text = raw_body(request).decode("utf-8", "replace")
    if len(text) > MAX_FORM:
        return None
    try:
        sent = parse_qs(text, keep_blank_values=True, max_num_fields=10).get("password", [""])
    except ValueError:
        return None
    return sent[0] if len(sent[0]) <= 128 else None


def _file_of(share: Share) -> File | None:
    """The file, if the link still shows it. One read of the table, and one of the tenant if it is not remembered."""
    if share.is_over or look_up(tenants.get_tenant, share.tenant).suspended:
        return None
    file = files.get(share.tenant, share.file_id)
    if file is None or file.version_id is None or file.refused or file.is_quarantined or not scans.may_be_read(file):
        return None
    if share.public and file.visibility is not Visibility.PUBLIC:
        return None
    append(file_id=file.id)
    return file if file.status in (Status.PROCESSING, Status.READY, Status.FAILED) else None


def _seen(share: Share, file: File, *, tried: bool = False) -> Response:
    if not shares.count_view(share, try_back=tried):
        return _answer(share_page.of_nothing(), 404)
    download = None
    if share.download:
        disposition = content_disposition(file.filename, inline=False)
        download = originals.sign(file, proven_type(file), disposition, SIGNED)
    kind = str(file.kind or "other")
    shown = Shown(
        filename=in_one_direction(file.filename),
        kind={"other": "File", "pdf": "PDF"}.get(kind, kind.capitalize()),
        size=file.size,
        until=share.expires_at,
        picture=_picture(file) or Picture(f"{settings().front_door}/docs/icon-{kind}.svg", 24, 24, icon=True),
        download=download,
    )
    logger.info("share seen", extra={"share_id": share.id})
    return _answer(share_page.of_file(shown))


def _picture(file: File) -> Picture | None:
    """The preview: of a film its poster, of a document its first page; None if there is none."""
    access = access_to(file, SIGNED)
    plain = [each for each in file.all_renditions if each.is_picture and each.width and each.height]
    rungs = [each for each in plain if each.is_rung] or plain
    if access is None or not rungs:
        return None
    fitting = [each for each in rungs if (each.width or 0) <= WIDEST] or rungs
    best = max(fitting, key=lambda each: each.width or 0)
    return Picture(access.url(best.basename), best.width or 0, best.height or 0)


def _answer(page: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(page, status_code=status, headers={**HEADERS, **(headers or {})})
