"""`edge/negotiate.js` in a JavaScript engine, without an emulator: the table, and what isn't in it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib import keyring, settings
from chalicelib.delivery import access
from chalicelib.model import Visibility, rendition_prefix
from ops.local.edge import functions
from ops.local.edge.functions import Functions
from tests.edge.cases import CASES, CHROME, CODE, FOLDER, KEY, PRIVATE, Case, check, checked, checks
from tests.making import ready_file
from tests.stage import ROOT, Calls

SIGNED = "Policy=p&Signature=s&Key-Pair-Id=K1&Hash-Algorithm=SHA256"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with asyncio.Runner() as runner:
        engine = Engine(runner)
        yield engine
        runner.run(engine.functions.stop())


class Engine:
    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.functions = Functions()

    def run(self, kind: functions.EventType, request: functions.Event, **rest: Any) -> Any:
        event = functions.event_of(kind, "E1", "d1.cloudfront.net", "r1", "203.0.113.1", request, **rest)
        return self.runner.run(self.functions.call(CODE, event))

    def request(self, path: str, accept: Iterable[str] = (), query: str = "", **headers: str) -> Any:
        given = [("host", "d1.cloudfront.net"), *(("accept", a) for a in accept), *headers.items()]
        request = functions.request_of("GET", path, query, given, {"CloudFront-Policy": "p"})
        return self.run("viewer-request", request)

    def respond(self, request: functions.Event, **headers: str) -> Any:
        given = {"statusCode": 200, "statusDescription": "OK", "headers": functions.fields(headers.items())}
        return self.run("viewer-response", request, response=given | {"cookies": {}})["headers"].get("vary")


@pytest.mark.parametrize("case", CASES + checks(), ids=lambda case: case.name)
def test_an_address_is_changed_or_refused_as_the_table_says(engine: Engine, case: Case) -> None:
    parts = urlsplit(case.path)
    answer = engine.request(parts.path, case.accept, parts.query)
    if case.to is None:
        assert answer["statusCode"] == 404
        assert "uri" not in answer
    else:
        assert answer["uri"] == case.to


def test_the_api_gives_the_checks_that_the_edge_takes(
    engine: Engine, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table above has the check by its definition. Here the API's own code meets the function's."""
    code = CODE.replace(KEY, keyring.derived_address_key(b"s" * 43))
    assert code != CODE
    monkeypatch.setattr("tests.edge.test_negotiate.CODE", code)
    monkeypatch.setenv("FILEMILL_CHECKED_ADDRESSES", "true")
    settings.settings.cache_clear()
    for visibility in Visibility:
        file = ready_file(visibility)
        base = urlsplit(access.base_url_of(file) or "").path
        key = rendition_prefix(visibility, file.id, str(file.source_version))
        assert base != f"/{key}"
        assert engine.request(f"{base}w640.webp")["uri"] == f"/{key}w640.webp"
        digit = "0" if base[-2] != "0" else "1"
        assert engine.request(f"{base[:-2]}{digit}/w640.webp")["statusCode"] == 404
    settings.settings.cache_clear()


def test_a_check_opens_one_version_of_one_file_in_all_its_sizes_and_formats(engine: Engine) -> None:
    for folder in (FOLDER, PRIVATE):
        for name in ("w1.avif", "w640.webp", "w640.png", "w16383.jpg"):
            assert engine.request(f"{checked(folder)}/{name}")["uri"] == f"{folder}/{name}"
    assert check(FOLDER) != check(PRIVATE)


def test_a_refused_check_is_refused_like_an_impossible_address(engine: Engine) -> None:
    impossible = engine.request("/f/public/no-such-address")
    assert engine.request(f"{FOLDER}-{'0' * 16}/w640") == impossible


def test_a_header_of_any_length_is_read_in_bounded_time(engine: Engine) -> None:
    for accept in ("image/avif," * 10_000, ";" * 100_000, "image/avif" + " " * 100_000 + ";q=0", "q=" * 50_000):
        assert engine.request(f"{FOLDER}/w640", [accept])["uri"].startswith(f"{FOLDER}/w640.")


def test_an_accept_header_is_read_up_to_1024_characters(engine: Engine) -> None:
    last = ",image/avif"
    for length, extension in ((1024, ".avif"), (1025, ".jpg")):
        assert (
            engine.request(f"{FOLDER}/w640", ["x" * (length - len(last)) + last])["uri"] == f"{FOLDER}/w640{extension}"
        )
    assert engine.request(f"{FOLDER}/w640", ["image/avif;x=" + "y" * 1024])["uri"] == f"{FOLDER}/w640.jpg"


def test_a_refusal_is_kept_for_a_minute_and_is_not_guessed_at(engine: Engine) -> None:
    headers = engine.request("/f/public/no-such-address")["headers"]
    assert headers["cache-control"] == {"value": "public, max-age=60"}
    assert headers["x-content-type-options"] == {"value": "nosniff"}


def test_an_address_of_any_length_is_refused_in_bounded_time(engine: Engine) -> None:
    assert engine.request("/f/public/" + "file_" * 20_000)["statusCode"] == 404


def test_the_query_keeps_only_the_signature(engine: Engine) -> None:
    answer = engine.request(f"{FOLDER}/w640", query=f"utm=1&{SIGNED}&Expires=9&__proto__=x&utm=2")
    assert set(answer["querystring"]) == {"Policy", "Signature", "Key-Pair-Id", "Expires", "Hash-Algorithm"}
    assert answer["cookies"] == {"CloudFront-Policy": {"value": "p"}}
    assert answer["headers"]["host"] == {"value": "d1.cloudfront.net"}


def test_only_a_chosen_format_varies(engine: Engine) -> None:
    chosen = engine.request(f"{FOLDER}/w640", [CHROME])
    assert engine.respond(chosen) == {"value": "Accept"}
    assert engine.respond(chosen, vary="Origin") == {"value": "Origin, Accept"}
    assert engine.respond(engine.request(f"{FOLDER}/w640.avif", [CHROME])) is None
    # Should CloudFront show the second event what the viewer sent, instead of what the first one returned.
    as_sent = functions.request_of("GET", f"{FOLDER}/w640", "", [("accept", CHROME)], {})
    assert engine.respond(as_sent) == {"value": "Accept"}


def test_several_vary_headers_become_one(engine: Engine) -> None:
    headers = functions.fields([("vary", "Origin"), ("vary", "Access-Control-Request-Method")])
    given = {"statusCode": 200, "statusDescription": "OK", "headers": headers, "cookies": {}}
    chosen = engine.request(f"{FOLDER}/w640", [CHROME])
    answer = engine.run("viewer-response", chosen, response=given)
    assert answer["headers"]["vary"] == {"value": "Origin, Access-Control-Request-Method, Accept"}


def test_a_viewer_cannot_pretend_that_a_format_was_chosen(engine: Engine) -> None:
    answer = engine.request(f"{FOLDER}/w640.avif", **{"x-filemill-chose": "1"})
    assert engine.respond(answer) is None


def test_a_refusal_is_plain_text_and_no_page(engine: Engine) -> None:
    answer = engine.request("/f/public/<script>alert(1)</script>")
    assert answer["headers"]["content-type"] == {"value": "text/plain; charset=utf-8"}
    assert "script" not in answer["body"]


def test_the_code_fits_cloudfronts_bounds() -> None:
    """https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-function-restrictions.html"""
    assert len(CODE.encode()) <= 10 * 1024
    code = re.sub(r"//.*", "", CODE)
    assert re.findall(r"require\(.*?\)", code) == ["require('crypto')"]
    # Not in the runtime, or not needed: what can't be used can't be got wrong.
    assert not re.search(r"\b(eval|Function|setTimeout|import|async|await|class|process|fetch)\b|=>|`|\?\.", code)


def test_a_function_that_fails_is_an_error_and_the_next_call_works(engine: Engine) -> None:
    event = functions.event_of("viewer-request", "E1", "d", "r", "::1", functions.request_of("GET", "/", "", [], {}))

    def call(code: str) -> Any:
        return engine.runner.run(engine.functions.call(code, event))

    for code, why in {
        "function handler(event) { throw new Error('no'); }": "no",
        "function handler(event) { return undefined; }": "nothing",
        "function handler(event) { return eval('1'); }": "EvalError",
        "function handler(event) { return require('fs'); }": "no module fs",
        "function handler(": "SyntaxError",
        "const nothing = 1;": "handler is not defined",
        "function handler(event) { while (true) {} }": "too long",
    }.items():
        with pytest.raises(functions.FunctionError, match=why):
            call(code)
    assert call("function handler(event) { return event.request; }")["uri"] == "/"


def test_a_function_that_never_returns_ends_with_a_front_door_that_was_killed() -> None:
    code = "function handler(event) { while (true) {} }"
    door = (
        "import asyncio, os, signal\n"
        "from ops.local.edge.functions import Functions\n"
        "async def main():\n"
        "    functions = Functions()\n"
        f"    call = asyncio.create_task(functions.call({code!r}, {{}}))\n"
        "    await asyncio.sleep(1)\n"
        "    print(functions.process.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    killed = subprocess.run([sys.executable, "-c", door], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    process = Path("/proc") / killed.stdout.strip()
    deadline = time.monotonic() + 20
    while process.exists() and process.joinpath("stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.2)
