"""`python -m bench delivery`: the local edge. Writes bench/results/delivery.md.

How many requests a second it answers from memory, against nginx with the same file on disk (Debian's nginx-light and
wrk); and how often viewers of a made-up day reach the origin, with our cache key and with two simpler ones.
"""

from __future__ import annotations

import random
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from aiohttp import web
from cfnlint.decode import decode  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.delivery import access
from chalicelib.keyring import CdnKey
from ops.local.edge.distribution import Behavior, Distribution, Origin, path_pattern
from tests.edge import standin
from tests.edge.cases import FOLDER
from tests.local import free_ports

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "delivery.md"

SIZE = 40_000  # bytes; about a photo's 640 px in AVIF or WebP
ROUNDS, SECONDS, CONNECTIONS = 5, 3, 16

SIGNATURES = 200

REQUESTS, FILES = 10_000, 1_000
WIDTHS = {160: 4, 320: 6, 640: 5, 960: 3, 1280: 2, 1920: 1}  # and how often each is requested

# The Accept headers of programs, and how often each is used here. The headers are real, the shares are invented.
ACCEPT = {
    "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8": 55,  # Chrome, Edge
    "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,"
    "video/*;q=0.8,*/*;q=0.5": 18,  # Safari
    "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5": 6,  # Firefox
    "image/avif,image/webp,*/*": 2,  # Firefox until 2024
    "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5": 5,  # Safari until 2022
    "image/webp,*/*": 2,
    "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5": 2,  # Safari until 2020
    "*/*": 5,  # apps, curl
    "image/*": 2,
    "": 1,
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8": 2,
}


@dataclass(frozen=True)
class Request:
    path: str
    accept: str
    query: str


def trace(count: int = REQUESTS, files: int = FILES, seed: int = 6) -> list[Request]:
    """Viewers' requests, the same in every run.

    Files follow Zipf's law: the nth is requested 1/n as often as the first. One request in seven has a query without
    a meaning, and a third of these queries are unique.
    """
    chance = random.Random(seed)
    weights = list(accumulate(1 / rank for rank in range(1, files + 1)))
    requests = []
    for file in chance.choices(range(files), cum_weights=weights, k=count):
        (width,) = chance.choices(list(WIDTHS), list(WIDTHS.values()))
        (accept,) = chance.choices(list(ACCEPT), list(ACCEPT.values()))
        query = ""
        if chance.random() < 1 / 7:
            own = chance.random() < 1 / 3
            query = f"?fbclid={chance.getrandbits(64):x}" if own else f"?utm_source={chance.randrange(12)}"
        path = f"/f/public/file_01ARZ3NDEKTSV4RRFFQ69G{file:04d}/0123456789abcdef/w{width}"
        requests.append(Request(path, accept, query))
    return requests


def distribution(*, key: dict[str, Any] | None = None, function: bool = True) -> Distribution:
    """The template's behaviour for public files, if wanted with another cache key or without the function."""
    template, _ = decode(str(ROOT / ".chalice" / "resources.yaml"))
    policy = template["Resources"]["FileCaching"]["Properties"]["CachePolicyConfig"]
    parameters = dict(policy["ParametersInCacheKeyAndForwardedToOrigin"]) | (key or {})
    code = (ROOT / "edge" / "negotiate.js").read_text()
    reads = frozenset(("GET", "HEAD"))
    files = Behavior(
        pattern=path_pattern("*"),
        origin_id="derived",
        methods=reads,
        cached_methods=reads,
        cache_policy={**policy, "ParametersInCacheKeyAndForwardedToOrigin": parameters},
        origin_request_policy=None,
        response_headers_policy=None,
        keys=None,
        functions=dict.fromkeys(("viewer-request", "viewer-response"), code) if function else {},
    )
    derived = Origin("derived", "b.s3.us-east-1.amazonaws.com", "", True, (), 30)
    return Distribution("E1", "arn:aws:cloudfront::0:distribution/E1", "d", "", {"derived": derived}, (files,))


BY_ACCEPT = {"HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": {"Items": ["Accept"]}}}
BY_QUERY = {"QueryStringsConfig": {"QueryStringBehavior": "all"}}
DESIGNS = {
    "ours: the function chooses the format, the key is the path": {},
    "the key is path and `Accept`, the origin chooses": {"key": BY_ACCEPT, "function": False},
    "the key is path, `Accept` and query, the origin chooses": {"key": BY_ACCEPT | BY_QUERY, "function": False},
}


def origin_requests(requests_: list[Request], config: Distribution) -> int:
    """How many of these requests reach the origin through a real edge whose cache is empty at first."""
    with standin.emulator() as origin, standin.edge_of(config, origin) as edge, requests.Session() as session:
        origin.handler = lambda request: web.Response(body=b"x" * 100, headers={"Cache-Control": "max-age=31536000"})
        for each in requests_:
            answer = session.get(edge.url + each.path + each.query, headers={"Accept": each.accept}, timeout=10)
            answer.raise_for_status()
        return len(origin.seen)


def efficiency() -> str:
    viewers = trace()
    lines = [
        f"{REQUESTS:,} requests of made-up viewers: {FILES:,} files by Zipf's law, {len(WIDTHS)} widths, {len(ACCEPT)} "
        "`Accept` headers of browsers and programs, one request in seven with a query that means nothing. The cache "
        "holds everything, so each row counts how many answers the key keeps apart.",
        "",
        "| cache key | origin requests per 1,000 viewer requests |",
        "|---|---:|",
    ]
    for name, options in DESIGNS.items():
        count = origin_requests(viewers, distribution(**options))  # type: ignore[arg-type]
        lines.append(f"| {name} | {1000 * count / len(viewers):.0f} |")
        print(lines[-1])
    return "\n".join(lines)


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Address of an nginx that serves a folder: one worker, sendfile, and no access log, like the edge."""
    (port,) = free_ports(1)
    conf = folder / "nginx.conf"
    temporary = "".join(
        f"{kind}_temp_path {folder}/t;\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;\n{temporary}"
        f"types {{ image/avif avif; }}\nserver {{ listen 127.0.0.1:{port}; root {folder}/www;\n"
        'add_header Cache-Control "public, max-age=31536000, immutable"; } }\n'
    )
    folder.chmod(0o755)  # its worker is another user
    with subprocess.Popen(["nginx", "-c", conf, "-e", folder / "error.log"]) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(100):
                try:
                    requests.get(address, timeout=1)
                    break
                except requests.ConnectionError:
                    time.sleep(0.05)
            yield address
        finally:
            process.terminate()


def rate(address: str) -> float:
    """Requests per second by wrk. All of them must be answered 200."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-H", f"Accept: {next(iter(ACCEPT))}", address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", said)
    if not found or "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"wrk failed: {said}")
    return float(found[1])


def speed() -> str:
    if missing := [tool for tool in ("nginx", "wrk") if not shutil.which(tool)]:
        return (
            f"Not measured: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing "
            "(`apt-get install nginx-light wrk`)."
        )
    body = random.Random(1).randbytes(SIZE)
    with TemporaryDirectory() as name, standin.emulator() as origin:
        folder = Path(name)
        served = folder / "www" / f"{FOLDER[1:]}/w640.avif"
        served.parent.mkdir(parents=True)
        served.write_bytes(body)
        origin.handler = lambda request: web.Response(body=body, content_type="image/avif")
        whole = distribution()
        plain = replace(whole, behaviors=(replace(whole.behaviors[0], functions={}),))
        with (
            nginx(folder) as reference,
            standin.edge_of(whole, origin) as edge,
            standin.edge_of(plain, origin) as bare,
        ):
            of = {
                "nginx, from disk": f"{reference}{FOLDER}/w640.avif",
                "edge, no function": f"http://127.0.0.1:{bare.port}{FOLDER}/w640.avif",
                "edge, address with a format": f"http://127.0.0.1:{edge.port}{FOLDER}/w640.avif",
                "edge, address without": f"http://127.0.0.1:{edge.port}{FOLDER}/w640",
            }
            for address in of.values():
                answer = requests.get(address, headers={"Accept": "image/avif"}, timeout=10)
                if answer.content != body:
                    raise SystemExit(f"{address} answers {answer.status_code}")
            rounds = [{name: rate(address) for name, address in of.items()} for _ in range(ROUNDS)]
    lines = [
        f"A rendition of {SIZE // 1000} kB, {CONNECTIONS} connections kept alive, one nginx worker, the edge's one "
        f"process and its Node; {ROUNDS} rounds of {SECONDS} s in turns, the median of the rounds' ratios.",
        "",
        "| | requests a second | of nginx |",
        "|---|---:|---:|",
    ]
    for name in of:
        ratio = statistics.median(each[name] / each["nginx, from disk"] for each in rounds)
        lines.append(f"| {name} | {statistics.median(each[name] for each in rounds):,.0f} | {ratio:.3f} |")
    print("\n".join(lines))
    return "\n".join(lines)


def _cpu(work: Callable[[int], object]) -> float:
    """Median CPU time of one call in milliseconds. Each call has another number, so that nothing is remembered."""
    took = []
    for number in range(SIGNATURES):
        begun = time.thread_time_ns()
        work(number)
        took.append(time.thread_time_ns() - begun)
    return statistics.median(took) / 1e6


def signatures() -> dict[str, float]:
    """CPU time of one signature in milliseconds, with all that is around it, by the kind of the key and the policy."""
    pem = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    ecdsa = CdnKey("K1", ec.generate_private_key(ec.SECP256R1()).private_bytes(*pem))
    former = CdnKey("K2", rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(*pem))
    found = {}
    for name, key in (("RSA", former), ("ECDSA", ecdsa)):
        for policy in ("custom", "canned"):

            def sign(number: int, key: CdnKey = key, policy: str = policy) -> str:
                resource = f"https://d111111abcdef8.cloudfront.net/f/private/{policy}/{number}"
                return access.sign_with(key, resource, 2**31, canned=policy == "canned")

            sign(-1)  # reads the key
            found[f"{name}, {policy}"] = _cpu(sign)
    return found


def signing() -> str:
    """The cost of signatures. The goal is 0.1 ms of CPU, and a fifth of what RSA costs."""
    took = signatures()
    rows = [f"| {name} | {ms:.3f} | {ms / took['RSA, custom']:.2f} |" for name, ms in took.items()]
    said = "\n".join(
        [
            f"One signature with all that is around it: CPU time, median of {SIGNATURES}, in one run. The goal is "
            "0.1 ms.",
            "",
            "| key and policy | ms | of RSA |",
            "|---|---:|---:|",
            *rows,
            "",
            "A grant and the `delivery` of a record are one custom policy each, and the `url` of each rendition is a "
            "canned one. Within its window each is remembered.",
        ]
    )
    print(said)
    return said


def run() -> None:
    found = efficiency()
    print()
    signed = signing()
    print()
    quick = speed()
    RESULT.write_text(
        "# Delivery, measured on the local edge\n\n`python -m bench delivery` wrote this. Nothing here was measured at "
        "CloudFront: the first table counts what the cache key alone decides, the second how fast `make run` is.\n\n"
        f"## Origin requests\n\n{found}\n\n## Signing\n\n{signed}\n\n## Requests a second\n\n{quick}\n"
    )
