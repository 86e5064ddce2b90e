"""A page of somebody's app that uses filemill.js from the front door: what tests do on it, and see of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import BrowserContext, Request, Route

from tests import images

HERE = Path(__file__).parent
MIB = 1024**2
SMALL = images.jpeg(640, 480)
# Three parts of 5 MiB: what follows a picture's end is no part of the picture.
LARGE = SMALL + bytes(11 * MIB)
IN_PARTS = {"multipart": True, "partSize": 5 * MIB}


class FilemillPage:
    """The page at /__test__/page of an origin. With `csp` it is sent with that policy."""

    def __init__(self, context: BrowserContext, api: str, *, origin: str | None = None, csp: str | None = None) -> None:
        self.context = context
        self.page = context.new_page()
        self.requests: list[Request] = []
        self.errors: list[str] = []
        self._address = f"{origin or api}/__test__/page?{urlencode({'api': api})}"
        self._headers = {"Content-Security-Policy": csp} if csp else {}
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.route("**/__test__/page*", self._answer)
        self.load()

    def _answer(self, route: Route) -> None:
        body = (HERE / "filemill.html").read_text()
        route.fulfill(body=body, content_type="text/html; charset=utf-8", headers=self._headers)

    def load(self) -> None:
        """Loads the page, or loads it again."""
        self.page.goto(self._address)
        self.page.wait_for_function("window.loaded")

    def use(self, credential: str, **more: Any) -> None:
        self.page.evaluate("([credential, more]) => void open_(credential, more)", [credential, more])

    def choose(self, *paths: Path) -> None:
        """Picks files, as a person does."""
        self.page.set_input_files("#file", list(paths))

    def begin(self, path: Path | None = None, **options: Any) -> None:
        if path:
            self.choose(path)
        self.page.evaluate("options => begin(options)", options)

    def ends(self, what: str = "ready") -> dict[str, Any]:
        """{record} or {error}: the end of the upload (`done`) or of processing (`ready`)."""
        ended: dict[str, Any] = self.page.evaluate(f"outcome(upload.{what})")
        return ended

    def ready(self) -> dict[str, Any]:
        ended = self.ends()
        assert "record" in ended, ended
        record: dict[str, Any] = ended["record"]
        assert record["status"] == "ready"
        return record

    def fails(self, what: str = "done") -> dict[str, Any]:
        ended = self.ends(what)
        assert "error" in ended, ended
        error: dict[str, Any] = ended["error"]
        return error

    def state(self, *states: str) -> None:
        """Waits until the upload has one of these states."""
        self.page.wait_for_function("states => states.includes(upload.state)", arg=list(states))

    def sent(self, bytes_: int) -> None:
        """Waits until S3 has, or is being sent, so many bytes."""
        self.page.wait_for_function("bytes => upload.progress.sent >= bytes", arg=bytes_)

    def value(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    # --- following

    def follow(self, **options: Any) -> None:
        self.page.evaluate("options => follow(options)", options)

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = self.page.evaluate("told")
        return told

    def until(self, condition: str, arg: Any = None) -> None:
        """Waits for a condition on `told`, in JavaScript."""
        self.page.wait_for_function(condition, arg=arg, timeout=90_000)

    def heard(self, file_id: str, word: str) -> None:
        self.until(
            "([id, type]) => told.events.some(each => each.subject === id && each.type === type)",
            [file_id, f"filemill.file.{word}"],
        )

    # --- what went over the network

    def to_api(self) -> list[tuple[str, str]]:
        """(method, path) of the requests to the API, without ids and without preflights."""
        paths = ((each.method, urlsplit(each.url).path) for each in self.requests if "/v1/" in each.url)
        return [(method, without_ids(path)) for method, path in paths if method != "OPTIONS"]

    def parts(self) -> list[int]:
        """The numbers of the parts that were sent to S3, in order."""
        puts = (each.url for each in self.requests if each.method == "PUT")
        return sorted(int(url.partition("partNumber=")[2].partition("&")[0]) for url in puts)

    def to_s3(self) -> list[Request]:
        return [each for each in self.requests if "originals" in each.url and each.method != "OPTIONS"]


def without_ids(path: str) -> str:
    return "/".join("ID" if part.startswith("file_") else part for part in path.split("/"))


def write(folder: Path, data: bytes, name: str = "picture.jpg") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def problem(status: int, code: str, detail: str, **headers: str) -> dict[str, Any]:
    """What `Route.fulfill` takes for an answer of the API that refuses."""
    body: Mapping[str, Any] = {"type": f"urn:{code}", "title": code, "status": status, "code": code, "detail": detail}
    allowed = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
    return {"status": status, "json": body, "headers": {**allowed, **headers}}
