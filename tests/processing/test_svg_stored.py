"""An SVG on its way through the pipeline, and what its addresses give."""

from __future__ import annotations

from tests import svgs
from tests.client import Client
from tests.making import deliver, upload
from tests.stage import aws_client


def ready(client: Client, data: bytes) -> str:
    file_id = upload(client, data, name="a.svg", content_type="image/svg+xml")
    deliver(file_id)
    return file_id


def test_an_svg_is_an_image_with_a_clean_copy(client: Client) -> None:
    record = client(
        "GET", f"/v1/files/{ready(client, svgs.svg(svgs.RED + '<script>x</script>'))}?include=delivery"
    ).json
    assert (record["status"], record["kind"], record["image"]["format"]) == ("ready", "image", "svg")
    assert record["delivery"]["picture"]
    [copy] = [r for r in record["renditions"] if r["format"] == "svg"]
    assert (copy["name"], copy["content_type"]) == ("clean", "image/svg+xml")
    path = copy["url"].removeprefix("https://d111.cloudfront.net/").partition("?")[0]
    assert path.endswith("/clean.svg")
    stored = aws_client("s3").get_object(Bucket="derived", Key=path)
    assert (b"script" not in stored["Body"].read(), stored["ContentType"]) == (True, "image/svg+xml")


def test_the_original_is_an_attachment_however_it_is_asked_for(client: Client) -> None:
    file_id = ready(client, svgs.svg(svgs.RED))
    for disposition in ("inline", "attachment"):
        query = {"disposition": disposition, "redirect": "false"}
        url = client("GET", f"/v1/files/{file_id}/original", query=query).json["url"]
        assert "response-content-disposition=attachment" in url


def test_an_svg_that_is_refused_is_ready_and_has_no_address(client: Client) -> None:
    record = client("GET", f"/v1/files/{ready(client, svgs.laughs())}?include=delivery").json
    assert (record["status"], record["kind"], record["image"], record["renditions"]) == ("ready", "image", None, [])
    assert [warning["code"] for warning in record["warnings"]] == ["not_cleaned"]
    assert record["delivery"] is None


def test_a_broken_svg_is_failed(client: Client) -> None:
    record = client("GET", f"/v1/files/{ready(client, svgs.svg('<g>'))}").json
    assert (record["status"], record["error"]["code"]) == ("failed", "corrupt")
