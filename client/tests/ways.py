"""Tests that run with both clients."""

from __future__ import annotations

import pytest

both = pytest.mark.parametrize("way", ["blocking", "async"])
