"""`python -m ops tenants export`: all that a tenant may carry away, and nothing of another's; killed, it goes on."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.catalog import tenant_keys
from chalicelib.catalog.credentials import api_keys
from chalicelib.catalog.dynamodb import read
from ops import tenants as command
from ops.__main__ import main
from ops.erasure.export import Directory
from tests.client import Client, new_client
from tests.making import ready_other, ready_photo
from tests.stage import STAGE, Calls, aws_client


@pytest.fixture
def export(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(command, "load_stage", lambda *_: STAGE)
    return lambda *words: main(["tenants", "export", "acme", "--stage", "test", *words])


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def hashes_of_credentials() -> set[str]:
    """Every hash of a secret in the table, those of secrets that were rotated away included."""
    pages = aws_client("dynamodb").get_paginator("scan").paginate(TableName="filemill-test")
    found = [read(item) for page in pages for item in page["Items"] if item["sk"]["S"] in ("KEY", "TOKEN")]
    return {each["hash"] for each in found} | {each["hash"] for key in found for each in key.get("earlier", ())}


def fill(client: Client) -> list[str]:
    client("POST", "/v1/webhooks", {"url": "https://example.com/hook"})
    for _ in range(2):
        assert client("POST", "/v1/upload-tokens", {"max_bytes": 1}).status == 201
    (key,) = [key for key in api_keys() if key.tenant == "acme"]
    tenant_keys.rotate(key.id, timedelta(hours=1), lambda _: None)
    ids = [ready_photo(client, visibility="public"), ready_other(client)]
    ready_other(new_client("acme-2"))
    return sorted(ids)


def test_everything_is_written_with_its_hash_and_nothing_of_others(
    export: Any, client: Client, stage: Calls, tmp_path: Path
) -> None:
    ids = fill(client)
    stage.published()
    hashes = hashes_of_credentials()
    assert export("--to", str(tmp_path / "out"), "--renditions") == 0
    files = written(tmp_path / "out")
    assert [each["id"] for each in lines(files["records.jsonl"])] == ids
    manifest = {each["name"]: each for each in lines(files["manifest.jsonl"])}
    for name, line in manifest.items():
        assert (len(files[name]), hashlib.sha256(files[name]).hexdigest()) == (line["bytes"], line["sha256"]), name
    assert manifest.keys() == files.keys() - {"manifest.jsonl", ".manifest.jsonl"}
    assert {f"originals/{each}" for each in ids} == {name for name in files if name.startswith("originals/")}
    assert any(name.startswith("renditions/") for name in files)
    assert [each["tenant"] for each in lines(files["keys.jsonl"])] == ["acme"]
    assert len(lines(files["webhooks.jsonl"])) == 1
    assert len(lines(files["tokens.jsonl"])) == 2
    audit = {(each["type"], each["subject"]) for each in lines(files["audit.jsonl"])}
    assert {("filemill.file.created", each) for each in ids} <= audit
    assert "filemill.audit.token.created" in {kind for kind, _ in audit}
    everything = b"".join(files.values())
    assert len(hashes) >= 5
    assert not [each for each in hashes if each.encode() in everything]
    assert b'"hash"' not in everything
    assert b"secret" not in files["webhooks.jsonl"]
    assert b"acme-2" not in everything


def test_keys_of_the_api_are_written_without_any_secret(export: Any, client: Client, tmp_path: Path) -> None:
    made = client("POST", "/v1/keys", {"name": "made", "scopes": ["files:read"]}).json
    assert client("POST", f"/v1/keys/{made['id']}/rotate", {"overlap": 600}).status == 200
    assert export("--to", str(tmp_path / "out")) == 0
    keys = {each["id"]: each for each in lines((tmp_path / "out/keys.jsonl").read_bytes())}
    assert keys[made["id"]]["created_by"] == made["created_by"]
    assert b"hash" not in (tmp_path / "out/keys.jsonl").read_bytes()


def test_a_killed_export_goes_on_where_it_was(
    export: Any, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(client)
    write, names = Directory.write, []

    def killed(self: Directory, name: str, chunks: Any) -> None:
        names.append(name)
        if len(names) == 2:
            raise KeyboardInterrupt
        write(self, name, chunks)

    monkeypatch.setattr(Directory, "write", killed)
    assert export("--to", str(tmp_path / "out")) == 130
    assert names == [f"originals/{each}" for each in ids]
    with (tmp_path / "out/.manifest.jsonl").open("a") as manifest:
        manifest.write('{"name": "orig')
    assert export("--to", str(tmp_path / "out")) == 0
    assert names.count(f"originals/{ids[0]}") == 1
    assert {f"originals/{each}" for each in ids} <= {
        each["name"] for each in lines(written(tmp_path / "out")["manifest.jsonl"])
    }


def test_a_bucket_gets_the_same(export: Any, client: Client, tmp_path: Path) -> None:
    ids = fill(client)
    place = {"LocationConstraint": "eu-west-1"}
    aws_client("s3").create_bucket(Bucket="filemill-test-exports", CreateBucketConfiguration=place)
    assert export("--to", "s3://filemill-test-exports/2026", "--state", str(tmp_path / "state")) == 0
    found = aws_client("s3").list_objects_v2(Bucket="filemill-test-exports")["Contents"]
    assert {f"2026/originals/{each}" for each in ids} | {"2026/manifest.jsonl"} <= {each["Key"] for each in found}


def test_a_dry_run_writes_nothing_and_what_is_gone_is_named(
    export: Any, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = fill(client)
    assert export("--to", str(tmp_path / "out"), "--dry-run") == 0
    assert "acme has 2 files" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    s3 = aws_client("s3")
    for each in s3.list_object_versions(Bucket="originals", Prefix=f"acme/{ids[0]}")["Versions"]:
        s3.delete_object(Bucket="originals", Key=each["Key"], VersionId=each["VersionId"])
    assert export("--to", str(tmp_path / "out")) == 1
    assert f"originals/{ids[0]}" in capsys.readouterr().out
