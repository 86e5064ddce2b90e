"""The malware scan on the emulator: a stage with a command, and the rule that brings GuardDuty's results."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.processing import answers
from chalicelib.queues import ingest
from ops.local.emulator_process import CREDENTIALS, REGION, EmulatorProcess
from ops.local.stage import ROOT, LocalStage
from ops.stack import template
from tests import events_contract as contract
from tests import scans
from tests.e2e.stack import png, upload
from tests.local import Api, free_ports
from tests.scans import EICAR, SIGNATURE, result, zipped


class ScanningStage(LocalStage):
    """A local stage whose files a command scans."""

    scan_command = ""

    def make_deploy(self) -> None:
        path = self.project_dir / ".chalice/config.json"
        written = json.loads(path.read_text(encoding="utf-8"))
        variables = written["stages"].setdefault("local", {}).setdefault("environment_variables", {})
        variables["FILEMILL_SCAN_COMMAND"] = self.scan_command
        path.write_text(json.dumps(written), encoding="utf-8")
        super().make_deploy()

    def run(self, command: Sequence[str], cwd: Path) -> None:
        more = ["--set", "Scan=command"] if "provision" in command else []
        super().run([*command, *more], cwd)


@pytest.fixture(scope="module")
def scanning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    home = tmp_path_factory.mktemp("scanning")
    port, emulator_port = free_ports(2)
    stage = ScanningStage(home / "stage", port=port, emulator_port=emulator_port, progress=print)
    stage.scan_command = scans.command(home)
    try:
        stage.start()
        assert stage.variables()["FILEMILL_SCAN"] == "command"
        yield Api(stage.front_door, stage.api_key())
    finally:
        stage.stop()


def test_a_clean_picture_is_ready_and_an_infected_file_is_in_quarantine(scanning: Api) -> None:
    clean = upload(scanning, png())
    assert (clean["status"], clean["scan"]["status"]) == ("ready", "clean"), clean
    assert scanning("GET", f"/v1/files/{clean['id']}/original").status_code == 200
    for body in (EICAR, zipped(EICAR)):
        bad = upload(scanning, body, filename="a.bin", content_type="application/octet-stream")
        assert (bad["status"], bad["error"]["code"]) == ("failed", "infected"), bad
        assert SIGNATURE in bad["scan"]["signature"]
        assert scanning("GET", f"/v1/files/{bad['id']}/original").json()["code"] == "infected"
        assert scanning("POST", f"/v1/files/{bad['id']}/reprocess", json={}).status_code == 409
        assert scanning("DELETE", f"/v1/files/{bad['id']}").status_code == 204


def test_guarddutys_result_comes_through_the_rule_to_the_queue(emulator: EmulatorProcess) -> None:
    """The rule, the queue and its policy as the template has them, but for the events' source.

    The emulator takes events of `aws.…` from nobody, as AWS takes them from its own services only.
    """

    def client(service: str) -> Any:
        keys = {name.lower(): CREDENTIALS[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return boto3.client(service, endpoint_url=emulator.url, region_name=REGION, **keys)  # type: ignore[call-overload]

    whole = template.document(ROOT)
    parts = ("IngestQueue", "DeadLetterQueue", "IngestQueuePolicy", "ScanRule")
    resources = {name: whole["Resources"][name] for name in parts}
    rule = json.loads(json.dumps(resources["ScanRule"]).replace('{"Ref": "OriginalsBucket"}', '"originals"'))
    assert rule["Properties"]["EventPattern"]["source"] == ["aws.guardduty"]
    rule["Properties"]["EventPattern"]["source"] = ["test.guardduty"]
    document = {
        "Parameters": {name: whole["Parameters"][name] for name in ("Stage", "Scan", "RequireTls")},
        "Conditions": {name: whole["Conditions"][name] for name in ("ByGuardDuty", "TlsOnly")},
        "Resources": {**resources, "ScanRule": rule},
        "Outputs": {"Queue": {"Value": {"Ref": "IngestQueue"}}},
    }
    given = {"Stage": "demo", "Scan": "guardduty", "RequireTls": "false"}
    stack = client("cloudformation")
    stack.create_stack(
        StackName="scans",
        TemplateBody=json.dumps(document),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
    )
    stack.get_waiter("stack_create_complete").wait(StackName="scans", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    (queue,) = stack.describe_stacks(StackName="scans")["Stacks"][0]["Outputs"]
    file_id = "file_01K8Z0000000000000000000AA"
    for bucket in ("originals", "another"):
        event = result(file_id, "v1", "NO_THREATS_FOUND", bucket=bucket)
        entry = {
            "Source": "test.guardduty",
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "EventBusName": "default",
        }
        with contract.unchecked():
            assert client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and len(found) < 2:
        reply = client("sqs").receive_message(QueueUrl=queue["OutputValue"], WaitTimeSeconds=2)
        found += [json.loads(each["Body"]) for each in reply.get("Messages", [])]
    assert [each["detail"]["s3ObjectDetails"]["bucketName"] for each in found] == ["originals"]
    body = json.dumps({**found[0], "source": "aws.guardduty"})
    heard = ingest.event_of(body)
    assert heard
    assert (heard["source"], heard["detail-type"]) in answers.HANDLERS
