"""Gives every test the same share of the processor.

SVT-AV1, with which tests make films, puts the thread that opens it under real-time scheduling if the user is root. A
worker of pytest would keep that for all its later tests, and leave nothing to the others, nor to the local stack.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    ran = yield
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return ran
