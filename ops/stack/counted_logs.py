"""The access logs whose bytes a stage counts, as parameters of its stack: the sweep may read these only."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.settings import PREFIX

VARIABLE = f"{PREFIX}ACCESS_LOGS"


def parameters(variables: Mapping[str, str]) -> dict[str, str]:
    """The stack's parameters for the logs that the stage's variables name. Their form is checked with the settings."""
    logs = variables.get(VARIABLE, "")
    return {"CountedLogs": logs, "CountedLogBucket": logs.partition("/")[0] or "none"}
