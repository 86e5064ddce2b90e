"""`filemill webhooks listen`: what a webhook would get, sent to a server on this computer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Mapping
from typing import Any

import click

from filemill.cli import profiles, text
from filemill.cli.command import examples, shared, with_session
from filemill.cli.exits import USAGE
from filemill.cli.failures import Stop
from filemill.cli.session import Session

_SECONDS = 15.0
"""for which the receiver's answer is waited, as the service waits"""


@click.command(
    epilog=examples(
        "filemill webhooks listen --forward-to localhost:3000/hooks/filemill",
        "filemill webhooks listen --forward-to http://localhost:3000/hooks --type filemill.file.ready --kind image",
    )
)
@click.option("--forward-to", metavar="URL", required=True, help="The address of your server on this computer.")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="Only this type of event; may be repeated.")
@click.option("--kind", "kinds", metavar="KIND", multiple=True, help="Only files of this kind; may be repeated.")
@click.option("-t", "--tag", "tags", metavar="TAG", multiple=True, help="Only files with this tag; may be repeated.")
@click.option("--after", metavar="CURSOR", help="Begin behind this cursor; by default with what happens now.")
@click.option("-n", "--limit", type=click.IntRange(1), help="End after so many events.")
@shared
@with_session
def listen(session: Session, forward_to: str, after: str | None, limit: int | None, **given: Any) -> None:
    """Try webhooks on this computer: events are forwarded to your server.

    No tunnel is needed: the events come over the socket, and are sent on from here, signed as webhooks are. The secret
    is shown at the beginning, and is kept with the saved login of the address that is in use. If there is none, as with
    FILEMILL_URL and FILEMILL_KEY alone, it is a new one each time. FILEMILL_WEBHOOK_SECRET names your own. Each event
    is sent once: unlike a webhook, nothing is tried again. The socket tells the newest state of each file, so of
    several changes at the same moment only the last one may come.
    """
    import httpx

    url = forward_to if "://" in forward_to else f"http://{forward_to}"
    if not url.startswith(("http://", "https://")):
        raise Stop(f"{forward_to!r} is no address of a web server.", USAGE)
    secret, kept = secret_of(session)
    session.output.warn(f"Signing secret: {secret}")
    if not kept:
        session.output.note(
            f"No login of {session.login.url} is saved, so the secret is for this run only. To keep it, set "
            "FILEMILL_WEBHOOK_SECRET to it."
        )
    session.output.note(f"Forwarding to {url}. Ctrl-C ends it.")
    stream = session.client.events.follow(
        types=list(given["types"]) or None, cursor=after, on_state=session.output.note
    )
    forwarded = 0
    with httpx.Client(timeout=_SECONDS, trust_env=False, transport=session.transport) as http:
        for event in stream:
            if not passes(event.raw, given["kinds"], given["tags"]):
                continue
            _forward(session, http, url, event.raw, secret)
            forwarded += 1
            if limit is not None and forwarded >= limit:
                return


def _forward(session: Session, http: Any, url: str, event: Mapping[str, Any], secret: str) -> None:
    import httpx

    body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    begun = time.monotonic()
    error = None
    status = None
    try:
        with http.stream("POST", url, content=body, headers=signed(event["id"], body, secret)) as answer:
            status = answer.status_code  # nothing else of it is read
    except httpx.HTTPError as failed:
        error = f"{type(failed).__name__}: {failed}"
    took = round(1000 * (time.monotonic() - begun))
    if session.as_json:
        session.output.json({"event": event, "status": status, "error": error, "ms": took})
    else:
        kind = str(event.get("type", "")).removeprefix("filemill.")
        session.output.line(text.moment(event.get("time")), kind, event.get("subject"), status or error, f"{took} ms")


def passes(event: Mapping[str, Any], kinds: tuple[str, ...], tags: tuple[str, ...]) -> bool:
    """True if a webhook with these filters would get the event."""
    file = event.get("data", {}).get("file", {})
    return (not kinds or file.get("kind") in kinds) and set(tags) <= set(file.get("tags") or ())


def secret_of(session: Session) -> tuple[str, bool]:
    """The secret of this address, made when it is first needed; and True if the next run has the same one."""
    named = os.environ.get("FILEMILL_WEBHOOK_SECRET") or session.login.secret
    if named:
        _key(named)
        return named, True
    made = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    return made, profiles.remember_secret(session.profile, session.login.url, made) is not None


def signed(event_id: str, body: bytes, secret: str) -> dict[str, str]:
    """The headers of Standard Webhooks."""
    moment = str(int(time.time()))
    content = f"{event_id}.{moment}.".encode() + body
    signature = base64.b64encode(hmac.new(_key(secret), content, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{signature}",
    }


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise Stop("The secret must look like whsec_ and base64.", USAGE) from None
