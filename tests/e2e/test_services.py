"""A stage that asks a Lambda function of the operator's: the example, deployed beside Filemill, answers on the bus."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from ops.config import write_json
from ops.local import project
from ops.local.stage import LocalStage
from tests.e2e.stack import upload
from tests.local import Api, free_ports
from tests.stage import ROOT

pytestmark = pytest.mark.e2e

EXAMPLE = ROOT / "examples/service-function"
FUNCTION = f"filemill-{project.STAGE}-service"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStage]:
    port, emulator_port = free_ports(2)
    local = LocalStage(tmp_path_factory.mktemp("services"), port=port, emulator_port=emulator_port)
    project.private_folder(local.home)
    project.private_folder(local.project_dir)
    project.private_folder(local.project_dir / ".chalice")
    variables = {"FILEMILL_SERVICES": "function", "FILEMILL_SERVICE_FUNCTION": FUNCTION}
    config = {"stages": {project.STAGE: {"environment_variables": variables}}}
    write_json(local.project_dir / ".chalice" / "config.json", config)
    try:
        local.start()
        _deploy_the_example(local)
        yield local
    finally:
        local.stop()


def _deploy_the_example(stage: LocalStage) -> None:
    """As `aws cloudformation package` and `deploy` do it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(EXAMPLE / "function.py", "function.py")
    stage.client("s3").create_bucket(Bucket="packages")
    stage.client("s3").put_object(Bucket="packages", Key="function.zip", Body=packed.getvalue())
    template = (EXAMPLE / "template.yaml").read_text()
    assert template.count("Code: .\n") == 1
    # The emulator does not know this key of EventBridge's, and denies what depends on it:
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    condition = "Condition: {StringEquals: {events:source: filemill.service}}\n"
    assert template.count(condition) == 1
    template = template.replace(condition, "")
    cloudformation = stage.client("cloudformation")
    cloudformation.create_stack(
        StackName="service",
        TemplateBody=template.replace("Code: .\n", "Code: {S3Bucket: packages, S3Key: function.zip}\n"),
        Parameters=[{"ParameterKey": "Stage", "ParameterValue": project.STAGE}],
        Capabilities=["CAPABILITY_IAM"],
    )
    deadline = time.monotonic() + 60
    while (found := cloudformation.describe_stacks(StackName="service")["Stacks"][0])["StackStatus"].endswith(
        "PROGRESS"
    ):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    assert found["StackStatus"] == "CREATE_COMPLETE", found


def test_the_function_is_asked_about_a_file_and_its_answer_stands_in_the_record(stage: LocalStage) -> None:
    api = Api(stage.front_door, stage.api_key("demo"))
    made = upload(api, b"\x00\x07\x07\x07", filename="a.bin", content_type="application/x-thing")
    assert made["services"]["function"]["status"] in ("waiting", "running", "done")
    deadline = time.monotonic() + 90
    while (record := _record(api, made["id"]))["services"]["function"]["status"] != "done":
        assert time.monotonic() < deadline, record
        time.sleep(0.5)
    assert record["services"]["function"]["result"] == {"most_common_byte": 7, "times": 3, "of": 4}
    deadline = time.monotonic() + 60
    while not (found := api("GET", "/v1/search?q=byte7").json()["items"]):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert (found[0]["file"]["id"], found[0]["found_in"]) == (made["id"], ["services"])


def _record(api: Api, file_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = api("GET", f"/v1/files/{file_id}").json()
    return answer
