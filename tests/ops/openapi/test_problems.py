"""A problem code is written down in three places, and each gap is a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from ops.errors import OpsError
from ops.openapi import problems
from ops.openapi.document import operations


def test_a_route_that_names_an_unknown_problem_is_refused() -> None:
    class Misspelt:
        method, path, scope, body, query, headers = "POST", "/v1/files", None, None, None, ()
        guarded = False
        problems = ("tuched_owt",)

    misspelt: Any = Misspelt()
    with pytest.raises(OpsError, match=r"POST /v1/files names tuched_owt, which errors\.py lacks"):
        problems.problems(misspelt)


def test_a_code_without_a_row_in_the_reference_is_a_sentence() -> None:
    with pytest.raises(OpsError, match=r"docs/api\.md has no row for the problem `touched_out`"):
        problems.meaning("touched_out")


def test_every_route_names_known_problems_only() -> None:
    assert all(problems.meaning(code) for operation in operations() for code in problems.problems(operation))
