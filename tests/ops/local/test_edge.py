"""The edge between a viewer and a stand-in for the emulator: caching, signatures, bounds, and what goes through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp import web
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1

from ops.local.edge import Edge
from ops.local.edge.distribution import Behavior, Distribution, Origin, path_pattern
from ops.local.edge.thread import EdgeThread
from tests.edge import standin
from tests.edge.standin import BODY, Emulator

KEY = rsa.generate_private_key(65537, 2048)
FILES = {"MinTTL": 1, "DefaultTTL": 86400, "MaxTTL": 31536000}
DISABLED = {"MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 0}
ALL = {
    "HeadersConfig": {"HeaderBehavior": "allExcept", "Headers": {"Items": ["host"]}},
    "CookiesConfig": {"CookieBehavior": "all"},
    "QueryStringsConfig": {"QueryStringBehavior": "all"},
}
READ, WRITE = frozenset(("GET", "HEAD", "OPTIONS")), frozenset(("GET", "HEAD", "POST"))


def behavior(pattern: str, origin: str, **rest: Any) -> Behavior:
    given: dict[str, Any] = {"methods": READ, "cached_methods": READ, "cache_policy": FILES}
    given |= {"origin_request_policy": None, "response_headers_policy": None, "keys": None}
    return Behavior(pattern=path_pattern(pattern), origin_id=origin, **(given | rest))


STANDARD = Distribution(
    id="E1",
    arn="arn:aws:cloudfront::000000000000:distribution/E1",
    domain="d.cloudfront.net",
    root_object="",
    origins={
        "files": Origin("files", "b.s3.us-east-1.amazonaws.com", "", True, (), 30),
        "api": Origin("api", "abc.execute-api.us-east-1.amazonaws.com", "/api", False, (("X-Secret", "s"),), 1),
        "nowhere": Origin("nowhere", "example.com", "", False, (), 30),
    },
    behaviors=(
        behavior("/f/private/*", "files", keys={"K1": KEY.public_key()}, origin_request_policy=ALL),
        behavior("/f/*", "files"),
        behavior("/nowhere", "nowhere"),
        behavior("*", "api", methods=WRITE, cache_policy=DISABLED, origin_request_policy=ALL),
    ),
    error_ttls={404: 0},
)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with standin.emulator() as fake:
        yield fake


@pytest.fixture
def edge(emulator: Emulator) -> Iterator[Edge]:
    with standin.edge_of(STANDARD, emulator) as served:
        yield served


def get(edge: Edge, path: str, **headers: str) -> requests.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(edge.url + path, headers=given, timeout=10)


def signed(url: str) -> str:
    signer = CloudFrontSigner("K1", lambda message: KEY.sign(message, PKCS1v15(), SHA1()))
    return str(signer.generate_presigned_url(url, date_less_than=datetime.now(UTC) + timedelta(hours=1)))


def test_the_second_viewer_is_served_from_memory(edge: Edge, emulator: Emulator) -> None:
    assert get(edge, "/f/a").headers["X-Cache"] == "Miss from cloudfront"
    again = get(edge, "/f/a?ignored=1", Authorization="other")
    assert again.headers["X-Cache"] == "Hit from cloudfront"
    assert int(again.headers["Age"]) >= 0
    assert again.content == BODY
    assert len(emulator.seen) == 1


def test_memory_answers_conditions_ranges_and_head(edge: Edge, emulator: Emulator) -> None:
    get(edge, "/f/a")
    unchanged = get(edge, "/f/a", If_None_Match='"e1"')
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    part = get(edge, "/f/a", Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, BODY[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(BODY)}"
    assert get(edge, "/f/a", Range="bytes=9999-").status_code == 416
    head = requests.head(edge.url + "/f/a", timeout=10)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(BODY)))
    assert len(emulator.seen) == 1


def test_a_stale_answer_is_asked_for_again_by_its_etag(edge: Edge, emulator: Emulator) -> None:
    get(edge, "/f/a")
    for entry in edge.cache.entries.values():
        entry.fresh_until = 0
    emulator.handler = lambda request: web.Response(
        status=304 if request.headers.get("If-None-Match") == '"e1"' else 500, headers={"ETag": '"e1"'}
    )
    again = get(edge, "/f/a")
    assert (again.status_code, again.content) == (200, BODY)
    assert again.headers["X-Cache"] == "RefreshHit from cloudfront"


def test_a_range_of_what_is_not_in_memory_is_passed_on(edge: Edge, emulator: Emulator) -> None:
    emulator.handler = lambda request: web.Response(
        status=206, body=BODY[:4], headers={"Content-Range": f"bytes 0-3/{len(BODY)}"}
    )
    assert get(edge, "/f/a", Range="bytes=0-3").content == BODY[:4]
    assert emulator.seen[0].headers["Range"] == "bytes=0-3"
    assert not edge.cache.entries


def test_who_asks_an_origin_without_ranges_for_a_range_gets_all_and_the_next_one_the_range(
    edge: Edge, emulator: Emulator
) -> None:
    whole = get(edge, "/f/a", Range="bytes=0-1")
    assert (whole.status_code, whole.content) == (200, BODY)
    part = get(edge, "/f/a", Range="bytes=0-1")
    assert (part.status_code, part.content) == (206, BODY[:2])
    assert len(emulator.seen) == 1


def test_an_origins_error_is_kept_for_the_distributions_time(edge: Edge, emulator: Emulator) -> None:
    emulator.handler = lambda request: web.Response(status=404 if request.headers["X-Edge-Uri"] == "/f/a" else 503)
    get(edge, "/f/a")
    assert get(edge, "/f/a").headers["X-Cache"] == "Error from cloudfront"
    assert len(emulator.seen) == 2
    get(edge, "/f/b")
    get(edge, "/f/b")
    assert len(emulator.seen) == 3


def test_caching_disabled_asks_the_origin_each_time(edge: Edge, emulator: Emulator) -> None:
    get(edge, "/v1/files")
    assert get(edge, "/v1/files").headers["X-Cache"] == "Miss from cloudfront"
    assert len(emulator.seen) == 2


def test_the_origin_sees_its_own_path_and_secret(edge: Edge, emulator: Emulator) -> None:
    get(edge, "/v1/a%2Fb?q=%C3%BC&q=2", Authorization="Bearer fm_x")
    request = emulator.seen[0]
    assert request.raw_path == "/restapis/abc/api/_user_request_/v1/a%2Fb?q=%C3%BC&q=2"
    assert request.headers["Authorization"] == "Bearer fm_x"
    assert request.headers["X-Secret"] == "s"
    get(edge, "/f/%C3%BC%20b")
    assert emulator.seen[1].headers["X-Edge-Uri"] == "/f/%C3%BC%20b"
    assert emulator.seen[1].headers["X-Edge-Distribution"] == STANDARD.arn


def test_a_viewer_cannot_say_the_origins_secret(edge: Edge, emulator: Emulator) -> None:
    get(edge, "/v1/files", X_Secret="guessed")
    assert emulator.seen[0].headers.getall("X-Secret") == ["s"]


def test_a_private_file_needs_a_signature_that_stays_at_the_edge(edge: Edge, emulator: Emulator) -> None:
    assert get(edge, "/f/private/a").status_code == 403
    assert not emulator.seen
    url = signed(edge.url + "/f/private/a")
    assert requests.get(url, timeout=10, cookies={"CloudFront-Policy": "x", "mine": "y"}).content == BODY
    assert emulator.seen[0].headers["Cookie"] == "mine=y"
    assert "Signature" not in str(emulator.seen[0].raw_path) + str(dict(emulator.seen[0].headers))
    assert get(edge, "/f/private/a").status_code == 403
    assert requests.get(signed(edge.url + "/f/private/a"), timeout=10).headers["X-Cache"] == "Hit from cloudfront"
    assert requests.get(url.replace("/a?", "/b?"), timeout=10).status_code == 403


def test_methods_outside_the_behaviour_are_refused(edge: Edge, emulator: Emulator) -> None:
    assert requests.post(edge.url + "/f/a", timeout=10).status_code == 403
    assert requests.delete(edge.url + "/v1/a", timeout=10).status_code == 403
    assert not emulator.seen


def test_a_name_that_dns_could_point_here_is_refused(edge: Edge, emulator: Emulator) -> None:
    assert get(edge, "/v1/files", Host="evil.example").status_code == 403
    assert not emulator.seen


def echo(request: web.BaseRequest) -> Any:
    async def read() -> web.Response:
        # `read` is bounded by the server's own limit; the stream is not.
        return web.Response(text=str(len(await request.content.read())))

    return read()


def test_bodies_go_through_up_to_ten_mebibytes(edge: Edge, emulator: Emulator) -> None:
    emulator.handler = echo
    limit = 10 * 1024 * 1024
    assert requests.post(edge.url + "/v1/a", data=b"x" * limit, timeout=30).text == str(limit)
    assert requests.post(edge.url + "/v1/a", data=b"x" * (limit + 1), timeout=30).status_code == 413
    chunked = requests.post(edge.url + "/v1/a", data=iter([b"x" * limit, b"x"]), timeout=30)
    assert chunked.status_code == 413


def test_a_large_answer_streams_and_is_not_kept(edge: Edge, emulator: Emulator) -> None:
    edge.cache.entry_limit = 1000

    async def stream(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(4):
            await response.write(BODY)
        return response

    emulator.handler = stream
    assert get(edge, "/f/a").content == BODY * 4
    assert not edge.cache.entries


def test_compressed_bytes_are_not_touched(edge: Edge, emulator: Emulator) -> None:
    packed = b"\x1f\x8bnot really"
    emulator.handler = lambda request: web.Response(body=packed, headers={"Content-Encoding": "gzip"})
    with requests.get(edge.url + "/v1/a", stream=True, timeout=10) as response:
        assert response.raw.read(decode_content=False) == packed
        assert response.headers["Content-Encoding"] == "gzip"


def test_each_cookie_that_the_origin_sets_arrives(edge: Edge, emulator: Emulator) -> None:
    def cookies(request: web.BaseRequest) -> web.Response:
        response = web.Response()
        response.headers.add("Set-Cookie", "a=1; Path=/")
        response.headers.add("Set-Cookie", "b=2; Expires=Fri, 15 Jan 2027 08:00:00 GMT")
        return response

    emulator.handler = cookies
    with requests.get(edge.url + "/v1/a", timeout=10) as response:
        assert len(response.raw.headers.getlist("Set-Cookie")) == 2


def test_redirects_are_the_viewers_to_follow(edge: Edge, emulator: Emulator) -> None:
    emulator.handler = lambda request: web.Response(status=302, headers={"Location": "/f/b"})
    assert requests.get(edge.url + "/v1/a", allow_redirects=False, timeout=10).headers["Location"] == "/f/b"


def test_origins_that_fail_are_502_and_504(edge: Edge, emulator: Emulator) -> None:
    assert get(edge, "/nowhere").status_code == 502

    async def sleep(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    emulator.handler = sleep
    started = time.monotonic()
    assert get(edge, "/v1/a").status_code == 504
    assert time.monotonic() - started < 4


def test_a_viewer_that_leaves_ends_the_origins_work(edge: Edge, emulator: Emulator) -> None:
    origins = STANDARD.origins | {"api": replace(STANDARD.origins["api"], read_timeout=30)}
    edge.distribution = replace(STANDARD, origins=origins)

    async def sleep(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(20)
        return web.Response()

    emulator.handler = sleep
    with pytest.raises(requests.Timeout):
        requests.get(edge.url + "/v1/a", timeout=0.3)
    assert emulator.gone.wait(5)


def test_reload_forgets_what_was_cached(edge: Edge, emulator: Emulator) -> None:
    get(edge, "/f/a")
    asyncio.run(edge.reload())
    assert get(edge, "/f/a").headers["X-Cache"] == "Miss from cloudfront"


def test_an_edge_that_cannot_start_says_why_and_leaves_no_thread(emulator: Emulator) -> None:
    with standin.edge_of(STANDARD, emulator) as first:
        second = EdgeThread(Edge("E1", emulator.url, first.port, client=object()))  # type: ignore[arg-type]
        with pytest.raises(OSError, match="address already in use"):
            second.start()
        assert not second.thread.is_alive()
        second.stop()


def sockets() -> int:
    """How many sockets this process has open."""
    open_files = (str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return sum(name.startswith("socket:") for name in open_files)


def test_stopping_in_the_midst_of_a_request_leaves_no_socket_open() -> None:
    async def hold(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    before = sockets()
    with standin.emulator() as emulator:
        emulator.handler = hold
        with standin.edge_of(STANDARD, emulator) as edge, pytest.raises(requests.Timeout):
            requests.get(edge.url + "/f/a", timeout=0.3)
    assert sockets() == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/f/private/a", 403),
        ("GET", "/f/private/a?Signature=x&Key-Pair-Id=K1&Expires=1", 403),
        ("POST", "/f/a", 403),
        ("GET", "/nowhere", 502),
    ],
)
def test_an_answer_of_the_edges_own_forbids_guessing_its_type(edge: Edge, method: str, path: str, status: int) -> None:
    answer = requests.request(method, edge.url + path, timeout=10)
    assert answer.status_code == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
