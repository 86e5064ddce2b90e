"""Many viewers start a film at once that nobody has watched: each of its parts is made once, and all of them get it.

`make films` has 200 of them. The local edge has those wait who ask for what it is fetching, as CloudFront does in each
of its locations: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html#request-custom-traffic-spikes
So the function has one call for each part. The second test has many calls, as from many locations. Each is a process of
the emulator's, with its own start, and all share the computer's processors: so there are no more than LOCATIONS.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from ops.local.stage import LocalStage
from tests import films
from tests.e2e.stack import made_by, stored_path, upload
from tests.local import Api

STREAM = "stream"
VIEWERS = 200 if "FILMS" in os.environ else 30
RUNGS = ("source", "v180")
"""The rungs of which each viewer gets the playlist, the init segment and the first segment: repacked, and encoded."""

LOCATIONS = 12

PATIENCE = 240  # seconds


@dataclass
class Viewer:
    """The answers to one viewer: bytes by name, and each answer's status."""

    parts: dict[str, bytes] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)

    def get(self, session: requests.Session, url: str) -> bytes:
        """The bytes at an address. A player asks again where the answer is that it should."""
        until = time.monotonic() + PATIENCE
        while True:
            answer = session.get(url, timeout=PATIENCE)
            self.statuses[answer.status_code] += 1
            if answer.status_code != 503 or time.monotonic() > until:
                assert answer.status_code == 200, f"{url}: {answer.status_code} {answer.text[:200]}"
                self.parts[url.rpartition("/")[2]] = answer.content
                return answer.content
            assert int(answer.headers["Retry-After"]) > 0
            time.sleep(int(answer.headers["Retry-After"]))

    def watch(self, master: str) -> Viewer:
        with requests.Session() as session:
            named = self.get(session, master).decode()
            for rung in RUNGS:
                assert f"av/{rung}.m3u8" in named
                playlist = urljoin(master, f"av/{rung}.m3u8")
                listed = self.get(session, playlist).decode()
                assert f"{rung}-0.m4s" in listed
                for name in (f"{rung}-init.mp4", f"{rung}-0.m4s"):
                    self.get(session, urljoin(playlist, name))
        return self


def film(api: Api) -> tuple[str, str]:
    """(id, address of the master playlist) of a film of 20 seconds that was never watched."""
    body = films.film(size=(320, 180), times=range(500))
    record = upload(api, body, filename="sea.mp4", content_type="video/mp4", visibility="public")
    assert record["status"] == "ready", record
    return record["id"], next(str(each["url"]) for each in record["renditions"] if each["name"] == "hls")


def test_many_viewers_at_once_make_each_part_once_and_all_get_it(local_stage: LocalStage, api: Api) -> None:
    file_id, master = film(api)
    with ThreadPoolExecutor(VIEWERS) as threads:
        viewers = list(threads.map(lambda _: Viewer().watch(master), range(VIEWERS)))
    assert len(viewers) == VIEWERS
    for name, of_one in viewers[0].parts.items():
        assert all(viewer.parts[name] == of_one for viewer in viewers), name
    statuses = sum((viewer.statuses for viewer in viewers), Counter[int]())
    assert set(statuses) <= {200, 503}
    made = made_by(local_stage, STREAM, file_id)
    assert {f"av/{rung}-{part}" for rung in RUNGS for part in ("init.mp4", "0.m4s")} <= made.keys()
    assert set(made.values()) == {1}, made


def test_many_locations_at_once_make_a_segment_once_and_all_get_it(local_stage: LocalStage, api: Api) -> None:
    file_id, master = film(api)
    path = stored_path(urlsplit(urljoin(master, "av/v180-0.m4s")).path)
    request = {"rawPath": path, "requestContext": {"http": {"method": "GET", "path": path}}}
    functions = local_stage.client("lambda")

    def ask(_: int) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while True:
            name, payload = f"filemill-local-{STREAM}", json.dumps(request).encode()
            answer: dict[str, Any] = json.load(functions.invoke(FunctionName=name, Payload=payload)["Payload"])
            if answer["statusCode"] != 503 or time.monotonic() > until:
                return answer
            time.sleep(int(answer["headers"]["Retry-After"]))

    with ThreadPoolExecutor(LOCATIONS) as threads:
        answers = list(threads.map(ask, range(LOCATIONS)))
    assert [answer["statusCode"] for answer in answers] == [200] * LOCATIONS, answers
    [body] = {answer["body"] for answer in answers}
    assert b"moof" in base64.b64decode(body)
    made = made_by(local_stage, STREAM, file_id)
    assert made["av/v180-0.m4s"] == 1
    assert set(made.values()) == {1}, made
