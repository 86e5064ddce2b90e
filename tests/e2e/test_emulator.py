"""What ops/local/adapter adds to MiniStack, and what of it the functions count on. No Filemill in it."""

from __future__ import annotations

import io
import json
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from ops.local.emulator_process import CREDENTIALS, REGION, EmulatorProcess
from ops.local.stage import ROOT
from tests.e2e.stack import PYTHON
from tests.local import free_ports
from tests.strict import watching

HANDLER = """
import json, os, pathlib, time
import boto3
if pathlib.Path(os.environ["HOME"], "broken").exists():
    os._exit(1)
def retry(event, context):
    record = event["Records"][0]
    print("received", record["attributes"]["ApproximateReceiveCount"], time.time())
    queue = record["body"]
    boto3.client("sqs").change_message_visibility(
        QueueUrl=queue, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=2)
    raise RuntimeError("again")
def read(event, context):
    print("read", *(record["dynamodb"]["Keys"]["pk"]["S"] for record in event["Records"]))
def slow(event, context):
    time.sleep(3)
    return "done"
def echo(event, context):
    headers = {"Content-Type": "image/png", "WWW-Authenticate": "Bearer", "Via": "1.1 me"}
    return {"statusCode": 200, "headers": headers, "isBase64Encoded": event["isBase64Encoded"],
            "body": event["body"] or json.dumps(event["pathParameters"])}
"""


Client = Callable[[str], Any]


def client_of(emulator: EmulatorProcess, service: str, account: str = "test", region: str = REGION) -> Any:
    """An access key of twelve digits is the root of that account."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=emulator.url,
        aws_access_key_id=account,
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=region,
    )


@pytest.fixture(scope="module")
def client(emulator: EmulatorProcess) -> Client:
    return lambda service: client_of(emulator, service)


@pytest.fixture(scope="module")
def functions(client: Client) -> dict[str, str]:
    """ARNs of `retry`, `slow` and `echo`."""
    return make_functions(client, "retry", "slow", "echo")


def make_functions(client: Client, *names: str) -> dict[str, str]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("code.py", HANDLER)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": trust}))
    allow = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["sqs:*", "dynamodb:*"], "Resource": "*"}],
    }
    client("iam").put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(allow))
    return {
        name: client("lambda").create_function(
            FunctionName=f"my-{name}",
            Runtime="python3.13",
            Role=role["Role"]["Arn"],
            Handler=f"code.{name}",
            Code={"ZipFile": packed.getvalue()},
            Timeout=10,
        )["FunctionArn"]
        for name in names
    }


def test_a_failing_function_sees_a_message_after_the_time_it_set_and_at_last_no_more(
    client: Client, functions: dict[str, str], emulator: EmulatorProcess
) -> None:
    sqs = client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    # Ten minutes, so that only the function's own two seconds bring a message back within this test.
    queue = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "600", "RedrivePolicy": redrive})
    url = queue["QueueUrl"]
    source = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("lambda").create_event_source_mapping(EventSourceArn=source, FunctionName=functions["retry"], BatchSize=1)
    sqs.send_message(QueueUrl=url, MessageBody=url)
    deadline = time.monotonic() + 60
    while not (messages := sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=1).get("Messages")):
        assert time.monotonic() < deadline, emulator.log.read_text()[-3000:]
    assert messages[0]["Body"] == url
    lines = [line.split() for line in emulator.log.read_text().splitlines() if line.startswith("received ")]
    assert [count for _, count, _ in lines] == ["1", "2", "3"]
    times = [float(at) for _, _, at in lines]
    assert all(later - earlier >= 2 for earlier, later in pairwise(times))


def test_a_process_that_ends_while_it_starts_takes_no_other_with_it(
    client: Client, functions: dict[str, str], emulator: EmulatorProcess
) -> None:
    def call() -> Any:
        answer = client("lambda").invoke(FunctionName=functions["slow"])
        return json.loads(answer["Payload"].read())

    assert call() == "done"
    broken = emulator.temporary / "broken"
    with ThreadPoolExecutor(1) as other:
        working = other.submit(call)
        time.sleep(1)
        broken.touch()
        try:
            assert "exited immediately" in call()["errorMessage"]
        finally:
            broken.unlink()
        assert working.result() == "done"
    assert call() == "done"


def swagger(function: str, *, binary: list[str], extra: str = "/more") -> dict[str, Any]:
    """What `chalice deploy` sends."""
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    proxy = {
        "responses": {"200": {"description": "200 response"}},
        "x-amazon-apigateway-integration": {
            "responses": {"default": {"statusCode": "200"}},
            "uri": uri,
            "passthroughBehavior": "when_no_match",
            "httpMethod": "POST",
            "contentHandling": "CONVERT_TO_TEXT",
            "type": "aws_proxy",
        },
    }
    parameters = {"method.response.header.Access-Control-Allow-Origin": "'https://app.example'"}
    options = {
        "responses": {"200": {"headers": {"Access-Control-Allow-Origin": {"type": "string"}}}},
        "x-amazon-apigateway-integration": {
            "responses": {"default": {"statusCode": "200", "responseParameters": parameters}},
            "requestTemplates": {"application/json": '{"statusCode": 200}'},
            "type": "mock",
        },
    }
    return {
        "swagger": "2.0",
        "info": {"version": "1.0", "title": "mine"},
        "x-amazon-apigateway-binary-media-types": binary,
        "paths": {
            "/v1/{id}": {"get": proxy, "post": proxy, "options": options},
            extra: {"get": proxy},
            "/any/{proxy+}": {"get": proxy},
        },
    }


def test_an_api_is_imported_and_overwritten_as_chalice_does(
    client: Client, functions: dict[str, str], emulator: EmulatorProcess
) -> None:
    gateway = client("apigateway")
    document = swagger(functions["echo"], binary=["image/png"])
    api = gateway.import_rest_api(body=json.dumps(document), parameters={"endpointConfigurationTypes": "REGIONAL"})
    assert api["name"] == "mine"
    assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
    empty = [{"op": "replace", "path": "/minimumCompressionSize", "value": ""}]
    gateway.update_rest_api(restApiId=api["id"], patchOperations=empty)
    gateway.create_deployment(restApiId=api["id"], stageName="api")
    client("lambda").add_permission(
        FunctionName="my-echo", StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    base = f"{emulator.url}/restapis/{api['id']}/api/_user_request_"
    assert requests.get(f"{base}/v1/x", timeout=30).json() == {"id": "x"}
    assert requests.get(f"{base}/any/a/b", timeout=30).json() == {"proxy": "a/b"}
    raw = b"\x89PNG\xff\x00"
    accept = {"Content-Type": "image/png", "Accept": "image/png"}
    assert requests.post(f"{base}/v1/x", data=raw, headers=accept, timeout=30).content == raw
    renamed = requests.get(f"{base}/v1/x", timeout=30).headers
    assert renamed["x-amzn-Remapped-WWW-Authenticate"] == "Bearer"
    assert {"WWW-Authenticate", "Via"}.isdisjoint(renamed)
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    preflight = requests.options(f"{base}/v1/x", headers=asked, timeout=30)
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert requests.get(f"{base}/more", timeout=30).ok

    changed = swagger(functions["echo"], binary=[], extra="/other")
    gateway.put_rest_api(restApiId=api["id"], mode="overwrite", body=json.dumps(changed))
    assert requests.get(f"{base}/other", timeout=30).ok
    assert requests.get(f"{base}/more", timeout=30).status_code == 403
    assert not gateway.get_rest_api(restApiId=api["id"]).get("binaryMediaTypes")


def test_another_account_and_region_have_their_uploads_and_their_api(emulator: EmulatorProcess) -> None:
    s3 = client_of(emulator, "s3", "111122223333", "eu-west-1")
    s3.create_bucket(Bucket="theirs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    form = s3.generate_presigned_post("theirs", "k")
    assert requests.post(form["url"], data=form["fields"], files={"file": b"x"}, timeout=30).status_code == 204
    assert s3.get_object(Bucket="theirs", Key="k")["Body"].read() == b"x"

    gateway = client_of(emulator, "apigateway", "111122223333", "eu-west-1")
    id_ = gateway.import_rest_api(body=json.dumps(swagger("arn:aws:lambda:x", binary=[])))["id"]
    gateway.create_deployment(restApiId=id_, stageName="api")
    url = f"{emulator.url}/restapis/{id_}/api/_user_request_/v1/x"
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    assert requests.options(url, headers=preflight, timeout=30).status_code == 200


def test_the_emulator_saves_its_state_and_takes_its_functions_along(tmp_path: Path) -> None:
    process = EmulatorProcess(tmp_path, free_ports(1)[0], PYTHON, [])
    process.start(print)
    assert process.process
    pid = process.process.pid
    sqs = client_of(process, "sqs")
    url = sqs.create_queue(QueueName="kept", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="in flight")
    assert sqs.receive_message(QueueUrl=url)["Messages"]
    process.stop()
    assert not Path(f"/proc/{pid}").exists()
    process.start(print)
    queues = sqs.list_queues()["QueueUrls"]
    again = sqs.receive_message(QueueUrl=url).get("Messages")
    process.stop()
    assert [url.rpartition("/")[2] for url in queues] == ["kept"]
    assert again, "who held the message has ended"
    assert again[0]["Body"] == "in flight"


def killed(process: EmulatorProcess) -> None:
    assert process.process
    process.process.kill()
    process.process.wait()


def test_killed_it_has_what_was_saved_before(tmp_path: Path) -> None:
    process = EmulatorProcess(tmp_path, free_ports(1)[0], PYTHON, [])
    process.start(print)
    try:
        sqs = client_of(process, "sqs")
        sqs.create_queue(QueueName="saved")
        process.save()
        killed(process)
        process.start(print)
        assert [url.rpartition("/")[2] for url in sqs.list_queues()["QueueUrls"]] == ["saved"]
    finally:
        process.stop()


@pytest.fixture(autouse=True)
def other_tables() -> Iterator[None]:
    """These tests have a table of their own, to which the rules of the stage's table do not apply."""
    with watching.unchecked():
        yield


TABLE: dict[str, Any] = {
    "TableName": "table",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def test_killed_it_has_all_that_is_ten_seconds_old_and_what_is_read_costs_no_save(tmp_path: Path) -> None:
    process = EmulatorProcess(tmp_path, free_ports(1)[0], PYTHON, [])
    process.start(print)

    def saved() -> dict[str, int]:
        return {file.name: file.stat().st_mtime_ns for file in (tmp_path / "state" / "services").iterdir()}

    try:
        dynamodb, sqs = client_of(process, "dynamodb"), client_of(process, "sqs")
        dynamodb.create_table(**TABLE)
        url = sqs.create_queue(QueueName="queue")["QueueUrl"]
        until = time.monotonic() + 8  # changes come all the time, and each save has all that came before it
        written: dict[str, float] = {}
        while time.monotonic() < until:
            name = str(len(written))
            dynamodb.put_item(TableName="table", Item={"pk": {"S": name}})
            sqs.send_message(QueueUrl=url, MessageBody=name)
            written[name] = time.monotonic()
            time.sleep(0.05)
        time.sleep(2.5)
        kill_at = time.monotonic()
        killed(process)
        process.start(print)
        rows = {item["pk"]["S"] for item in dynamodb.scan(TableName="table")["Items"]}
        assert {name for name, moment in written.items() if moment < kill_at - 10} <= rows
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        # A message is sent after its record: a save may come between the two.
        assert 0 <= len(rows) - int(attributes["Attributes"]["ApproximateNumberOfMessages"]) <= 1
        time.sleep(7)
        before = saved()
        until = time.monotonic() + 8
        while time.monotonic() < until:
            dynamodb.scan(TableName="table")
            sqs.list_queues()
            time.sleep(0.2)
        assert saved() == before, "nothing has changed"
        sqs.receive_message(QueueUrl=url)
        time.sleep(8)
        assert saved() != before, "a message that somebody took is a change"
    finally:
        process.stop()


def test_requests_are_answered_while_the_state_is_saved(tmp_path: Path) -> None:
    """The emulator has one thread for requests. If it saved by itself, none would be answered meanwhile."""
    process = EmulatorProcess(tmp_path, free_ports(1)[0], PYTHON, [])
    process.start(print)
    try:
        dynamodb = client_of(process, "dynamodb")
        dynamodb.create_table(**TABLE)
        value = {"S": "x" * 4000}
        for first in range(0, 5000, 25):
            rows = [{"pk": {"S": str(n)}, "value": value} for n in range(first, first + 25)]
            dynamodb.batch_write_item(RequestItems={"table": [{"PutRequest": {"Item": row}} for row in rows]})
        answered = []
        with ThreadPoolExecutor(1) as other:
            for number in range(5):
                dynamodb.put_item(TableName="table", Item={"pk": {"S": f"changed {number}"}})
                saving, count = other.submit(process.save), 0
                while not saving.done():
                    dynamodb.get_item(TableName="table", Key={"pk": {"S": "1"}})
                    count += 1
                saving.result()
                answered.append(count)
        assert sum(answered) > 5 * 5, answered
    finally:
        process.stop()


def test_a_stream_goes_on_after_a_stop_where_its_function_was(tmp_path: Path) -> None:
    process = EmulatorProcess(tmp_path, free_ports(1)[0], PYTHON, [])
    process.start(print)
    client = partial(client_of, process)

    def put(*names: str) -> None:
        for name in names:
            client("dynamodb").put_item(TableName="table", Item={"pk": {"S": name}})

    def read_in_this_run(wanted: int) -> list[str]:
        deadline = time.monotonic() + 20
        while True:
            lines = [line.split()[1:] for line in process.log.read_text().splitlines() if line.startswith("read ")]
            read = [name for line in lines for name in line]
            if len(read) >= wanted or time.monotonic() > deadline:
                return read
            time.sleep(0.1)

    try:
        table = client("dynamodb").create_table(
            TableName="table",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        function = make_functions(client, "read")["read"]
        mapping = client("lambda").create_event_source_mapping(
            EventSourceArn=table["TableDescription"]["LatestStreamArn"],
            FunctionName=function,
            StartingPosition="TRIM_HORIZON",
        )
        put("a", "b", "c")
        assert read_in_this_run(3) == ["a", "b", "c"]
        client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        put("d")
        process.stop()
        process.start(print)
        client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
        put("e")
        assert read_in_this_run(2) == ["d", "e"]
    finally:
        process.stop()


def test_the_self_test_refuses_another_ministack() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import emulator;"
        "assert emulator.self_test() is None, emulator.self_test();"
        "emulator.RELIED_ON['ministack.app:main'] = '(x)'; print(emulator.self_test());"
        "emulator.RELIED_ON = {'ministack.app:gone': '()'}; print(emulator.self_test());"
        "emulator.pinned_version = lambda: '0'; print(emulator.self_test())"
    )
    environment = {"SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0", "PATH": "/usr/bin"}
    command = [str(PYTHON), "-c", code, str(ROOT / "ops" / "local")]
    told = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout.splitlines()
    assert "changed ministack.app:main from (x) to ()" in told[0]
    assert "has no ministack.app:gone" in told[1]
    assert "was written for 0" in told[2]
