"""A test that takes real-time scheduling keeps it for itself."""

import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="Linux has this")


def test_a_test_may_take_real_time_scheduling() -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        pytest.skip("only root may")


def test_the_next_one_has_the_ordinary_share() -> None:
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
