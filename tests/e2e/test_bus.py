"""The bus on the emulator: the template's archive, the examples of rules, and a replay."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from chalicelib import aws
from chalicelib.events import bus
from chalicelib.events.envelope import Envelope, envelope
from chalicelib.model import Actor, ChangeType, LastChange, Status, now
from chalicelib.settings import settings
from ops import replay
from ops.errors import OpsError
from ops.local.emulator_process import CREDENTIALS, REGION, EmulatorProcess
from ops.local.stage import ROOT
from ops.stack import template
from tests.making import file

EXAMPLES = ROOT / "examples/eventbridge"
BUS = "filemill-demo"

Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def client(emulator: EmulatorProcess) -> Client:
    def made(service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=emulator.url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )

    return made


@pytest.fixture
def on_the_bus(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The code under test uses the emulator and this bus."""
    monkeypatch.setattr(aws, "events", lambda: client("events"))
    monkeypatch.setenv("FILEMILL_EVENT_BUS", BUS)
    settings.cache_clear()
    yield
    settings.cache_clear()


def bus_alone() -> str:
    """The part of the stage's template that has the bus and its archive."""
    whole = template.document(ROOT)
    del whole["Resources"]["EventArchive"]["Properties"]["KmsKeyIdentifier"]  # it names the stage's key
    return json.dumps(
        {
            "Parameters": {name: whole["Parameters"][name] for name in ("Stage", "EventArchiveDays")},
            "Conditions": {"HasArchive": whole["Conditions"]["HasArchive"]},
            "Resources": {name: whole["Resources"][name] for name in ("EventBus", "EventArchive")},
        }
    )


def deploy(client: Client, name: str, body: str, **parameters: str) -> dict[str, str]:
    """Makes or changes a stack; its outputs."""
    cloudformation = client("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    existing = [stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]]
    change = cloudformation.update_stack if name in existing else cloudformation.create_stack
    change(StackName=name, TemplateBody=body, Parameters=given, Capabilities=["CAPABILITY_IAM"])
    deadline = time.monotonic() + 60
    while (stack := cloudformation.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"].endswith("_PROGRESS"):
        assert time.monotonic() < deadline, stack
        time.sleep(0.1)
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def changed(number: int, word: ChangeType, status: Status) -> Envelope:
    moment = now()
    told = LastChange(type=word, at=moment, actor=Actor(type="system", id="process"))
    return envelope(file(number, status=status, updated_at=moment, last_change=told))


def received(client: Client, url: str) -> list[dict[str, Any]]:
    """The messages that come within a second of each other, until none does."""
    found = []
    while (
        messages := client("sqs")
        .receive_message(QueueUrl=url, WaitTimeSeconds=2, MaxNumberOfMessages=10)
        .get("Messages")
    ):
        found += [json.loads(message["Body"]) for message in messages]
        for message in messages:
            client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def calls(client: Client, function: str) -> str:
    """The log of a function."""
    pages = client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
    return "\n".join(event["message"] for page in pages for event in page["events"])


@pytest.mark.usefixtures("on_the_bus")
def test_the_examples_get_the_events_that_they_ask_for_and_a_replay_brings_them_again(client: Client) -> None:
    deploy(client, "bus", bus_alone(), Stage="demo", EventArchiveDays="3")
    queue = deploy(client, "ready", (EXAMPLES / "ready-to-queue.yaml").read_text(), EventBus=BUS)["QueueUrl"]
    function = deploy(client, "failed", (EXAMPLES / "failed-to-function.yaml").read_text(), EventBus=BUS)["Function"]
    began = datetime.now(UTC) - timedelta(seconds=1)

    ready = changed(1, ChangeType.READY, Status.READY)
    failed = [changed(number, ChangeType.FAILED, Status.FAILED) for number in (2, 3)]
    bus.put([ready, changed(1, ChangeType.UPDATED, Status.READY), *failed])
    assert received(client, queue) == [ready]
    deadline = time.monotonic() + 30
    # The emulator reads what a function printed when it calls it the next time.
    while calls(client, function).count("START ") < 2 or failed[0]["id"] not in calls(client, function):
        assert time.monotonic() < deadline, calls(client, function)
        time.sleep(0.2)

    lines: list[str] = []
    rule = client("events").list_rules(EventBusName=BUS)["Rules"]
    names = [each["Name"] for each in rule if "ready" in each["Name"].lower()]
    time.sleep(1.1)  # EventBridge keeps the times of events in whole seconds
    replay.replay("demo", began - timedelta(seconds=1), datetime.now(UTC), names, lines.append)
    assert lines[-1].endswith("is completed"), lines
    assert received(client, queue) == [ready]
    assert calls(client, function).count("START ") == 2  # its rule was not named


@pytest.mark.usefixtures("on_the_bus")
def test_the_archive_comes_changes_and_goes_with_its_parameter(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for days in (3, 7):
        deploy(client, "days", bus_alone(), Stage="days", EventArchiveDays=str(days))
        assert client("events").describe_archive(ArchiveName="filemill-days")["RetentionDays"] == days
    deploy(client, "days", bus_alone(), Stage="days", EventArchiveDays="0")
    monkeypatch.setenv("FILEMILL_EVENT_BUS", "filemill-days")
    settings.cache_clear()
    present = datetime.now(UTC)
    with pytest.raises(OpsError, match="keeps no events"):
        replay.replay("days", present - timedelta(hours=1), present, [], print)
