"""A stage on moto for the doctor to examine."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest
import requests

from chalicelib.settings import load
from ops import config
from ops.doctor.patient import Patient
from tests.stage import STAGE


@pytest.fixture(scope="module")
def session(cloud: None) -> boto3.Session:
    """One session for a module's tests, because reading the services' models takes long."""
    return boto3.Session()


@pytest.fixture
def patient(session: boto3.Session, tmp_path: Path) -> Patient:
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)
    (tmp_path / ".chalice" / "deployed").mkdir(parents=True)
    config.config_path(tmp_path).write_text(json.dumps({"stages": {"test": {"api_gateway_stage": "api"}}}))
    return Patient(session, "eu-west-1", tmp_path, load(STAGE))
