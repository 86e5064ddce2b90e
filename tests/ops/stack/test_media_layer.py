"""The layer with FFmpeg: what is in it, and when it is published."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ops import package
from ops.errors import OpsError
from ops.stack import media_layer
from tests.stage import ROOT


class Lambda:
    """The layer's versions, as Lambda has them."""

    def __init__(self) -> None:
        self.versions: list[dict[str, Any]] = []
        self.last = 0

    def get_paginator(self, operation: str) -> Any:
        raise AssertionError(operation)

    def list_layer_versions(self, **_: Any) -> dict[str, Any]:
        return {"LayerVersions": list(self.versions)}

    def publish_layer_version(self, **asked: Any) -> dict[str, Any]:
        # https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html
        assert len(asked["Description"]) <= 256
        self.last += 1
        arn = f"arn:aws:lambda:eu-west-1:123456789012:layer:{asked['LayerName']}:{self.last}"
        self.versions.append({"LayerVersionArn": arn, "Version": self.last, **asked})
        return {"LayerVersionArn": arn}

    def delete_layer_version(self, **asked: Any) -> None:
        self.versions = [version for version in self.versions if version["Version"] != asked["VersionNumber"]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose layer has one small package."""
    (tmp_path / media_layer.LOCK).write_text("av==19.0.2 \\\n    --hash=sha256:00\n")
    monkeypatch.setattr(
        media_layer,
        "_files",
        lambda lock, architecture: iter([("av/__init__.py", b"x = 1\n"), ("av/a.so", b"\x7fELF")]),
    )
    monkeypatch.setattr(
        media_layer, "listed", lambda client, operation, key, **more: client.list_layer_versions(**more)[key]
    )
    return tmp_path


def ensure(client: Lambda, project: Path, architecture: str = "arm64") -> str:
    return media_layer.ensure(client, project, "filemill", "dev", architecture, lambda _: None)


def test_it_is_published_once(project: Path) -> None:
    client = Lambda()
    arn = ensure(client, project)
    assert ensure(client, project) == arn
    [made] = client.versions
    assert (made["CompatibleArchitectures"], made["LicenseInfo"]) == (["arm64"], "GPL-3.0-or-later")
    assert "av 19.0.2" in made["Description"]


def test_another_architecture_or_another_package_is_another_version(project: Path) -> None:
    client = Lambda()
    first, second = ensure(client, project), ensure(client, project, "x86_64")
    (project / media_layer.LOCK).write_text("av==20.0.0 \\\n    --hash=sha256:11\n")
    third = ensure(client, project)
    assert len({first, second, third}) == 3
    assert ensure(client, project) == third


def test_versions_that_nobody_uses_are_deleted(project: Path) -> None:
    client = Lambda()
    first, second = ensure(client, project), ensure(client, project, "x86_64")
    assert media_layer.remove_unused(client, "filemill-dev-media", [second]) == 1
    assert [version["LayerVersionArn"] for version in client.versions] == [second]
    assert first != second


def test_its_files_are_where_python_looks_with_their_bytecode_and_the_same_each_time(project: Path) -> None:
    packed = media_layer.archive(project, "arm64")
    names = set(zipfile.ZipFile(io.BytesIO(packed)).namelist())
    tag = sys.implementation.cache_tag
    assert names == {"python/av/__init__.py", f"python/av/__pycache__/__init__.{tag}.pyc", "python/av/a.so"}
    assert hashlib.sha256(media_layer.archive(project, "arm64")).digest() == hashlib.sha256(packed).digest()


def test_a_layer_that_lambda_would_not_take_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_layer, "MOST_BYTES", 100)
    with pytest.raises(OpsError, match="Lambda takes 100"):
        media_layer.archive(project, "arm64")


def test_a_layer_that_leaves_no_room_for_the_functions_own_code_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_layer, "UNPACKED", media_layer.REST + 1000)
    monkeypatch.setattr(media_layer, "_files", lambda *_: iter([("av/a.so", bytes(1001))]))
    with pytest.raises(OpsError, match=r"has 1001 bytes when it is unpacked\. .* takes 1000\."):
        media_layer.archive(project, "arm64")


def test_the_locked_packages_leave_room_for_the_functions_own_code() -> None:
    """Those that are installed here; the wheels for x86_64 are the larger ones."""
    found = package.closure(package.pinned(ROOT / media_layer.LOCK))
    sizes = [(name, file.stat().st_size) for each in found.values() for name, file in package.files(each)]
    bytecode = sum(size for name, size in sizes if name.endswith(".py"))
    assert sum(size for _, size in sizes) + bytecode < media_layer.UNPACKED - media_layer.REST


def test_packages_that_cannot_be_fetched_are_a_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def failed(*_: Any, **__: Any) -> Any:
        return subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: No matching distribution found for av\n")

    monkeypatch.setattr(subprocess, "run", failed)
    with pytest.raises(OpsError, match=r"No matching distribution found for av\. .*FILEMILL_MEDIA"):
        media_layer._download(project / media_layer.LOCK, "arm64", str(tmp_path))


def test_a_missing_lock_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="version control"):
        media_layer.description(tmp_path, "arm64")


def test_the_lock_has_wheels_for_both_architectures() -> None:
    """Each wheel's hash is in the lock: pip compares it with that of the stage's architecture."""
    lock = (ROOT / media_layer.LOCK).read_text()
    assert package.pinned(ROOT / media_layer.LOCK).keys() == {"av"}
    assert len(re.findall("--hash=sha256:[0-9a-f]{64}", lock)) >= 2
    development = package.pinned(ROOT / "requirements-dev.txt")
    assert package.pinned(ROOT / media_layer.LOCK).items() <= development.items()


def test_ffmpeg_is_in_no_other_function_s_package() -> None:
    assert "av" not in package.pinned(ROOT / "requirements.txt")
