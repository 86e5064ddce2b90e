"""`chalice package` of a recorded stage: what would be deployed, as a template and as the zips that go with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

from ops import config, provision

ROOT = Path(__file__).parents[2]
SOURCES = ("app.py", "chalicelib", "requirements.txt", "vendor", "console", "edge")

# Slow: it has pip fetch what each Lambda gets, for Lambda's platform.
pytestmark = pytest.mark.e2e

STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/filemill-prod/1"
VARIABLES = {
    "FILEMILL_STAGE": "prod",
    "FILEMILL_ORIGINALS_BUCKET": "filemill-prod-originals-123456789012-eu-west-1",
    "FILEMILL_DERIVED_BUCKET": "filemill-prod-derived-123456789012-eu-west-1",
    "FILEMILL_TABLE": "filemill-prod-Table-1",
    "FILEMILL_TABLE_STREAM_ARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/filemill-prod-Table-1/stream/1",
    "FILEMILL_INGEST_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:filemill-prod-IngestQueue-1",
    "FILEMILL_INGEST_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/filemill-prod-IngestQueue-1",
    "FILEMILL_IMPORT_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:filemill-prod-ImportQueue-1",
    "FILEMILL_IMPORT_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/filemill-prod-ImportQueue-1",
    "FILEMILL_DISTRIBUTION_ID": "E1",
    "FILEMILL_FRONT_DOOR": "https://d1.cloudfront.net",
    "FILEMILL_CDN_KEY_ID": "K1",
    "FILEMILL_CDN_KEY_PARAMETER": "/filemill/prod/cdn-signing-key",
    "FILEMILL_SECRET_PARAMETER": "/filemill/prod/secret",
}

ELF_MACHINE_AARCH64 = (
    183  # e_machine, two bytes at 18: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `chalice package` made: sam.json and the archives."""
    project = tmp_path_factory.mktemp("project")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).exists():
            shutil.copy2(ROOT / name, project / name)
    (project / ".chalice").mkdir()
    shutil.copy2(ROOT / ".chalice" / "config.json", project / ".chalice" / "config.json")
    provision.record(project, "prod", VARIABLES, STACK_ID, None, lambda _: None)
    assert config.load_stage(project, "prod") == VARIABLES
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("FILEMILL_", "AWS_"))}
    done = subprocess.run(
        [str(Path(sys.executable).parent / "chalice"), "package", "--stage", "prod", "out"],
        cwd=project,
        env={**outside, "AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # Where a wheel is missing Chalice prints so, and goes on without it.
    assert "Could not install" not in done.stdout + done.stderr
    return project / "out"


@pytest.fixture(scope="module")
def resources(package: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((package / "sam.json").read_text())["Resources"]
    return found


def functions(resources: dict[str, Any]) -> dict[str, Any]:
    return {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::Serverless::Function"}


def test_cfn_lint_finds_nothing_in_the_template(package: Path) -> None:
    assert lint_file(package / "sam.json", config=ManualArgs(include_checks=["I"])) == []


def test_the_archives_hold_a_pillow_that_lambda_can_load(package: Path) -> None:
    """A manylinux wheel brings its libraries in `pillow.libs/`; one compiled here would not, and fail at import."""
    names = [name for archive in package.glob("*.zip") for name in zipfile.ZipFile(archive).namelist()]
    assert any("pillow.libs/" in name for name in names)
    python = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
    assert any(name.endswith(f"PIL/_imaging.{python}-aarch64-linux-gnu.so") for name in names)


def test_everything_compiled_is_for_the_functions_architecture(package: Path) -> None:
    machines = {}
    for archive in map(zipfile.ZipFile, package.glob("*.zip")):
        for name in archive.namelist():
            with archive.open(name) as file:
                header = file.read(20)
            if header.startswith(b"\x7fELF"):
                machines[name] = int.from_bytes(header[18:20], "little")
    assert len(machines) > 10
    assert {name for name, machine in machines.items() if machine != ELF_MACHINE_AARCH64} == set()


def test_the_app_and_the_layer_are_apart_so_that_an_edit_is_deployed_in_a_second(package: Path) -> None:
    (app,) = [z for z in package.glob("*.zip") if "app.py" in zipfile.ZipFile(z).namelist()]
    assert app.stat().st_size < 1_000_000  # bytes
    assert not any("PIL" in name for name in zipfile.ZipFile(app).namelist())


def test_what_is_unpacked_fits_a_lambda(package: Path) -> None:
    """250 MB, layers included: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    size = sum(i.file_size for archive in package.glob("*.zip") for i in zipfile.ZipFile(archive).infolist())
    assert size < 150_000_000


def test_each_function_has_its_memory_time_and_a_role_of_its_own(resources: dict[str, Any]) -> None:
    found = functions(resources)
    assert {name: (f["MemorySize"], f["Timeout"]) for name, f in found.items()} == {
        "APIHandler": (512, 29),
        "Process": (1769, 900),
        "Fetch": (512, 900),
    }
    roles = {json.dumps(f["Role"]) for f in found.values()}
    assert len(roles) == len(found)
    assert {tuple(f["Architectures"]) for f in found.values()} == {("arm64",)}


@pytest.mark.parametrize(("queue", "function"), [("INGEST", "Process"), ("IMPORT", "Fetch")])
def test_a_queue_wakes_its_function_one_message_at_a_time(resources: dict[str, Any], queue: str, function: str) -> None:
    (event,) = functions(resources)[function]["Events"].values()
    assert event["Properties"]["Queue"] == VARIABLES[f"FILEMILL_{queue}_QUEUE_ARN"]
    assert event["Properties"]["BatchSize"] == 1
