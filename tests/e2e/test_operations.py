"""What operators do, on the deployed stack: the sweep, dead letters and redrive, the doctor and its canary."""

from __future__ import annotations

import json
import time

import requests

from chalicelib.queues.worker import MAX_RECEIVES
from ops.local.stage import LocalStage
from tests.e2e.stack import finished, ops, png, sweep
from tests.local import Api

PICTURE = png((64, 48))


def upload(api: Api) -> str:
    wanted = {"filename": "a.png", "content_type": "image/png", "size": len(PICTURE)}
    created = api("POST", "/v1/files", json=wanted).json()
    form = created["upload"]
    sent = requests.post(form["url"], data=form["fields"], files={"file": PICTURE}, timeout=60)
    assert sent.status_code == 201, sent.text
    return str(created["id"])


def test_the_schedule_is_there_and_the_deployed_sweep_ends_what_nobody_came_back_for(
    local_stage: LocalStage, api: Api
) -> None:
    rules = local_stage.client("events").list_rules()["Rules"]
    assert [rule["ScheduleExpression"] for rule in rules] == ["rate(5 minutes)"]
    file_id = upload(api)
    record = finished(api, file_id)
    assert record["status"] == "ready"
    # A tombstone as a crashed delete leaves it.
    table, key = local_stage.variables()["FILEMILL_TABLE"], {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}
    moment = {"S": "2026-01-01T00:00:00.000Z"}
    due = {":pk": {"S": "DUE#0"}, ":sk": {"S": f"{moment['S']}#{file_id}"}, ":s": {"S": "deleted"}, ":m": moment}
    local_stage.client("dynamodb").update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET #s = :s, due_pk = :pk, due_sk = :sk, updated_at = :m ADD revision :one",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={**due, ":one": {"N": "1"}},
    )
    sweep(local_stage)
    left = local_stage.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    assert left["purged"] == {"BOOL": True}
    assert "due_pk" not in left
    s3 = local_stage.client("s3")
    assert not s3.list_objects_v2(
        Bucket=local_stage.variables()["FILEMILL_DERIVED_BUCKET"], Prefix=f"f/private/{file_id}"
    ).get("Contents")


def test_a_poisoned_message_delays_nobody_ends_as_a_dead_letter_and_is_redriven(
    local_stage: LocalStage, api: Api
) -> None:
    """Its last try: the four before it, with their pauses of three minutes, are the test's own."""
    sqs, s3, functions = (local_stage.client(name) for name in ("sqs", "s3", "lambda"))
    variables = local_stage.variables()
    url = variables["FILEMILL_INGEST_QUEUE_URL"]
    poisoned = upload(api)
    assert finished(api, poisoned)["status"] == "ready"
    [mapping] = functions.list_event_source_mappings(FunctionName="filemill-local-process")["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        time.sleep(2)  # a look at the queue that was under way
        answer = api("POST", f"/v1/files/{poisoned}/reprocess", json={"force": True})
        assert answer.status_code == 202, answer.text
        demo = f"demo/{poisoned}"
        versions = s3.list_object_versions(Bucket=variables["FILEMILL_ORIGINALS_BUCKET"], Prefix=demo)["Versions"]
        # Without its original each try raises.
        s3.delete_object(Bucket=variables["FILEMILL_ORIGINALS_BUCKET"], Key=demo, VersionId=versions[0]["VersionId"])
        for _ in range(MAX_RECEIVES - 1):
            [message] = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, WaitTimeSeconds=5)["Messages"]
            assert poisoned in message["Body"]
        other = upload(api)
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    began = time.monotonic()
    assert finished(api, other)["status"] == "ready"
    assert time.monotonic() - began < 20
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    dead = sqs.get_queue_url(QueueName=json.loads(policy)["deadLetterTargetArn"].rpartition(":")[2])["QueueUrl"]
    name = "ApproximateNumberOfMessages"
    until = time.monotonic() + 60
    while int(sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=[name])["Attributes"][name]) == 0:
        assert time.monotonic() < until, "no dead letter after a minute"
        time.sleep(1)
    after = api("GET", f"/v1/files/{poisoned}").json()
    assert (after["status"], after["error"]["code"]) == ("ready", "internal")
    assert "OriginalMissingError" in after["error"]["message"]

    assert "dead letters are waiting (1 from the ingest queue)" in ops(local_stage, "doctor").stdout
    would = ops(local_stage, "redrive", "--dry-run")
    assert "would move 1 dead letter, left 1" in would.stdout, would.stderr
    moved = ops(local_stage, "redrive", "--file", poisoned)
    assert "moved 1 dead letter, left 0" in moved.stdout, moved.stderr
    assert api("DELETE", f"/v1/files/{poisoned}").status_code == 204


def test_the_doctor_finds_a_healthy_stage_and_its_canary_comes_through(local_stage: LocalStage) -> None:
    found = ops(local_stage, "doctor", "--canary", "--json")
    findings = {name: wrong for name, wrong in json.loads(found.stdout)["checks"].items() if wrong}
    assert findings == {}, found.stderr
    assert found.returncode == 0


def test_damage_is_named(local_stage: LocalStage) -> None:
    s3, bucket = local_stage.client("s3"), local_stage.variables()["FILEMILL_ORIGINALS_BUCKET"]
    before = s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{**before[0], "ExposeHeaders": ["Location"]}]})
    try:
        found = ops(local_stage, "doctor")
        assert found.returncode == 1
        assert "hides ETag" in found.stdout
    finally:
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": before})


def test_backfill_and_reindex_have_nothing_to_do_on_a_stage_of_today(local_stage: LocalStage, api: Api) -> None:
    assert finished(api, upload(api))["status"] == "ready"
    assert "0 files to process" in ops(local_stage, "backfill", "--recipe", "photo", "--yes").stdout
    assert " files, " in ops(local_stage, "reindex").stdout
