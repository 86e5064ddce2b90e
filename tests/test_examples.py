"""The examples of rules, and the patterns on docs/events.md: what they choose. tests/e2e deploys the templates."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from moto.events.models import EventPattern

from chalicelib.events import bus
from chalicelib.events.envelope import envelope, webhook_disabled
from chalicelib.model import Actor, ChangeType, Kind, LastChange, Status, timestamp
from tests.making import BEGIN, file
from tests.stage import ROOT, template

FOLDER = ROOT / "examples/eventbridge"


def changed(word: ChangeType, actor: str = "system", **values: Any) -> dict[str, Any]:
    record = file(1, **values)
    record.last_change = LastChange(type=word, at=record.updated_at, actor=Actor(type=actor, id="1"))  # type: ignore[arg-type]
    return envelope(record)


WEBHOOK = {"pk": "HOOKS#acme", "sk": "wh_01K8Z0000000000000000000AA", "enabled": True}
DISABLED = WEBHOOK | {"enabled": False, "disabled_reason": "gone", "disabled_at": timestamp(BEGIN)}
EVENTS = {
    "a ready picture": changed(ChangeType.READY),
    "a ready PDF": changed(ChangeType.READY, kind=Kind.OTHER, filename="May.pdf", tags=["invoice", "x"]),
    "a large film": changed(ChangeType.READY, kind=Kind.OTHER, filename="a.mov", size=2 * 10**9, tenant="other"),
    "a failed file": changed(ChangeType.FAILED, status=Status.FAILED),
    "an expired file": changed(ChangeType.EXPIRED, status=Status.EXPIRED),
    "an edit": changed(ChangeType.UPDATED, actor="key"),
    "a deletion": changed(ChangeType.DELETED, actor="token", status=Status.DELETED),
    "a disabled webhook": webhook_disabled(WEBHOOK, DISABLED),
}
PICTURES = {"a ready picture"}
CHOSEN: dict[str, set[str]] = {
    "ready-to-queue.yaml": PICTURES,
    "failed-to-function.yaml": {"a failed file", "an expired file"},
    "Every event of one tenant": EVENTS.keys() - {"a large film"},
    "Everything that people did, and nothing that Filemill did by itself": {"an edit", "a deletion"},
    "Ready files with a tag, whose names end with `.pdf`": {"a ready PDF"},
    "Large files": {"a large film"},
    "Webhooks that were disabled": {"a disabled webhook"},
}


def as_delivered(event: dict[str, Any], **more: Any) -> Any:
    """The event as EventBridge gives it to rules: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events.html"""
    entry = bus.entry(event)
    fields = {"source": entry["Source"], "detail-type": entry["DetailType"], "resources": entry["Resources"]}
    return {"version": "0", "id": "1", "time": entry["Time"], **fields, "detail": json.loads(entry["Detail"]), **more}


class _Template(yaml.SafeLoader):
    """Reads a template of CloudFormation; its functions are left as their names."""


_Template.add_multi_constructor("!", lambda loader, suffix, node: suffix)


def patterns() -> dict[str, Any]:
    """The pattern of each template, and each pattern on the page by the line above it."""
    found = {}
    for path in FOLDER.glob("*.yaml"):
        resources = yaml.load(path.read_text(encoding="utf-8"), Loader=_Template)["Resources"].values()
        [found[path.name]] = [r["Properties"]["EventPattern"] for r in resources if r["Type"] == "AWS::Events::Rule"]
    page = (ROOT / "docs/events.md").read_text(encoding="utf-8").partition("\n### Rules\n")[2].partition("\n### ")[0]
    for line, text in re.findall(r"^([^\n]+):\n\n```json\n(.+?)```", page, re.MULTILINE | re.DOTALL):
        found[line] = json.loads(text)
    return found


def chosen(pattern: Any, **more: Any) -> set[str]:
    matcher = EventPattern.load(json.dumps(pattern))
    return {name for name, event in EVENTS.items() if event and matcher.matches_event(as_delivered(event, **more))}


def test_every_pattern_is_tried() -> None:
    assert patterns().keys() == CHOSEN.keys()


@pytest.mark.parametrize("name", CHOSEN)
def test_a_pattern_chooses_what_it_says_and_nothing_else(name: str) -> None:
    assert chosen(patterns()[name]) == CHOSEN[name]


def test_a_replay_tells_nobody_of_an_old_failure_again() -> None:
    assert chosen(patterns()["failed-to-function.yaml"], **{"replay-name": "r"}) == set()
    assert chosen(patterns()["ready-to-queue.yaml"], **{"replay-name": "r"}) == PICTURES


def test_the_archive_keeps_every_event_of_ours() -> None:
    kept = template()["Resources"]["EventArchive"]["Properties"]["EventPattern"]
    assert chosen(kept) == set(EVENTS)
    assert not EventPattern.load(json.dumps(kept)).matches_event({"source": "aws.s3", "detail-type": "x", "detail": {}})


def test_the_page_lists_every_type() -> None:
    from chalicelib.api.envelopes import EVENTS as MODELS

    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    rows = page.partition("\n## Types\n")[2].partition("\n\n##")[0]
    assert re.findall(r"^\| `(filemill\.[\w.]+)` \|", rows, re.MULTILINE) == list(MODELS)


def test_the_page_lists_every_type_that_only_the_bus_hears() -> None:
    from chalicelib.api.envelopes import AUDIT_EVENTS

    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    rows = page.partition("\n### On the bus only\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(filemill\.[\w.]+)` \|", rows, re.MULTILINE) == list(AUDIT_EVENTS)
