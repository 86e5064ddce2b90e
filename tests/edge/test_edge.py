"""Files through the local edge, with the real function and a stand-in for S3 and `render` that counts."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import requests
from aiohttp import web

from ops.local.edge import Edge
from ops.local.edge.distribution import Behavior, Distribution, Origin, OriginGroup, path_pattern
from tests.edge import standin
from tests.edge.cases import CHROME, CODE, FILE, FOLDER, INVALID, PRIVATE, VERSION, Case, check, checked, checks
from tests.edge.standin import BODY, Emulator
from tests.signers import KINDS, Signer, ec_key

SIGNER = KINDS["ECDSA and SHA-256"]
POLICY = {"MinTTL": 1, "DefaultTTL": 86400, "MaxTTL": 31536000}
API = "abc.execute-api.us-east-1.amazonaws.com"
URL = "abc.lambda-url.us-east-1.on.aws"


def files(pattern: str, **rest: Any) -> Behavior:
    reads = frozenset(("GET", "HEAD", "OPTIONS"))
    functions = dict.fromkeys(("viewer-request", "viewer-response"), CODE)
    given: dict[str, Any] = {"keys": None, "functions": functions}
    return Behavior(path_pattern(pattern), "files", reads, reads, POLICY, None, None, **given | rest)


DISTRIBUTION = Distribution(
    id="E1",
    arn="arn:aws:cloudfront::000000000000:distribution/E1",
    domain="d.cloudfront.net",
    root_object="",
    origins={
        "derived": Origin("derived", "b.s3.us-east-1.amazonaws.com", "", True, (), 30),
        "render": Origin("render", URL, "", False, (), 2),
    },
    behaviors=(
        files("/f/public/*"),
        files("/f/private/*", keys={each.id: each.key.public_key() for each in KINDS.values()}),
        files("*", functions={}),
    ),
    error_ttls={403: 0, 404: 0, 502: 0, 503: 0, 504: 0},
    groups={"files": OriginGroup(("derived", "render"), frozenset((403, 404)))},
)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with standin.emulator() as fake:
        yield fake


@pytest.fixture
def edge(emulator: Emulator) -> Iterator[Edge]:
    with standin.edge_of(DISTRIBUTION, emulator) as served:
        yield served


def get(edge: Edge, path: str, accept: str = CHROME, **options: Any) -> requests.Response:
    headers = {"Accept": accept, **options.pop("headers", {})}
    return requests.get(edge.url + path, headers=headers, timeout=20, **options)


def raw(edge: Edge, path: str) -> http.client.HTTPResponse:
    """The path as it is written: no client of ours tidies it up."""
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=20)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", f"localhost:{edge.port}")
    connection.endheaders()
    with closing(connection):
        response = connection.getresponse()
        response.read()
        return response


def asked(emulator: Emulator) -> list[str]:
    """What the origins were asked for: `derived PATH` or `render PATH`."""
    return [f"{r.headers['X-Edge-Origin']} {r.headers['X-Edge-Uri']}" for r in emulator.seen]


def is_s3(request: web.BaseRequest) -> bool:
    return request.headers.get("X-Edge-Origin") == "derived"


def s3_has_not(**then: Any) -> Any:
    """S3 answers 404, and the function `render` this response."""
    return lambda request: web.Response(status=404) if is_s3(request) else web.Response(**then)


# ---- the function in its place ----


def test_one_object_is_kept_for_each_format_and_the_answer_says_what_it_varies_by(
    edge: Edge, emulator: Emulator
) -> None:
    first = get(edge, f"{FOLDER}/w640?utm=1")
    assert first.headers["Vary"] == "Accept"
    assert get(edge, f"{FOLDER}/w640", "image/avif").headers["X-Cache"] == "Hit from cloudfront"
    direct = get(edge, f"{FOLDER}/w640.avif?fbclid=2", "*/*")
    assert direct.headers["X-Cache"] == "Hit from cloudfront"
    assert "Vary" not in direct.headers
    assert get(edge, f"{FOLDER}/w640", "image/webp").headers["X-Cache"] == "Miss from cloudfront"
    assert asked(emulator) == [f"derived {FOLDER}/w640.avif", f"derived {FOLDER}/w640.webp"]


def test_a_copy_that_is_current_says_so_and_varies(edge: Edge) -> None:
    get(edge, f"{FOLDER}/w640")
    unchanged = get(edge, f"{FOLDER}/w640", headers={"If-None-Match": '"e1"'})
    assert (unchanged.status_code, unchanged.headers["Vary"]) == (304, "Accept")
    part = get(edge, f"{FOLDER}/w640", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content, part.headers["Vary"]) == (206, BODY[:4], "Accept")


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.name)
def test_an_impossible_address_reaches_no_origin(edge: Edge, emulator: Emulator, case: Case) -> None:
    response = raw(edge, case.path)
    assert not emulator.seen
    if case.path.startswith("/f/private/"):  # the signature is checked before the function runs
        assert response.status == 403
        return
    assert response.status == 404
    assert response.headers["X-Cache"] == "FunctionGeneratedResponse from cloudfront"


def test_a_header_of_100_kilobytes_is_refused(edge: Edge, emulator: Emulator) -> None:
    assert get(edge, f"{FOLDER}/w640", "image/avif," * 10_000).status_code in (400, 431, 494)
    assert not emulator.seen


def test_a_function_that_fails_is_503_without_origin(edge: Edge, emulator: Emulator) -> None:
    for code in ("function handler(event) { return {uri: 'x'}; }", "function handler(event) { return 1; }", "x("):
        broken = files("*", functions={"viewer-request": code})
        edge.distribution = replace(DISTRIBUTION, behaviors=(broken,))
        assert get(edge, f"{FOLDER}/w640").status_code == 503
    assert not emulator.seen


# ---- failover ----


def test_render_is_asked_for_an_object_that_s3_lacks(edge: Edge, emulator: Emulator) -> None:
    emulator.handler = s3_has_not(body=BODY, headers={"Cache-Control": "public, max-age=31536000"})
    response = get(edge, f"{checked()}/w640?utm=1", headers={"Cookie": "a=b"})
    assert (response.status_code, response.content, response.headers["Vary"]) == (200, BODY, "Accept")
    assert asked(emulator) == [f"derived {FOLDER}/w640.avif", f"render {FOLDER}/w640.avif"]
    sent = emulator.seen[1].headers
    assert sent["X-Edge-Distribution"] == DISTRIBUTION.arn
    assert sent["X-Edge-Query"] == ""
    assert "Cookie" not in sent
    assert "X-Filemill-Chose" not in sent
    assert get(edge, f"{checked()}/w640").headers["X-Cache"] == "Hit from cloudfront"
    assert len(emulator.seen) == 2


def test_a_distribution_of_a_former_release_asks_the_api_with_the_secret(edge: Edge, emulator: Emulator) -> None:
    former = Origin("render", API, "/api/render", False, (("X-Filemill-Edge", "s"), ("Accept", "image/avif")), 2)
    edge.distribution = replace(DISTRIBUTION, origins=DISTRIBUTION.origins | {"render": former})
    emulator.handler = s3_has_not(body=BODY, headers={"Cache-Control": "public, max-age=31536000"})
    response = get(edge, f"{FOLDER}/w640", headers={"X-Filemill-Edge": "guessed", "Cookie": "a=b"})
    assert (response.status_code, response.content, response.headers["Vary"]) == (200, BODY, "Accept")
    to_api = emulator.seen[1]
    assert to_api.raw_path == f"/restapis/abc/api/_user_request_/render{FOLDER}/w640.avif"
    assert to_api.headers.getall("X-Filemill-Edge") == ["s"]
    assert to_api.headers["Accept"] == "image/avif"
    assert "Cookie" not in to_api.headers
    assert "X-Filemill-Chose" not in to_api.headers


def test_a_head_of_what_is_made_on_demand_has_gets_length(edge: Edge, emulator: Emulator) -> None:
    emulator.handler = s3_has_not(body=BODY, headers={"Cache-Control": "public, max-age=31536000, immutable"})
    head = requests.head(f"{edge.url}{checked()}/w640.avif", timeout=10)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(len(BODY)), b"")
    assert get(edge, f"{checked()}/w640.avif").headers["Content-Length"] == str(len(BODY))


# ---- addresses that nobody gave ----


@pytest.mark.parametrize("case", [case for case in checks() if case.to is None], ids=lambda case: case.name)
def test_an_address_with_a_wrong_check_reaches_no_origin(edge: Edge, emulator: Emulator, case: Case) -> None:
    for path in (case.path, case.path.replace("w640.webp", "w641.avif")):
        response = raw(edge, path)
        assert response.status == 404
        assert response.headers["X-Cache"] == "FunctionGeneratedResponse from cloudfront"
    assert not emulator.seen
    assert not edge.cache.entries


def test_an_address_without_a_check_works_as_it_did_and_is_the_same_object(edge: Edge, emulator: Emulator) -> None:
    """A former release gave it. Invented ones come so far, too: to S3 and to `render`, but never to the API."""
    emulator.handler = s3_has_not(body=BODY, headers={"Cache-Control": "public, max-age=31536000"})
    assert get(edge, f"{FOLDER}/w640").content == BODY
    assert get(edge, f"{checked()}/w640").headers["X-Cache"] == "Hit from cloudfront"
    invented = f"/f/public/{FILE[:-1]}W/{VERSION}/w640"
    emulator.handler = s3_has_not(status=404, headers={"Cache-Control": "public, max-age=60"})
    emulator.seen.clear()
    for _ in range(3):
        assert get(edge, invented).status_code == 404
    assert asked(emulator) == [f"derived {invented}.avif", f"render {invented}.avif"]


def test_a_404_of_render_is_kept_as_long_as_it_says_and_an_error_without_a_word_is_not(
    edge: Edge, emulator: Emulator
) -> None:
    emulator.handler = s3_has_not(status=404, headers={"Cache-Control": "public, max-age=60"})
    for _ in range(3):
        assert get(edge, f"{FOLDER}/w641").status_code == 404
    assert len(emulator.seen) == 2
    emulator.handler = s3_has_not(status=503, headers={"Retry-After": "1"})
    for _ in range(2):
        assert get(edge, f"{FOLDER}/w642").headers["Retry-After"] == "1"
    assert len(emulator.seen) == 6


def test_a_render_that_fails_too_is_an_error_of_the_edge(edge: Edge, emulator: Emulator) -> None:
    async def sleep(request: web.BaseRequest) -> web.Response:
        if is_s3(request):
            return web.Response(status=403)
        await asyncio.sleep(10)
        return web.Response()

    emulator.handler = sleep
    assert get(edge, f"{FOLDER}/w640").status_code == 504


def test_other_errors_of_s3_do_not_fail_over(edge: Edge, emulator: Emulator) -> None:
    emulator.handler = lambda request: web.Response(status=500)
    assert get(edge, f"{FOLDER}/w640").status_code == 500
    assert len(emulator.seen) == 1


# ---- many at once ----


def at_once(edge: Edge, count: int, path: str) -> list[requests.Response]:
    start = threading.Barrier(count)

    def ask(_: int) -> requests.Response:
        start.wait()
        return get(edge, path)

    with ThreadPoolExecutor(count) as viewers:
        return list(viewers.map(ask, range(count)))


def test_two_hundred_viewers_of_a_missing_object_are_one_request(edge: Edge, emulator: Emulator) -> None:
    async def slow(request: web.BaseRequest) -> web.Response:
        if is_s3(request):
            return web.Response(status=404)
        await asyncio.sleep(1)
        return web.Response(body=BODY, content_type="image/avif")

    emulator.handler = slow
    answers = at_once(edge, 200, f"{FOLDER}/w640")
    assert {(a.status_code, a.content) for a in answers} == {(200, BODY)}
    assert len(emulator.seen) == 2
    assert Counter(a.headers["X-Cache"] for a in answers) == {
        "Miss from cloudfront": 1,
        "Hit from cloudfront": 199,
    }


def test_viewers_who_wait_for_an_answer_that_is_not_for_all_ask_side_by_side(edge: Edge, emulator: Emulator) -> None:
    busy: list[int] = [0]

    async def answer(request: web.BaseRequest) -> web.Response:
        busy.append(busy[-1] + 1)
        await asyncio.sleep(0.5)
        busy.append(busy[-1] - 1)
        return web.Response(status=503, text="busy")

    emulator.handler = answer
    assert {a.status_code for a in at_once(edge, 5, f"{FOLDER}/w640")} == {503}
    assert len(emulator.seen) == 5
    assert max(busy) == 4


def test_a_viewer_that_leaves_does_not_take_the_answer_from_those_who_wait(edge: Edge, emulator: Emulator) -> None:
    arrived = threading.Event()

    async def slow(request: web.BaseRequest) -> web.Response:
        arrived.set()
        await asyncio.sleep(1)
        return web.Response(body=BODY)

    emulator.handler = slow
    leaver = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=5)
    leaver.request("GET", f"{FOLDER}/w640.jpg")
    assert arrived.wait(5)
    with ThreadPoolExecutor(3) as viewers:
        waiting = [viewers.submit(get, edge, f"{FOLDER}/w640.jpg") for _ in range(3)]
        time.sleep(0.3)
        leaver.close()
        assert [w.result().content for w in waiting] == [BODY] * 3
    assert len(emulator.seen) == 2


# ---- invalidation ----


def hits(edge: Edge, path: str) -> bool:
    return get(edge, path).headers["X-Cache"].startswith("Hit")


def test_an_invalidation_makes_the_edge_ask_again_for_these_paths_and_no_others(edge: Edge, emulator: Emulator) -> None:
    other = FOLDER.replace(FILE, FILE[:-1] + "W")
    for path in (f"{FOLDER}/w640.jpg", f"{FOLDER}/w320.jpg", f"{other}/w640.jpg"):
        get(edge, path)
        assert hits(edge, path)
    emulator.invalidated.append(f"/f/public/{FILE}/*")
    deadline = time.monotonic() + 5
    while edge.cache.entries.keys() and len(edge.cache.entries) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not hits(edge, f"{FOLDER}/w640.jpg")
    assert not hits(edge, f"{FOLDER}/w320.jpg")
    assert hits(edge, f"{other}/w640.jpg")


def test_an_answer_that_was_under_way_during_an_invalidation_is_not_kept(edge: Edge, emulator: Emulator) -> None:
    arrived, go = threading.Event(), threading.Event()

    async def slow(request: web.BaseRequest) -> web.Response:
        arrived.set()
        while not go.is_set():
            await asyncio.sleep(0.01)
        return web.Response(body=BODY)

    emulator.handler = slow
    before = edge.cache.invalidations
    with ThreadPoolExecutor(1) as viewers:
        asking = viewers.submit(get, edge, f"{FOLDER}/w640.jpg")
        assert arrived.wait(5)
        emulator.invalidated.append("/f/*")
        while edge.cache.invalidations == before:
            time.sleep(0.01)
        go.set()
        assert asking.result().content == BODY
    assert not edge.cache.entries


# ---- private files ----


def grant(edge: Edge, folder: str = PRIVATE, hours: float = 1, by: Signer = SIGNER) -> str:
    """Query parameters that open a folder."""
    return by.wildcard(f"{edge.url}{folder}/*", int(time.time() + hours * 3600))


def cookies(query: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in query.split("&"))
    return {f"CloudFront-{name}": value for name, _, value in pairs}


@pytest.mark.parametrize("by", KINDS.values(), ids=KINDS)
def test_a_grant_opens_every_size_and_format_of_its_file(edge: Edge, emulator: Emulator, by: Signer) -> None:
    query = grant(edge, by=by)
    assert get(edge, f"{PRIVATE}/w640?{query}").headers["Vary"] == "Accept"
    assert get(edge, f"{PRIVATE}/w320.webp?{query}").status_code == 200
    assert get(edge, f"{PRIVATE}/w640?{query}&utm=1").headers["X-Cache"] == "Hit from cloudfront"
    for request in emulator.seen:
        assert "Signature" not in request.raw_path + str(dict(request.headers))


@pytest.mark.parametrize("by", KINDS.values(), ids=KINDS)
def test_a_grant_holds_as_cookies(edge: Edge, emulator: Emulator, by: Signer) -> None:
    given = cookies(grant(edge, by=by))
    assert ("CloudFront-Hash-Algorithm" in given) == (by.algorithm is not None)
    assert get(edge, f"{PRIVATE}/w640", cookies=given).content == BODY
    assert "Cookie" not in emulator.seen[0].headers


@pytest.mark.parametrize("folder", [PRIVATE, checked(PRIVATE)])
def test_a_records_signature_opens_its_version_with_and_without_the_check(edge: Edge, folder: str) -> None:
    """CloudFront may check the viewer's address, or the one that the function makes of it (chalicelib's access_to)."""
    query = SIGNER.wildcard(f"{edge.url}{PRIVATE}*", int(time.time() + 3600))
    assert get(edge, f"{folder}/w640?{query}").content == BODY
    assert get(edge, f"{folder}/w640").status_code == 403
    assert get(edge, f"{folder.replace(VERSION, VERSION[::-1])}/w640?{query}").status_code == 403
    assert get(edge, f"{PRIVATE}-{check(FOLDER)}/w640?{query}").status_code == 404


def test_a_canned_signature_covers_the_address_as_the_viewer_writes_it(edge: Edge) -> None:
    url = SIGNER.canned(f"{edge.url}{PRIVATE}/w640", int(time.time() + 3600))
    assert requests.get(url, headers={"Accept": CHROME}, timeout=10).status_code == 200
    assert requests.get(url.replace("/w640?", "/w640.avif?"), timeout=10).status_code == 403


def refused(edge: Edge) -> dict[str, str]:
    good = grant(edge)
    flipped = good.replace("Signature=", "Signature=A" if "Signature=B" in good else "Signature=B", 1)
    return {
        "unsigned": "",
        "expired": grant(edge, hours=-1),
        "altered": flipped,
        "another key": grant(edge, by=Signer(ec_key(2), "K2", "SHA256")),
        "an unknown key's id": grant(edge, by=replace(SIGNER, id="K3")),
        "another hash": good.replace("=SHA256", "=SHA1"),
        "a hash that nobody knows": good.replace("=SHA256", "=MD5"),
        "no hash": good.replace("&Hash-Algorithm=SHA256", ""),
        "another file's": grant(edge, PRIVATE.replace(FILE, FILE[:-1] + "W")),
        "another version's": grant(edge, PRIVATE.replace(VERSION, VERSION[::-1])),
        "the public address's": grant(edge, FOLDER),
        "no policy": "&".join(p for p in good.split("&") if not p.startswith("Policy=")),
        "junk": "Policy=%00&Signature=%FF&Key-Pair-Id=K1",
    }


def test_any_other_signature_is_refused_before_cache_and_origin(edge: Edge, emulator: Emulator) -> None:
    assert get(edge, f"{PRIVATE}/w640?{grant(edge)}").status_code == 200
    emulator.seen.clear()
    for why, query in refused(edge).items():
        assert get(edge, f"{PRIVATE}/w640?{query}").status_code == 403, why
        if query:
            assert get(edge, f"{PRIVATE}/w640", cookies=cookies(query)).status_code == 403, why
    assert not emulator.seen


def test_a_grant_opens_nothing_that_is_no_address(edge: Edge, emulator: Emulator) -> None:
    query = grant(edge)
    for name in ("w0", "w99999", "original", "w640.html", "..%2f..%2fx", "%252e%252e"):
        response = raw(edge, f"{PRIVATE}/{name}?{query}")
        assert response.status == 404, name
    assert raw(edge, f"{PRIVATE}/../x/w640?{query}").status == 404
    assert not emulator.seen
