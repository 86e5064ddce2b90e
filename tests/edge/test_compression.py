"""The local edge compresses where CloudFront does, and only there."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from aiohttp import web

from ops.local.edge import Edge
from ops.local.edge.compression import LEAST, MOST, compressed
from ops.local.edge.distribution import Behavior, Distribution, Origin, path_pattern
from tests.edge import standin
from tests.edge.standin import Emulator

TEXT = b"export const a = 1\n" * 200
JS = {"content-type": "text/javascript; charset=utf-8", "etag": '"e1"'}

POLICY = {
    "MinTTL": 1,
    "DefaultTTL": 86400,
    "MaxTTL": 31536000,
    "ParametersInCacheKeyAndForwardedToOrigin": {"EnableAcceptEncodingGzip": True, "EnableAcceptEncodingBrotli": True},
}
READS = frozenset(("GET", "HEAD"))
HERE = Behavior(path_pattern("/console*"), "derived", READS, READS, POLICY, None, None, None, compress=True)
DISTRIBUTION = Distribution(
    id="E1",
    arn="arn:aws:cloudfront::000000000000:distribution/E1",
    domain="d.cloudfront.net",
    root_object="",
    origins={"derived": Origin("derived", "b.s3.us-east-1.amazonaws.com", "", True, (), 30)},
    behaviors=(HERE, replace(HERE, pattern=path_pattern("*"), compress=False)),
)


def test_a_text_is_compressed_and_says_so() -> None:
    headers, body = compressed(200, JS, TEXT, "br,gzip")
    assert gzip.decompress(body) == TEXT
    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "Accept-Encoding"
    assert headers["etag"] == 'W/"e1"', "the bytes are others, so it is no strong one any more"
    assert compressed(200, {**JS, "vary": "Origin"}, TEXT, "gzip")[0]["vary"] == "Origin, Accept-Encoding"


@pytest.mark.parametrize(
    ("status", "headers", "body", "offered"),
    [
        (200, JS, TEXT, ""),
        (200, JS, TEXT, "br"),
        (500, JS, TEXT, "gzip"),
        (200, {"content-type": "image/webp"}, TEXT, "gzip"),
        (200, {}, TEXT, "gzip"),
        (200, {**JS, "content-encoding": "br"}, TEXT, "gzip"),
        (200, JS, b"x" * (LEAST - 1), "gzip"),
        (200, JS, b"x" * (MOST + 1), "gzip"),
    ],
)
def test_all_else_is_left_as_it_is(status: int, headers: dict[str, str], body: bytes, offered: str) -> None:
    assert compressed(status, headers, body, offered) == (headers, body)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with standin.emulator() as fake:
        fake.handler = lambda request: web.Response(body=TEXT, headers=JS)
        yield fake


@pytest.fixture
def edge(emulator: Emulator) -> Iterator[Edge]:
    with standin.edge_of(DISTRIBUTION, emulator) as served:
        yield served


def test_a_behaviour_says_if_it_compresses_and_each_encoding_is_kept_apart(edge: Edge, emulator: Emulator) -> None:
    def get(path: str, encoding: str) -> Any:
        return requests.get(edge.url + path, headers={"Accept-Encoding": encoding}, timeout=20)

    for _ in range(2):
        assert get("/console/a.js", "gzip").headers["Content-Encoding"] == "gzip"
        assert get("/console/a.js", "gzip").content == TEXT
        assert "Content-Encoding" not in get("/console/a.js", "identity").headers
        assert get("/console/a.js", "identity").content == TEXT
    assert len(emulator.seen) == 2, "one for each encoding"
    assert "Content-Encoding" not in get("/other.js", "gzip").headers
    etag = get("/console/a.js", "gzip").headers["ETag"]
    again = requests.get(
        edge.url + "/console/a.js", headers={"Accept-Encoding": "gzip", "If-None-Match": etag}, timeout=20
    )
    assert again.status_code == 304
