from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib import aws, settings
from tests.catalog.fake import FakeDynamoDB
from tests.strict.watching import Checked


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDynamoDB]:
    """The catalog on an empty table in memory."""
    fake = FakeDynamoDB()
    monkeypatch.setattr(aws, "dynamodb", lambda: Checked(fake))
    settings.settings.cache_clear()
    yield fake
    settings.settings.cache_clear()
