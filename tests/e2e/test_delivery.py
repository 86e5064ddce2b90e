"""What two hundred first viewers cost, and a rotation of the signing key, on the deployed stack."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import requests
from PIL import Image
from werkzeug.http import parse_options_header

from ops.local.edge.server import KEYS_LIFE
from ops.local.project import STAGE
from tests import images
from tests.e2e.stack import renders, shown, stored_path, upload
from tests.edge.cases import CHROME

if TYPE_CHECKING:
    from ops.local.stage import LocalStage
    from tests.local import Api

VIEWERS = 200


def test_two_hundred_first_viewers_by_both_addresses_make_one_render(local_stage: LocalStage, api: Api) -> None:
    photo = upload(api, images.jpeg(1400, 1050), content_type="image/jpeg", visibility="public")
    path = urlsplit(photo["renditions"][0]["url"]).path.rpartition("/")[0] + "/w960"
    s3, bucket = local_stage.client("s3"), local_stage.variables()["FILEMILL_DERIVED_BUCKET"]
    key = f"{stored_path(path)[1:]}.avif"
    assert not s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents")
    start = threading.Barrier(VIEWERS)

    def view(number: int) -> requests.Response:
        address = f"{local_stage.front_door}{path}{'.avif' if number % 2 else ''}"
        start.wait()
        return requests.get(address, headers={"Accept": CHROME}, timeout=120)

    with ThreadPoolExecutor(VIEWERS) as viewers:
        answers = list(viewers.map(view, range(VIEWERS)))
    assert {(a.status_code, a.headers["Content-Type"]) for a in answers} == {(200, "image/avif")}
    assert sum(a.headers["X-Cache"] == "Miss from cloudfront" for a in answers) == 1
    stored = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert {a.content for a in answers} == {stored}
    with Image.open(BytesIO(stored)) as image:
        assert (image.format, image.size) == ("AVIF", (960, 720))
    # The function says so once it has ended, which may be after the answer.
    deadline = time.monotonic() + 10
    while not renders(local_stage, photo["id"], "w960.avif") and time.monotonic() < deadline:
        time.sleep(0.2)
    # With the object and the record gone no origin could answer any more.
    s3.delete_object(Bucket=bucket, Key=key)
    for address in (path, f"{path}.avif"):
        again = requests.get(local_stage.front_door + address, headers={"Accept": CHROME}, timeout=30)
        assert (again.status_code, again.headers["X-Cache"]) == (200, "Hit from cloudfront")
        assert again.content == stored
    assert not s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents")
    assert renders(local_stage, photo["id"], "w960.avif") == 1


def rotate_keys(stage: LocalStage, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ops", "rotate-keys", "--stage", STAGE, "--project-dir", str(stage.project_dir)]
    return subprocess.run(
        [*command, *options], cwd=stage.root, env=stage.environment, capture_output=True, text=True, check=False
    )


def signed_by_a_new_process(stage: LocalStage, path: str) -> str:
    """An address with the query that a function would give it that has started just now."""
    address = f"{stage.front_door}{path}"
    code = "import sys, time; from chalicelib.delivery.access import sign\n"
    code += "print(sign(sys.argv[1], int(time.time()) + 600))"
    done = subprocess.run(
        [sys.executable, "-c", code, address],
        cwd=stage.root,
        env={**stage.environment, **stage.variables(), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return f"{address}?{done.stdout.strip()}"


def test_after_a_rotation_old_and_new_signatures_open(local_stage: LocalStage, api: Api) -> None:
    photo = upload(api, images.jpeg(640, 480), content_type="image/jpeg", visibility="private")
    before = photo["renditions"][0]["url"]
    old = parse_qs(urlsplit(before).query)["Key-Pair-Id"][0]
    assert requests.get(before, timeout=60).status_code == 200

    done = rotate_keys(local_stage)
    assert done.returncode == 0, done.stderr
    time.sleep(KEYS_LIFE)  # the local edge looks for new keys that often
    after = signed_by_a_new_process(local_stage, urlsplit(before).path)
    new = parse_qs(urlsplit(after).query)["Key-Pair-Id"][0]
    assert new != old
    for address in (before, after):
        assert requests.get(address, timeout=60).status_code == 200
    assert requests.get(after.replace(new, old), timeout=60).status_code == 403

    refused = rotate_keys(local_stage, "--retire")
    assert refused.returncode == 1
    assert f"Signatures of {old} may be valid until" in refused.stderr
    told = rotate_keys(local_stage, "--status")
    assert [re.split("[: ]", line)[0] for line in told.stdout.splitlines()] == [new, old]
    assert requests.get(before, timeout=60).status_code == 200


def test_an_original_comes_under_its_name_whole_and_in_parts(api: Api) -> None:
    body = images.jpeg(640, 480)
    record = upload(api, body, content_type="image/jpeg", filename="Menü 猫.jpg")
    answer = api("GET", f"/v1/files/{record['id']}/original", allow_redirects=False)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")
    address = answer.headers["Location"]
    whole = requests.get(address, timeout=30)
    assert (whole.status_code, whole.content, whole.headers["Content-Type"]) == (200, body, "image/jpeg")
    kind, options = parse_options_header(whole.headers["Content-Disposition"])
    assert (kind, options["filename"]) == ("inline", "Menü 猫.jpg")
    part = requests.get(address, headers={"Range": "bytes=10-19"}, timeout=30)
    assert (part.status_code, part.content) == (206, body[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(body)}"
    # A client that follows leaves its credential behind: S3 would refuse a request that is signed twice.
    followed = api("GET", f"/v1/files/{record['id']}/original?disposition=attachment")
    assert (followed.status_code, followed.content) == (200, body)
    assert followed.headers["Content-Disposition"].startswith("attachment;")
    told = api("GET", f"/v1/files/{record['id']}/original?redirect=false").json()
    assert requests.get(told["url"], timeout=30).content == body


def test_a_grant_opens_one_file_whatever_becomes_of_it(api: Api) -> None:
    ids = [upload(api, images.jpeg(640, 480), content_type="image/jpeg")["id"] for _ in range(2)]
    one, two = (shown(api, file_id) for file_id in ids)
    grant = api("POST", f"/v1/files/{one['id']}/grant", json={"expires_in": 60}).json()
    base, other = one["delivery"]["base_url"], two["delivery"]["base_url"]
    assert grant["base_url"] == base
    cookies = dict(cookie.partition(";")[0].split("=", 1) for cookie in grant["cookies"])
    for name in ("w640.webp", "w320.jpg", "w640"):
        assert requests.get(f"{base}{name}?{grant['query']}", timeout=60).status_code == 200
        assert requests.get(f"{base}{name}", cookies=cookies, timeout=60).status_code == 200
        assert requests.get(f"{base}{name}", timeout=60).status_code == 403
        assert requests.get(f"{other}{name}?{grant['query']}", timeout=60).status_code == 403
        assert requests.get(f"{other}{name}", cookies=cookies, timeout=60).status_code == 403
    done = api("POST", f"/v1/files/{one['id']}/reprocess", json={"force": True, "recipe": "avatar"})
    assert done.status_code == 202
    deadline = time.monotonic() + 60
    while (again := api("GET", f"/v1/files/{one['id']}?wait=20&include=delivery").json())["status"] != "ready":
        assert time.monotonic() < deadline
    assert again["delivery"]["base_url"] != base
    assert requests.get(f"{again['delivery']['base_url']}w256.webp?{grant['query']}", timeout=60).status_code == 200
