from __future__ import annotations

import subprocess
import sys

import pytest

from chalicelib import settings
from chalicelib.settings import NotProvisionedError
from tests.stage import ROOT, STAGE


def test_a_stage_that_was_not_provisioned_is_one_sentence_that_says_what_to_run() -> None:
    with pytest.raises(NotProvisionedError, match=r"python -m ops provision --stage dev"):
        settings.load({"FILEMILL_STAGE": "dev"})


def test_a_wrong_setting_is_named_with_its_bound() -> None:
    with pytest.raises(NotProvisionedError, match=r"wrong setting.*FILEMILL_LIST_SHARDS.*256"):
        settings.load(STAGE | {"FILEMILL_LIST_SHARDS": "1000"})


def test_a_stack_output_is_recorded_under_its_setting() -> None:
    assert settings.camel_to_variable("IngestQueueArn") == "FILEMILL_INGEST_QUEUE_ARN"


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
print([m for m in ("PIL", "chalicelib.api", "chalicelib.processing.pipeline") if m in sys.modules])
"""


@pytest.mark.parametrize(
    ("function", "loaded"),
    [("filemill-test", "['chalicelib.api']"), ("filemill-test-process", "[]")],
)
def test_a_function_imports_only_its_own_side(function: str, loaded: str) -> None:
    done = run_app({**STAGE, "AWS_LAMBDA_FUNCTION_NAME": function, "AWS_DEFAULT_REGION": "eu-west-1"}, LOADED)
    assert done.stdout.strip() == loaded, done.stderr


def test_processing_never_imports_the_api_and_the_api_never_pillow() -> None:
    environment = {**STAGE, "AWS_LAMBDA_FUNCTION_NAME": "filemill-test-process", "AWS_DEFAULT_REGION": "eu-west-1"}
    code = "import app, sys, chalicelib.processing.pipeline, chalicelib.processing.image.cascade; "
    done = run_app(environment, code + "print('chalicelib.api' in sys.modules, 'PIL' in sys.modules)")
    assert done.stdout.strip() == "False True", done.stderr
