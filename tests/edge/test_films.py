"""A film through the local edge, with the stack's own headers: what types it has, and who may play it.

A private film is opened by one grant: by its cookies, which a browser sends from pages of the same site, or by its
query on each address, from any page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
import yaml
from aiohttp import web
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chalicelib.delivery import access
from chalicelib.model import Rendition, Visibility, rendition_key
from ops.local.edge import Edge
from ops.local.edge.distribution import Behavior, Distribution, Origin, path_pattern
from tests import playlists
from tests.edge import standin
from tests.edge.cases import CODE, DIGEST
from tests.edge.standin import Emulator
from tests.making import ready_file
from tests.stage import ROOT, STAGE, Calls

APP = "https://app.example.com"

# What a player asks for, below the film's base address, and the type that each was stored with.
FILM = {
    f"hls-{DIGEST}.m3u8": "application/vnd.apple.mpegurl",
    "av/v48.m3u8": "application/vnd.apple.mpegurl",
    f"av/captions-{DIGEST}.m3u8": "application/vnd.apple.mpegurl",
    f"av/captions-{DIGEST}.vtt": "text/vtt",
    "av/v48-init.mp4": "video/mp4",
    "av/v48-0.m4s": "video/iso.segment",
    "av/48.mp4": "video/mp4",
    "av/sound.m4a": "audio/mp4",
    "av/sprites.vtt": "text/vtt",
}


class _Template(yaml.SafeLoader):
    """Reads the template with AnyOrigin and CorsOrigins resolved, as tests below set them."""


def headers_policy(origins: list[str]) -> dict[str, Any]:
    """The policy FileHeaders of the stack, for these CorsOrigins."""

    def resolved(loader: Any, suffix: str, node: Any) -> Any:
        if suffix == "If":
            name, yes, no = loader.construct_sequence(node, deep=True)
            assert name == "AnyOrigin"
            return yes if origins == ["*"] else no
        return origins if (suffix, node.value) == ("Ref", "CorsOrigins") else suffix

    text = (ROOT / ".chalice/resources.yaml").read_text()
    begin = text.index("  FileHeaders:\n")
    end = text.index("\n  AppHeaders:\n", begin)
    _Template.add_multi_constructor("!", resolved)
    config: dict[str, Any] = yaml.load(text[begin:end], Loader=_Template)["FileHeaders"]["Properties"]
    return dict(config["ResponseHeadersPolicyConfig"])


def distribution(cdn_key: bytes, origins: list[str]) -> Distribution:
    key: Any = load_pem_private_key(cdn_key, None)
    reads = frozenset(("GET", "HEAD", "OPTIONS"))
    caching = {"MinTTL": 1, "DefaultTTL": 86400, "MaxTTL": 31536000}
    functions = dict.fromkeys(("viewer-request", "viewer-response"), CODE)
    any_file = Behavior(
        path_pattern("/f/public/*"), "derived", reads, reads, caching, None, headers_policy(origins), None, functions
    )
    signed = {STAGE["FILEMILL_CDN_KEY_ID"]: key.public_key()}
    return Distribution(
        id="E1",
        arn="arn:aws:cloudfront::000000000000:distribution/E1",
        domain="d.cloudfront.net",
        root_object="",
        origins={"derived": Origin("derived", "b.s3.us-east-1.amazonaws.com", "", True, (), 30)},
        behaviors=(
            any_file,
            replace(any_file, pattern=path_pattern("/f/private/*"), keys=signed),
            replace(any_file, pattern=path_pattern("*"), functions={}),
        ),
        error_ttls={403: 0, 404: 0},
    )


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """S3 with the objects of a film, public and private, and nothing else."""
    stored = {
        f"/f/{visibility}/{file.id}/{file.source_version}/{name}": content_type
        for visibility in Visibility
        for file in [ready_file(visibility)]
        for name, content_type in FILM.items()
    }

    def answer(request: web.BaseRequest) -> web.Response:
        content_type = stored.get(request.headers["X-Edge-Uri"])
        if content_type is None:
            return web.Response(status=404)
        return web.Response(body=b"#EXTM3U", headers={"Content-Type": content_type, "ETag": '"e1"'})

    with standin.emulator() as fake:
        fake.handler = answer
        yield fake


@pytest.fixture(params=["*", APP])
def origins(request: pytest.FixtureRequest) -> list[str]:
    return [request.param]


@pytest.fixture
def edge(emulator: Emulator, cdn_key: bytes, origins: list[str]) -> Iterator[Edge]:
    with standin.edge_of(distribution(cdn_key, origins), emulator) as served:
        yield served


def base(edge: Edge, visibility: Visibility) -> str:
    file = ready_file(visibility)
    return f"{edge.url}/f/{visibility}/{file.id}/{file.source_version}/"


def granted(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> access.Grant:
    """A grant as the API gives it on a stage whose front door is this edge."""
    from chalicelib import settings

    monkeypatch.setenv("FILEMILL_FRONT_DOOR", edge.url)
    settings.settings.cache_clear()
    return access.grant(ready_file(Visibility.PRIVATE), 600)


@pytest.mark.parametrize("name", FILM)
def test_each_part_of_a_film_has_its_type_and_is_readable_from_the_pages_that_may(
    edge: Edge, origins: list[str], name: str
) -> None:
    answer = requests.get(base(edge, Visibility.PUBLIC) + name, headers={"Origin": APP}, timeout=20)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, FILM[name])
    assert "Content-Disposition" not in answer.headers, "players get it, nobody saves it"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == ("*" if origins == ["*"] else APP)
    # A page that sends cookies needs its own name in the answer, and this.
    assert answer.headers.get("Access-Control-Allow-Credentials") == (None if origins == ["*"] else "true")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    # A tab that shows captions or a playlist runs nothing.
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_other_pages_can_read_nothing_where_pages_are_named(edge: Edge, origins: list[str]) -> None:
    url = base(edge, Visibility.PUBLIC) + "av/v48-0.m4s"
    answer = requests.get(url, headers={"Origin": "https://evil.example"}, timeout=20)
    assert answer.headers.get("Access-Control-Allow-Origin") == ("*" if origins == ["*"] else None)


@pytest.mark.parametrize("name", FILM)
def test_one_grant_opens_every_part_of_a_private_film_and_nothing_opens_it_without(
    edge: Edge, stage: Calls, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    url = base(edge, Visibility.PRIVATE) + name
    grant = granted(edge, monkeypatch)
    cookies = dict(each.partition(";")[0].split("=", 1) for each in grant.cookies)
    page = {"Origin": APP}
    assert requests.get(url, headers=page, timeout=20).status_code == 403
    assert requests.get(url, headers=page, cookies=cookies, timeout=20).status_code == 200, "of the same site"
    assert requests.get(f"{url}?{grant.query}", headers=page, timeout=20).status_code == 200, "of any other"
    assert requests.get(url, headers=page, timeout=20).status_code == 403, "the cache asks again"
    wrong = {**cookies, "CloudFront-Signature": cookies["CloudFront-Signature"][::-1]}
    assert requests.get(url, headers=page, cookies=wrong, timeout=20).status_code == 403
    other = ready_file(Visibility.PRIVATE).id
    elsewhere = url.replace(other, other[:-1] + "B")
    assert requests.get(f"{elsewhere}?{grant.query}", headers=page, timeout=20).status_code == 403


def test_a_grants_cookies_go_with_requests_of_the_same_site_below_the_film_only(
    edge: Edge, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = ready_file(Visibility.PRIVATE)
    for cookie in granted(edge, monkeypatch).cookies:
        said = [each.strip() for each in cookie.split(";")[1:]]
        assert {f"Path=/f/private/{file.id}/", "SameSite=Lax", "HttpOnly"} <= {*said}


def test_a_signature_is_no_part_of_what_s3_is_asked_nor_of_the_cache(
    edge: Edge, emulator: Emulator, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = base(edge, Visibility.PRIVATE) + "av/v48-0.m4s"
    grants = [granted(edge, monkeypatch), access.grant(ready_file(Visibility.PRIVATE), 900)]
    for grant in grants:
        assert requests.get(f"{url}?{grant.query}", timeout=20).status_code == 200
    assert [request.query_string for request in emulator.seen] == [""], "two viewers, one request"


def test_the_names_here_are_those_of_the_record() -> None:
    file = ready_file(Visibility.PRIVATE)
    rendition = Rendition(name="hls", format="hls", content_type=playlists.HLS_TYPE, size=1, tag=DIGEST)
    key = rendition_key(file.visibility, file.id, str(file.source_version), rendition)
    assert key.rpartition("/")[2] in FILM
