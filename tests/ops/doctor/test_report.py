"""The doctor runs every check, reports one line for each, and its picture goes all the way."""

from __future__ import annotations

from typing import cast

from botocore.exceptions import EndpointConnectionError

from ops import doctor
from ops.doctor import canary, storage
from ops.doctor.patient import Check, Patient, SkippedError


def test_each_check_is_one_line_and_the_exit_code_is_1_if_anything_is_wrong() -> None:
    lines: list[str] = []
    patient = cast(Patient, None)
    assert doctor.report(patient, {"good": lambda _: "", "bad": lambda _: "mend it"}, lines.append) == 1
    assert lines == ["ok    good", "WRONG bad: mend it"]
    assert doctor.report(patient, {"good": lambda _: ""}, lines.append) == 0


def test_a_resource_that_is_gone_is_to_be_made_anew(patient: Patient) -> None:
    (found,) = doctor.examine(patient, {"the table": storage.check_expiry})
    assert "; run `python -m ops provision --stage test --revert-drift` to make it again, empty" in found.sentence


def test_a_check_that_aws_refuses_is_wrong_and_the_next_checks_still_run() -> None:
    lines: list[str] = []

    def unreachable(_: Patient) -> str:
        raise EndpointConnectionError(endpoint_url="https://s3")

    doctor.report(cast(Patient, None), {"one": unreachable, "two": lambda _: ""}, lines.append)
    assert lines[0].startswith("WRONG one: AWS can't be reached")
    assert lines[1] == "ok    two"


def test_as_json_every_check_is_named_with_what_it_found() -> None:
    chosen: dict[str, Check] = {"good": lambda _: "", "bad": lambda _: "mend it"}
    found = {each.name: each.sentence for each in doctor.examine(cast(Patient, None), chosen)}
    assert found == {"good": "", "bad": "mend it"}


def test_a_check_that_cannot_be_made_here_is_skipped_and_does_not_fail() -> None:
    def skipped(_: Patient) -> str:
        raise SkippedError("no emulator has it")

    lines: list[str] = []
    assert doctor.report(cast(Patient, None), {"one": skipped, "two": lambda _: ""}, lines.append) == 0
    assert lines == ["skip  one: no emulator has it", "ok    two"]


def test_the_canary_s_picture_is_a_small_jpeg() -> None:
    assert canary.picture().startswith(b"\xff\xd8")
    assert len(canary.picture()) < 5_000
