"""The policy of the originals' bucket: who reads an original, and who may say that it is clean."""

from __future__ import annotations

from typing import Any

import pytest

from ops.stack import conditions, template
from ops.stack.names import ROLE_IDS
from ops.stack.roles import resolved
from tests.iam.evaluator import Need, Right, rights
from tests.iam.stages import ACCOUNT
from tests.stage import ROOT

DOCUMENT = template.document(ROOT)
BUCKET = "arn:aws:s3:::filemill-test-originals"
ORIGINAL = f"{BUCKET}/acme/file_1"
ARNS = {role: f"arn:aws:iam::{ACCOUNT}:role/filemill-test-{role}" for role in (*ROLE_IDS.values(), "ScanRole")}
PRINCIPALS = {**ARNS, "operator": f"arn:aws:iam::{ACCOUNT}:user/anna", "root": f"arn:aws:iam::{ACCOUNT}:root"}
READS = ("s3:GetObject", "s3:GetObjectVersion")
TAGGING = ("s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectVersionTagging")
GUARDDUTY, OURS = "GuardDutyMalwareScanStatus", "filemill-scan"
# The scanner of each mode, which reads what nobody else may read yet.
SCANNER = {"guardduty": "ScanRole", "command": "ProcessRole"}

MAY_BE_READ: list[dict[str, str]] = [
    {GUARDDUTY: "NO_THREATS_FOUND"},
    {OURS: "clean"},
    {OURS: "accepted"},
    {GUARDDUTY: "UNSUPPORTED", OURS: "accepted"},
    {GUARDDUTY: "NO_THREATS_FOUND", OURS: "clean"},
]
MAY_NOT: list[dict[str, str]] = [
    {},
    {GUARDDUTY: "THREATS_FOUND"},
    {GUARDDUTY: "UNSUPPORTED"},
    {GUARDDUTY: "FAILED"},
    {GUARDDUTY: "ACCESS_DENIED"},
    {OURS: "infected"},
    {OURS: "something"},
    {"clean": "clean"},
    {GUARDDUTY: "THREATS_FOUND", OURS: "accepted"},
    {GUARDDUTY: "THREATS_FOUND", OURS: "clean"},
    {GUARDDUTY: "NO_THREATS_FOUND", OURS: "infected"},
]


def policy(mode: str, tls: str = "true") -> list[Right]:
    """The statements of the bucket's policy with this parameter; none if there is no policy."""
    values = conditions.parameters(DOCUMENT, {"Scan": mode, "RequireTls": tls}, "eu-west-1")
    made = conditions.resources(DOCUMENT, values)
    if "OriginalsBucketPolicy" not in made:
        return []
    decided = {name: conditions.holds(DOCUMENT, name, values) for name in ("TlsOnly", "Scans", "ByGuardDuty")}
    arns = {f"{role}.Arn": arn for role, arn in ARNS.items() if role in made}
    body: Any = made["OriginalsBucketPolicy"]["Properties"]["PolicyDocument"]
    found = rights(resolved(body, {"OriginalsBucket.Arn": BUCKET, **arns}, decided))
    return [right for right in found if right.sid != "OnlyOverTls"]


def is_denied(statements: list[Right], action: str, who: str, **context: str) -> bool:
    need = Need(action, ORIGINAL, {"aws:PrincipalArn": PRINCIPALS[who], **context})
    assert all(right.effect == "Deny" for right in statements)
    return any(right.covers(need) for right in statements)


def tagged(tags: dict[str, str]) -> dict[str, str]:
    return {f"s3:ExistingObjectTag/{name}": value for name, value in tags.items()}


@pytest.mark.parametrize("mode", SCANNER)
@pytest.mark.parametrize("who", PRINCIPALS)
def test_only_a_clean_original_is_read_by_anybody_but_the_scanner(mode: str, who: str) -> None:
    for action in READS:
        for tags in MAY_BE_READ:
            assert not is_denied(policy(mode), action, who, **tagged(tags)), tags
        for tags in MAY_NOT:
            assert is_denied(policy(mode), action, who, **tagged(tags)) is (who != SCANNER[mode]), tags


@pytest.mark.parametrize("mode", SCANNER)
@pytest.mark.parametrize("who", PRINCIPALS)
def test_nobody_but_the_scan_says_that_an_original_is_clean(mode: str, who: str) -> None:
    may = who == "ProcessRole" or (mode, who) == ("guardduty", "ScanRole")
    for action in TAGGING:
        for keys in (GUARDDUTY, OURS, f"team,{OURS}"):
            assert is_denied(policy(mode), action, who, **{"s3:RequestObjectTagKeys": keys}) is not may
        assert not is_denied(policy(mode), action, who), "an upload without tags"
        assert not is_denied(policy(mode), action, who, **{"s3:RequestObjectTagKeys": "team"})


@pytest.mark.parametrize("tls", ["true", "false"])
def test_without_a_scan_the_policy_says_nothing_of_it(tls: str) -> None:
    assert policy("off", tls) == []


def test_the_policy_is_there_also_where_plain_http_is_allowed() -> None:
    assert {right.sid for right in policy("command", "false")} == {right.sid for right in policy("guardduty")}
    assert len(policy("command", "false")) >= 9


def test_guardduty_is_there_only_if_it_scans() -> None:
    def made(mode: str) -> set[str]:
        values = conditions.parameters(DOCUMENT, {"Scan": mode}, "eu-west-1")
        return set(conditions.resources(DOCUMENT, values))

    assert made("guardduty") - made("off") == {"ScanRole", "ScanPlan", "ScanRule"}
    assert made("command") == made("off")


def test_the_queue_takes_the_rules_results() -> None:
    """The queue's policy names rules by a pattern, and the rule's name must fit."""
    resources = DOCUMENT["Resources"]
    name = resources["ScanRule"]["Properties"]["Name"]["Fn::Sub"]
    sends = resources["IngestQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][1]
    patterns = [each["Fn::Sub"] for each in sends["Condition"]["ArnLike"]["aws:SourceArn"]]
    assert name == "filemill-${Stage}-scans"
    assert any(pattern.endswith("rule/filemill-${Stage}-*") for pattern in patterns)
    assert resources["ScanRule"]["Properties"]["Targets"][0]["Arn"] == {"Fn::GetAtt": ["IngestQueue", "Arn"]}
