from __future__ import annotations

import pytest

from chalicelib import settings
from chalicelib.settings import NotProvisionedError
from tests.stage import STAGE


def test_a_stage_that_was_not_provisioned_is_one_sentence_that_says_what_to_run() -> None:
    with pytest.raises(NotProvisionedError, match=r"python -m ops provision --stage dev"):
        settings.load({"FILEMILL_STAGE": "dev"})


def test_a_wrong_setting_is_named_with_its_bound() -> None:
    with pytest.raises(NotProvisionedError, match=r"wrong setting.*FILEMILL_LIST_SHARDS.*256"):
        settings.load(STAGE | {"FILEMILL_LIST_SHARDS": "1000"})


def test_a_stack_output_is_recorded_under_its_setting() -> None:
    assert settings.camel_to_variable("IngestQueueArn") == "FILEMILL_INGEST_QUEUE_ARN"
