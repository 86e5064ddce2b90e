"""The app's one file, as each Lambda function and the `chalice` command import it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.upkeep import sweep
from tests.stage import MEDIA_STAGE, ROOT, STAGE, Calls


def run_app(environment: dict[str, str], code: str = "import app") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_chalice_on_an_unprovisioned_stage_prints_the_sentence_and_no_traceback() -> None:
    done = run_app({"AWS_CHALICE_CLI_MODE": "true"})
    assert done.returncode == 1
    assert "ops provision" in done.stderr
    assert "Traceback" not in done.stderr


LOADED = """
import app, sys
loaded = [m for m in ("PIL", "chalicelib.api", "chalicelib.processing.pipeline") if m in sys.modules]
print(loaded, "/v1/files" in app.app.routes)
"""


def loaded_as(function: str) -> str:
    """The modules that a Lambda function of this name imports, and whether it answers HTTP."""
    done = run_app({**STAGE, "AWS_LAMBDA_FUNCTION_NAME": function, "AWS_DEFAULT_REGION": "eu-west-1"}, LOADED)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("function", "loaded"),
    [("filemill-test", "['chalicelib.api'] True"), ("filemill-test-process", "[] False")],
)
def test_a_function_imports_only_its_own_side(function: str, loaded: str) -> None:
    assert loaded_as(function) == loaded


@pytest.mark.parametrize(
    "function", ["filemill-test-a-new-trigger", "filemill-test-api", "filemill-test2", "filemill", "my-filemill-test"]
)
def test_a_function_of_any_other_name_than_the_api_s_does_not_mount_the_api(function: str) -> None:
    assert loaded_as(function) == "[] False"


def test_at_a_terminal_the_api_is_mounted() -> None:
    done = run_app({**STAGE, "AWS_DEFAULT_REGION": "eu-west-1"}, LOADED)
    assert done.stdout.strip() == "['chalicelib.api'] True", done.stderr


def test_a_function_of_an_unprovisioned_stage_fails_with_the_reason() -> None:
    done = run_app({"AWS_LAMBDA_FUNCTION_NAME": "filemill-test-process"})
    assert "NotProvisionedError: This stage is not provisioned" in done.stderr


def test_processing_never_imports_the_api_and_the_api_never_pillow() -> None:
    environment = {**STAGE, "AWS_LAMBDA_FUNCTION_NAME": "filemill-test-process", "AWS_DEFAULT_REGION": "eu-west-1"}
    code = "import app, sys, chalicelib.processing.pipeline, chalicelib.processing.image.cascade; "
    done = run_app(environment, code + "print('chalicelib.api' in sys.modules, 'PIL' in sys.modules)")
    assert done.stdout.strip() == "False True", done.stderr


def test_the_app_s_function_hands_on_to_the_sweep(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    import app

    seen: list[Any] = []
    monkeypatch.setattr(sweep, "handle", lambda event, context: seen.append(event))
    event = {"version": "0", "account": "1", "region": "r", "detail": {}, "detail-type": "t", "source": "aws.events"}
    event |= {"time": datetime.now(UTC).isoformat(), "id": "i", "resources": []}
    app.sweep(event, SimpleNamespace(aws_request_id="r"))
    assert seen == [event]


@pytest.mark.parametrize(
    ("more", "there"),
    [
        ({}, False),
        (MEDIA_STAGE, True),
        (MEDIA_STAGE | {"FILEMILL_MEDIA": "false"}, False),
        (MEDIA_STAGE | {"FILEMILL_MEDIA_CAP": "0"}, False),
    ],
)
def test_a_stage_has_the_function_media_only_with_its_queue_and_if_it_wants_it(
    more: dict[str, str], there: bool
) -> None:
    code = "import app; print('media' in [each.name for each in app.app.event_sources])"
    done = run_app({**STAGE, **more, "AWS_DEFAULT_REGION": "eu-west-1"}, code)
    assert done.stdout.strip() == str(there), done.stderr
