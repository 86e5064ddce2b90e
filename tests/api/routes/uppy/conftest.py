"""Fixtures of the tests of `/s3`."""

from __future__ import annotations

import pytest

from tests.api.routes.uppy.asking import token_client
from tests.client import Client


@pytest.fixture
def browser(client: Client) -> Client:
    return token_client(client)
