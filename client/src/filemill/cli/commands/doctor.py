"""`filemill doctor`: why this computer and the service do not work together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import click

from filemill.cli.command import examples, shared, with_session
from filemill.cli.exits import DONE, FAILED
from filemill.cli.failures import PROXIES, Stop, explain
from filemill.cli.session import Session
from filemill.cli.text import visible

GOOD, ODD, BAD, SKIPPED = "ok", "warning", "FAILED", "skipped"

_SECONDS = 10.0
_CLOCK_ODD, _CLOCK_BAD = 60.0, 300.0
"""seconds; S3 and CloudFront refuse signatures that are fifteen minutes off, and tokens end earlier"""


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, how it is, and what to do."""

    check: str
    state: str
    said: str


class Examination:
    """The checks of one service. `origin` is that of a page whose requests are to be allowed."""

    def __init__(self, session: Session, origin: str | None) -> None:
        import httpx

        self._session = session
        self._origin = origin
        self._login = session.login
        headers = {"Accept-Encoding": "gzip"}
        self._http = httpx.Client(
            timeout=_SECONDS, headers=headers, transport=session.transport, follow_redirects=False
        )
        self._scopes: list[str] | None = None

    def findings(self) -> Iterator[Finding]:
        """The checks, one after the other. If there is no way to the service, the others are not made."""
        with self._http:
            proxies = [name for name in PROXIES if os.environ.get(name)]
            if proxies:
                yield Finding(
                    "proxy",
                    ODD,
                    f"{', '.join(proxies)} is set: requests go through it. If they fail, add the hosts to NO_PROXY.",
                )
            reached = yield from self._front_door()
            if not reached:
                return
            for check in (self._credential, self._upload_host, self._socket):
                yield from check()

    def _front_door(self) -> Generator[Finding, None, bool]:
        import httpx

        begun = time.monotonic()
        try:
            with self._http.stream("GET", f"{self._login.url}/v1/health") as answer:
                healthy = _is_healthy(answer)
        except httpx.HTTPError as error:
            yield Finding("front door", BAD, f"{self._login.url} does not answer ({error}). {advice(error)}")
            return False
        took = 1000 * (time.monotonic() - begun)
        if not healthy:
            said = f"{self._login.url} answers {answer.status_code}, and not as a Filemill does. Is the address right?"
            yield Finding("front door", BAD, said)
            return False
        yield Finding("front door", GOOD, f"{self._login.url} answers in {took:.0f} ms.")
        yield clock(answer.headers.get("date"), datetime.now(timezone.utc))
        return True

    def _credential(self) -> Iterator[Finding]:
        from filemill import errors

        client = self._session.client
        try:
            me = client.me().raw
            self._scopes = list(me.get("scopes") or ())
            said = f"The {me['type']} of tenant {me.get('tenant')} has {', '.join(self._scopes) or 'no scopes'}."
            yield Finding("key", GOOD, said)
        except errors.NotFound:
            try:
                client.stats()
                yield Finding("key", GOOD, "The key is accepted.")
            except errors.FilemillError as error:
                yield Finding("key", BAD, explain(error)[0])
        except errors.FilemillError as error:
            yield Finding("key", BAD, explain(error)[0])

    def _upload_host(self) -> Iterator[Finding]:
        """Asks for a form, so that the host of uploads is known, and takes the record back."""
        from filemill import errors

        if self._scopes is not None and not {"files:write", "files:own"} & set(self._scopes):
            yield Finding(
                "uploads", SKIPPED, "The key may not upload (files:write), so the host of uploads is not known."
            )
            return
        client = self._session.client
        body = {"filename": "filemill-doctor.txt", "content_type": "text/plain", "size": 1, "upload": "post"}
        try:
            made = client.request("POST", "/v1/files", body=body)
        except errors.FilemillError as error:
            yield Finding("uploads", BAD, f"No upload could be begun: {explain(error)[0]}")
            return
        try:
            yield from self._s3(made["upload"]["url"])
        finally:
            with suppress(errors.FilemillError):
                client.files.delete(made["id"])

    def _s3(self, url: str) -> Iterator[Finding]:
        import httpx

        host = urlsplit(url).netloc
        origin = self._origin or self._login.url
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        try:
            allowed = self._allowed(url, asked)
        except httpx.HTTPError as error:
            said = f"{host} does not answer ({error}). Uploads go there: open it in the firewall. {advice(error)}"
            yield Finding("uploads", BAD, said)
            return
        yield Finding("uploads", GOOD, f"{host} answers.")
        if allowed in {"*", origin}:
            yield Finding("CORS of uploads", GOOD, f"Pages of {origin} may upload.")
        elif self._origin:
            said = f"Pages of {origin} may not upload: the stage's parameter CorsOrigins names those that may."
            yield Finding("CORS of uploads", BAD, said)
        else:
            yield Finding("CORS of uploads", SKIPPED, "Give --origin https://your-page to check one.")
        if self._origin:
            yield self._cors_of_api(self._origin)

    def _cors_of_api(self, origin: str) -> Finding:
        import httpx

        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        try:
            allowed = self._allowed(f"{self._login.url}/v1/files", asked)
        except httpx.HTTPError as error:
            return Finding("CORS of the API", BAD, f"The question was not answered ({error}).")
        if allowed in {"*", origin}:
            return Finding("CORS of the API", GOOD, f"Pages of {origin} may call the API.")
        return Finding(
            "CORS of the API",
            BAD,
            f"Pages of {origin} may not call the API: the stage's FILEMILL_CORS_ORIGIN names those that may.",
        )

    def _allowed(self, url: str, asked: dict[str, str]) -> str | None:
        """The origin that may send such requests. Only the answer's head is read."""
        with self._http.stream("OPTIONS", url, headers=asked) as answer:
            allowed: str | None = answer.headers.get("access-control-allow-origin")
            return allowed

    def _socket(self) -> Iterator[Finding]:
        if self._session.transport is not None:
            yield Finding("socket", SKIPPED, "There is no network.")
            return
        yield socket(self._login.url, self._login.key)


def _is_healthy(answer: Any) -> bool:
    from filemill import _http, _json, errors

    try:
        return bool(_json.parse(_http.content(answer))["status"] == "ok")
    except (ValueError, KeyError, TypeError, errors.ApiError):
        return False


def clock(date: str | None, now: datetime) -> Finding:
    """This computer's clock against the header Date of the service."""
    try:
        off = (now - parsedate_to_datetime(date or "")).total_seconds()
    except (TypeError, ValueError, OverflowError):  # TypeError: a date without a zone
        return Finding("clock", SKIPPED, "The service did not tell its time.")
    words = f"This computer's clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}."
    if abs(off) > _CLOCK_BAD:
        return Finding(
            "clock", BAD, f"{words} Signatures and tokens may be refused: set it (timedatectl set-ntp true)."
        )
    if abs(off) > _CLOCK_ODD:
        return Finding("clock", ODD, f"{words} Set it before it is five minutes off (timedatectl set-ntp true).")
    return Finding("clock", GOOD, "This computer's clock is right.")


def socket(url: str, key: str) -> Finding:
    """Opens the socket and asks for an answer."""
    from websockets.exceptions import InvalidStatus, WebSocketException

    from filemill import _sockets  # it follows no redirect: the key is for this host only
    from filemill._effects import Connect

    address = f"ws{url.removeprefix('http')}/ws"
    headers = {"Authorization": f"Bearer {key}"}
    try:
        with _sockets.opened(Connect(address, headers, _SECONDS)) as opened:
            opened.send('{"action": "ping"}')
            opened.recv(timeout=_SECONDS)
    except InvalidStatus as error:
        status = error.response.status_code
        what = {
            401: "The key is not accepted there.",
            403: "The key lacks the scope events:read: make one that has it (`filemill keys create`).",
            429: "The tenant has as many sockets as it may. Close some.",
        }.get(status, "Something between here and the service does not let WebSockets pass, such as a proxy.")
        return Finding("socket", ODD if status == 403 else BAD, f"{address} answers {status}. {what}")
    except (OSError, WebSocketException, TimeoutError) as error:
        said = f"{address} does not work ({error}). A proxy or firewall may not let WebSockets pass; events need them."
        return Finding("socket", BAD, said)
    return Finding("socket", GOOD, f"{address} answers.")


def advice(error: Exception) -> str:
    """A sentence of advice about a connection that could not be made."""
    words = str(error).lower()
    if "name" in words and ("resol" in words or "known" in words):
        return "The name is not known: check the address and the network."
    if "certificate" in words or "ssl" in words:
        return "The certificate is not accepted: behind a company's proxy, set SSL_CERT_FILE to its certificate."
    if "refused" in words:
        return "Nothing listens there: is the service running, and the port right?"
    if "proxy" in words:
        return "The proxy refuses: check HTTPS_PROXY, or add the host to NO_PROXY."
    return "Check the network, a firewall and the address."


@click.command(epilog=examples("filemill doctor", "filemill doctor --origin https://app.example.com"))
@click.option("--origin", metavar="ORIGIN", help="A page's origin, such as https://app.example.com, that is to upload.")
@shared
@with_session
def doctor(session: Session, origin: str | None) -> int:
    """Find out why this computer and the service do not work together.

    Looks at the proxy, the front door, the clock, the key, the host of uploads, the origin of a page and the socket,
    and says what to do. It begins an upload to see the host, and takes it back.
    """
    try:
        findings = Examination(session, origin).findings()
    except Stop as error:
        findings = iter([Finding("login", BAD, str(error))])
    bad = 0
    show: Callable[[Finding], Any] = _line(session)
    for finding in findings:
        bad += finding.state == BAD
        show(finding)
    return FAILED if bad else DONE


def _line(session: Session) -> Callable[[Finding], Any]:
    output = session.output
    colours = {GOOD: "green", ODD: "yellow", BAD: "red", SKIPPED: None}

    def show(finding: Finding) -> None:
        if output.as_json:
            output.json({"check": finding.check, "state": finding.state.lower(), "said": finding.said})
        elif output.terminal:
            state = click.style(f"{finding.state:<8}", fg=colours[finding.state])
            click.echo(f"{state} {finding.check:<16} {visible(finding.said)}")
        else:
            output.line(finding.state, finding.check, finding.said)

    return show
