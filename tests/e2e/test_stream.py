"""Films on the deployed local stack, played through the front door by the addresses in their playlists."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import urljoin, urlsplit

import av
import pytest
import requests

from chalicelib.model import Rendition
from chalicelib.processing.kinds import Order, Source
from chalicelib.processing.media import hls
from chalicelib.renditions.recipes import RECIPES
from ops.local.stage import LocalStage
from tests import films
from tests.e2e.stack import invocations, upload
from tests.local import Api

FRAMES = 200
BODY = films.film(size=(320, 180), times=range(FRAMES))
STREAM, OTHERS = "filemill-local-stream", ("filemill-local", "filemill-local-render")


def film(stage: LocalStage, api: Api, visibility: str) -> str:
    """The address of the master playlist of a film that was never watched."""
    record = upload(api, BODY, filename="sea.mp4", content_type="video/mp4", visibility=visibility)
    assert record["status"] == "ready", record
    if not any(each["name"] == "hls" for each in record["renditions"]):
        write_stream(stage, record["id"])
        record = api("GET", f"/v1/files/{record['id']}").json()
    return str(next(each["url"] for each in record["renditions"] if each["name"] == "hls"))


def write_stream(stage: LocalStage, file_id: str) -> None:
    """Writes the plan and the playlists, as long as processing does not."""
    here, key = stage.variables(), {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}
    dynamodb, s3 = stage.client("dynamodb"), stage.client("s3")
    item = dynamodb.get_item(TableName=here["FILEMILL_TABLE"], Key=key)["Item"]
    prefix = f"f/{item['visibility']['S']}/{file_id}/{item['source_version']['S']}"
    listed: list[dict[str, Any]] = []

    def emit(rendition: Rendition, body: bytes) -> None:
        key, bucket = f"{prefix}/{rendition.basename}", here["FILEMILL_DERIVED_BUCKET"]
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=rendition.content_type)
        if not rendition.name.startswith("av/"):
            listed.append(rendition.model_dump(mode="json"))

    source = Source("video/mp4", len(BODY), io.BytesIO(BODY), "sea.mp4")
    assert hls.write(source, {"video": {"width": 320}}, Order(RECIPES["photo"], 2**30), emit) == ()
    fields = [
        {
            "M": {
                name: {"N" if isinstance(value, int | float) else "S": str(value)}
                for name, value in each.items()
                if value
            }
        }
        for each in listed
    ]
    dynamodb.update_item(
        TableName=here["FILEMILL_TABLE"],
        Key=key,
        UpdateExpression="SET other_renditions = :all",
        ExpressionAttributeValues={":all": {"L": fields}},
    )


def get(url: str, query: str = "", **headers: str) -> requests.Response:
    return requests.get(f"{url}?{query}" if query else url, headers=headers, timeout=120)


def lines(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    return [line for line in answer.text.splitlines() if line]


def rungs(master: str, query: str) -> dict[str, str]:
    """The addresses of the playlists that the master names, by the rungs' names."""
    addresses = [line for line in lines(get(master, query)) if not line.startswith("#")]
    return {each.rpartition("/")[2].removesuffix(".m3u8"): urljoin(master, each) for each in addresses}


def parts(playlist: str, query: str) -> list[str]:
    """The addresses of the init segment and the segments."""
    found = lines(get(playlist, query))
    (first,) = [line.partition('URI="')[2].partition('"')[0] for line in found if line.startswith("#EXT-X-MAP")]
    return [urljoin(playlist, each) for each in (first, *(line for line in found if not line.startswith("#")))]


def frames(joined: bytes) -> int:
    """How many frames the parts of a rung have, one behind the other."""
    with av.open(io.BytesIO(joined), "r") as container:
        return sum(1 for _ in container.decode())


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_a_film_that_nobody_has_watched_plays_to_the_end(local_stage: LocalStage, api: Api, visibility: str) -> None:
    master, _, query = film(local_stage, api, visibility).partition("?")
    assert bool(query) == (visibility == "private"), "one signature opens all of it"
    before = invocations(local_stage, STREAM), [invocations(local_stage, other) for other in OTHERS]
    found = rungs(master, query)
    assert "source" in found
    for rung, playlist in found.items():
        answers = [get(each, query, Origin="https://player.example") for each in parts(playlist, query)]
        sort = "audio" if rung.startswith("a") else "video"
        assert {(each.status_code, each.headers["Content-Type"]) for each in answers} == {(200, f"{sort}/mp4")}, rung
        for answer in answers:
            assert answer.headers["Access-Control-Allow-Origin"] in ("*", "https://player.example")
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        decoded = frames(b"".join(each.content for each in answers))
        assert decoded == FRAMES if sort == "video" else decoded > 0, rung
    assert invocations(local_stage, STREAM) > before[0]
    assert [invocations(local_stage, other) for other in OTHERS] == before[1]
    if query:
        assert get(next(iter(found.values()))).status_code == 403


def test_a_page_of_another_origin_may_read_parts_and_ranges(local_stage: LocalStage, api: Api) -> None:
    master = film(local_stage, api, "public")
    segment = parts(rungs(master, "")["source"], "")[1]
    asked = {
        "Origin": "https://player.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "range",
    }
    preflight = requests.options(segment, headers=asked, timeout=60)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] in ("*", "https://player.example")
    whole = get(segment)
    part = get(segment, Range="bytes=0-9")
    assert (part.status_code, part.content) == (206, whole.content[:10])


def test_what_the_film_does_not_have_is_404_by_stream_and_kept_for_a_minute(local_stage: LocalStage, api: Api) -> None:
    master = film(local_stage, api, "public")
    before = invocations(local_stage, STREAM)
    for name in ("source-999.m4s", "v2160.m3u8"):
        for _ in range(3):
            answer = get(urljoin(master, f"av/{name}"))
            assert (answer.status_code, json.loads(answer.text)["code"]) == (404, "not_found")
            assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert invocations(local_stage, STREAM) == before + 2
    for name in ("plan.json", "v720-01.m4s", "../hls.m3u8x"):
        assert get(urljoin(master, f"av/{name}")).headers["X-Cache"] == "FunctionGeneratedResponse from cloudfront"
    assert invocations(local_stage, STREAM) == before + 2


def test_the_functions_url_answers_nobody_but_the_distribution(local_stage: LocalStage) -> None:
    config = local_stage.client("lambda").get_function_url_config(FunctionName=STREAM)
    assert config["AuthType"] == "AWS_IAM"
    host = urlsplit(config["FunctionUrl"]).netloc
    direct = requests.get(f"{local_stage.endpoint_url}/_aws/lambda-url/{host.partition('.')[0]}/f/public/x", timeout=60)
    assert direct.status_code == 403
