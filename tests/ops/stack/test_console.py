"""The console is put into the derived bucket: whole or not at all, only what has changed, with the right headers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.errors import OpsError
from ops.stack import console
from tests.stage import ROOT

BUCKET = "filemill-prod-derived-123456789012-eu-west-1"
PAGE = (
    '<link rel="stylesheet" href="./style.css"><script type="module" src="main.js"></script>'
    '<a href="/docs">API</a><a href="#/">Home</a><img src="data:,x"><a href="https://example.com/a.js">out</a>'
)
CONFIG = {"stage": "prod", "version": "1", "url": "https://d1.cloudfront.net", "sign_in": []}


class Bucket:
    """S3, and the calls that were made. A call after the first `limit` that change something fails."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.calls: list[tuple[str, str]] = []
        self.limit: int | None = None
        for name in ("PutObject", "DeleteObjects"):
            client.meta.events.register(f"before-parameter-build.s3.{name}", self.note)

    def note(self, params: Any, model: Any, **_: Any) -> None:
        if self.limit is not None and len(self.calls) >= self.limit:
            raise StoppedError
        named = params.get("Key") or " ".join(each["Key"] for each in params["Delete"]["Objects"])
        self.calls.append((model.name, named))

    def publish(self, project: Path, config: Any = CONFIG) -> console.Release:
        self.calls.clear()
        found = console.release(project)
        assert found
        console.publish(self.client, BUCKET, found, config, lambda _: None)
        return found

    def holds(self) -> set[str]:
        listed = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {each["Key"] for each in listed}

    def get(self, key: str) -> Any:
        return self.client.get_object(Bucket=BUCKET, Key=key)

    def page(self) -> str:
        return str(self.get(console.PAGE)["Body"].read().decode())


class StoppedError(Exception):
    pass


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        client.create_bucket(Bucket=BUCKET)
        yield Bucket(client)
        # Within the moto of a whole run, this one ends nothing, so the bucket would stay for the next test.
        for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            client.delete_object(Bucket=BUCKET, Key=each["Key"])
        client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, "console/index.html", PAGE)
    write(tmp_path, "console/main.js", "import './lib/api.js'")
    write(tmp_path, "console/lib/api.js", "export {}")
    write(tmp_path, "console/style.css", "p {}")
    write(tmp_path, "console/vendor/htm.LICENSE", "Apache")
    write(tmp_path, "console/.DS_Store", "x")
    write(tmp_path, "browser/filemill.js", "export class Filemill {}")
    return tmp_path


def write(project: Path, name: str, text: str) -> None:
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(text)


def test_the_page_names_the_release_and_all_else_in_it_stays(bucket: Bucket, project: Path) -> None:
    digest = bucket.publish(project).digest
    assert bucket.page() == PAGE.replace("./style.css", f"/console/{digest}/style.css").replace(
        'src="main.js"', f'src="/console/{digest}/main.js"'
    )
    assert console.digest_in(bucket.page()) == digest


def test_each_object_has_its_type_and_is_kept_as_long_as_it_may(bucket: Bucket, project: Path) -> None:
    digest = bucket.publish(project).digest
    said = {key: bucket.get(key) for key in bucket.holds()}
    headers = {
        key.replace(digest, "D"): (each["ContentType"].partition(";")[0], each["CacheControl"])
        for key, each in said.items()
    }
    immutable = "public, max-age=31536000, immutable"
    assert headers == {
        "console/D/main.js": ("text/javascript", immutable),
        "console/D/lib/api.js": ("text/javascript", immutable),
        "console/D/style.css": ("text/css", immutable),
        "console/D/vendor/htm.LICENSE": ("text/plain", immutable),
        "console/D/filemill.js": ("text/javascript", immutable),
        "console/index.html": ("text/html", "no-cache"),
        "console/config.json": ("application/json", "no-cache"),
        "console/filemill.js": ("text/javascript", "public, max-age=3600"),
    }


def test_a_second_run_stores_nothing(bucket: Bucket, project: Path) -> None:
    bucket.publish(project)
    bucket.publish(project)
    assert bucket.calls == []


def test_a_change_of_any_file_is_a_new_release_whose_page_comes_last(bucket: Bucket, project: Path) -> None:
    first = bucket.publish(project).digest
    write(project, "console/lib/api.js", "export {} // new")
    second = bucket.publish(project).digest
    assert second != first
    assert bucket.calls[-1] == ("PutObject", console.PAGE)
    assert {key.split("/")[1] for key in bucket.holds()} >= {first, second}, "open pages still load from the former one"


def test_the_settings_alone_change_only_the_settings(bucket: Bucket, project: Path) -> None:
    bucket.publish(project)
    bucket.publish(project, {**CONFIG, "version": "2"})
    assert bucket.calls == [("PutObject", console.CONFIG)]


def test_a_release_stays_until_the_third_one_after_it(bucket: Bucket, project: Path) -> None:
    digests = []
    for number in range(4):
        write(project, "console/style.css", f"p {{ order: {number} }}")
        digests.append(bucket.publish(project).digest)
        there = {key.split("/")[1] for key in bucket.holds() if key.count("/") > 1}
        assert there == set(digests[-console.KEPT :])


def test_a_return_to_a_former_release_makes_it_the_newest(bucket: Bucket, project: Path) -> None:
    first = bucket.publish(project).digest
    write(project, "console/style.css", "a {}")
    second = bucket.publish(project).digest
    write(project, "console/style.css", "p {}")
    assert bucket.publish(project).digest == first
    assert bucket.calls == [("PutObject", console.PAGE)], "its assets are still there"
    assert bucket.get(console.PAGE)["Metadata"]["releases"] == f"{first} {second}"


@pytest.mark.parametrize("limit", range(20))
def test_stopped_anywhere_the_page_that_is_there_has_its_assets(bucket: Bucket, project: Path, limit: int) -> None:
    for number in range(3):
        write(project, "console/style.css", f"p {{ order: {number} }}")
        bucket.publish(project)
    write(project, "console/style.css", "p { order: 9 }")
    bucket.calls.clear()
    bucket.limit = limit
    found = console.release(project)
    assert found
    try:
        console.publish(bucket.client, BUCKET, found, {**CONFIG, "version": "9"}, lambda _: None)
    except StoppedError:
        served = console.digest_in(bucket.page())
        names = {each.key.split("/", 2)[2] for each in found.assets}
        assert {f"console/{served}/{name}" for name in names} <= bucket.holds()
    bucket.limit = None
    bucket.publish(project)
    assert console.digest_in(bucket.page()) == found.digest
    assert len({key.split("/")[1] for key in bucket.holds() if key.count("/") > 1}) == console.KEPT


def test_a_former_release_that_s3_keeps_is_named_and_the_new_one_is_served(
    bucket: Bucket, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(console.KEPT):
        write(project, "console/style.css", f"p {{ order: {number} }}")
        bucket.publish(project)
    write(project, "console/style.css", "p { order: 9 }")
    kept = {"Errors": [{"Key": "console/x", "Code": "AccessDenied", "Message": "Access Denied"}]}
    monkeypatch.setattr(bucket.client, "delete_objects", lambda **_: kept)
    with pytest.raises(OpsError, match="console/x could not be deleted: Access Denied"):
        bucket.publish(project)
    found = console.release(project)
    assert found
    assert console.digest_in(bucket.page()) == found.digest


def test_renditions_beside_it_are_left_alone(bucket: Bucket, project: Path) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="f/public/file_x/v/w160.webp", Body=b"x")
    bucket.publish(project)
    bucket.publish(project)
    assert "f/public/file_x/v/w160.webp" in bucket.holds()


def test_without_a_module_there_is_a_console_and_without_a_page_none(bucket: Bucket, project: Path) -> None:
    (project / "browser" / "filemill.js").unlink()
    bucket.publish(project)
    assert console.MODULE not in bucket.holds()
    (project / "console" / "index.html").unlink()
    assert console.release(project) is None
    assert console.release(project / "nowhere") is None


@pytest.mark.parametrize("name", ["a b.js", "ü.js", "-.js/..js"])
def test_a_name_that_the_edge_would_refuse_is_refused_before(project: Path, name: str) -> None:
    write(project, f"console/{name}", "")
    if any(part.startswith(".") for part in name.split("/")):
        assert console.release(project), "hidden files are left out"
        return
    with pytest.raises(OpsError, match="can't be served"):
        console.release(project)


def test_a_folder_that_holds_much_else_is_refused(project: Path) -> None:
    for number in range(console.MAX_FILES + 1):
        write(project, f"console/node_modules/{number}.js", "")
    with pytest.raises(OpsError, match="node_modules"):
        console.release(project)


def test_former_settings_are_read_and_missing_ones_are_none(bucket: Bucket, project: Path) -> None:
    assert console.former(bucket.client, "filemill-prod-missing") == {}
    assert console.former(bucket.client, BUCKET) == {}
    bucket.publish(project)
    assert console.former(bucket.client, BUCKET) == CONFIG


def test_every_asset_of_the_console_has_a_path_that_the_edge_lets_through() -> None:
    import re

    found = console.release(ROOT)
    assert found
    source = (ROOT / "edge" / "console.js").read_text()
    pattern = re.search(r"const ASSET = /(.+)/;", source)
    assert pattern
    for each in (*found.assets,):
        assert re.fullmatch(pattern[1].replace(r"\/", "/"), f"/{each.key}"), each.key
    assert f"/{console.PAGE}" in source
    assert f"/{console.MODULE}" in source
    assert all(f"/console/{found.digest}/{path}" in found.page.body.decode() for path in ("main.js", "style.css")), (
        "the page names its assets in full"
    )


@pytest.mark.parametrize("place", ["console/secret.txt", "console/views/keys", "console", "browser/filemill.js"])
def test_a_link_is_refused_because_it_may_lead_out_of_the_project(project: Path, tmp_path: Path, place: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "index.html").write_text("aws_secret_access_key = wJalr")
    link = project / place
    if link.is_dir():
        link.rename(tmp_path / "former")
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside / "index.html" if link.suffix else outside)
    with pytest.raises(OpsError, match="is a symbolic link"):
        console.release(project)


def test_a_link_that_is_hidden_is_left_out_like_all_that_is_hidden(project: Path) -> None:
    (project / "console/.secret").symlink_to("/etc/passwd")
    assert console.release(project)
