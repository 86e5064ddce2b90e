"""A function that was changed by hand, or that runs other code than the checkout, is found."""

from __future__ import annotations

import io
import json
import shutil
import urllib.request
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from chalicelib.settings import load
from ops import config
from ops.doctor import functions
from ops.doctor.patient import Patient
from ops.stack import logs
from ops.stack.concurrency import Account, Pool, Wish
from ops.stack.names import FUNCTIONS, role_id
from ops.stack.roles import POLICY_NAME, function_policies
from tests.stage import STAGE

ROOT = Path(__file__).parents[3]

LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer:filemill-test-managed-layer:2"
PRESENT: dict[str, Any] = {
    "Runtime": "python3.13",
    "Timeout": 900,
    "MemorySize": 1769,
    "Architectures": ["arm64"],
    "Layers": [{"Arn": LAYER}],
    "Environment": {"Variables": {"FILEMILL_STAGE": "test", "OTHER": "x"}},
}
WANTED = {"lambda_timeout": 900, "lambda_memory_size": 1769, "lambda_architecture": "arm64"}


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ({}, ""),
        ({"Runtime": "python3.9"}, "python3.9, which Filemill does not support"),
        ({"Timeout": 60}, "Timeout of 60, but 900"),
        ({"MemorySize": 128}, "MemorySize of 128, but 1769"),
        ({"Architectures": ["x86_64"]}, "runs on x86_64, but arm64"),
        ({"Layers": []}, "does not have the layer that was deployed last"),
        ({"Environment": {"Variables": {}}}, "does not have the recorded settings (FILEMILL_STAGE)"),
        (
            {"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no role"},
            "could not be updated the last time (no role)",
        ),
    ],
)
def test_a_function_that_is_not_as_recorded_is_found(damage: dict[str, Any], says: str) -> None:
    found = functions.assess_function({**PRESENT, **damage}, WANTED, {"FILEMILL_STAGE": "test"}, [LAYER])
    assert says in found
    assert bool(found) == bool(says)


def test_another_reserved_concurrency_than_the_recorded_one_is_found() -> None:
    assert functions.assess_concurrency({}, {}) == ""
    assert functions.assess_concurrency({"ReservedConcurrentExecutions": 5}, {"reserved_concurrency": 5}) == ""
    assert "is turned off" in functions.assess_concurrency({"ReservedConcurrentExecutions": 0}, {})
    assert "of 5, but none is" in functions.assess_concurrency({"ReservedConcurrentExecutions": 5}, {})
    assert "of none, but 5 is" in functions.assess_concurrency({}, {"reserved_concurrency": 5})


def test_queues_that_start_more_functions_than_the_account_runs_are_found() -> None:
    at_once = {"process": 200, "fetch": 20, "deliver": 20}
    wanted = Wish(at_once, {})
    small, large = (Account(Pool(n, n), wanted, {}, "eu-west-1") for n in (10, 1000))
    assert functions.assess_room(large, at_once, "test") == ""
    assert functions.assess_room(small, {"process": 2, "fetch": 2, "deliver": 2}, "test") == ""
    found = functions.assess_room(small, at_once, "test")
    assert (
        "process may run 200 times at once, fetch may run 20 times at once, deliver may run 20 times at once, but only "
        "10 of the account's 10" in found
    )
    assert "run `make deploy STAGE=test`, which caps it, or ask AWS for more" in found


def test_a_role_that_holds_other_permissions_is_found() -> None:
    read, write = {"Sid": "Read", "Action": ["s3:GetObject"]}, {"Sid": "Write", "Action": ["s3:PutObject"]}
    wanted = {"Statement": [read, write]}
    assert functions.assess_policy(wanted, wanted) == ""
    assert functions.assess_policy({"Statement": [read]}, wanted) == "other permissions (Write)"
    assert functions.assess_policy({"Statement": [read, write, {"Sid": "All"}]}, wanted) == "more permissions"


class Cloud:
    """Stands in for Lambda and IAM: the functions' roles, and the roles' policies."""

    class GoneError(Exception):
        """Neither such a function nor such a policy."""

    exceptions = SimpleNamespace(ResourceNotFoundException=GoneError, NoSuchEntityException=GoneError)

    def __init__(self, policies: dict[str, Any]) -> None:
        self.roles = {function: role_arn(function) for function in FUNCTIONS}
        self.policies = {role_arn(function).rpartition("/")[2]: policy for function, policy in policies.items()}

    def get_function_configuration(self, FunctionName: str) -> Any:  # noqa: N803
        function = FunctionName.removeprefix("filemill-test").removeprefix("-") or "api_handler"
        if function not in self.roles:
            raise self.GoneError
        return {"Role": self.roles[function]}

    def get_role_policy(self, RoleName: str, PolicyName: str) -> Any:  # noqa: N803
        if PolicyName != POLICY_NAME or RoleName not in self.policies:
            raise self.GoneError
        return {"PolicyDocument": self.policies[RoleName]}


def role_arn(function: str) -> str:
    return f"arn:aws:iam::123456789012:role/filemill-test-{role_id(function)}-ABC"


@pytest.fixture
def permitted(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A stage whose functions have the stack's roles, as recorded, with the policies of this checkout's template."""
    shutil.copy(ROOT / ".chalice" / "resources.yaml", patient.project_dir / ".chalice" / "resources.yaml")
    shutil.copytree(ROOT / "edge", patient.project_dir / "edge")
    record(patient, {f: {"manage_iam_role": False, "iam_role_arn": role_arn(f)} for f in FUNCTIONS})
    place = functions.place_of(patient, config.read_config(patient.project_dir))
    cloud = Cloud(function_policies(place, ROOT))
    monkeypatch.setattr(Patient, "client", lambda *_: cloud)
    return cloud


def record(patient: Patient, entries: dict[str, Any]) -> None:
    written = {"stages": {"test": {"lambda_functions": entries}}}
    config.config_path(patient.project_dir).write_text(json.dumps(written))


def test_functions_with_the_stacks_roles_and_the_templates_policies_are_well(
    patient: Patient, permitted: Cloud
) -> None:
    assert functions.check_permissions(patient) == ""
    del permitted.roles["fetch"]
    assert functions.check_permissions(patient) == "", "check_functions says that one is missing"


def test_a_function_with_another_role_is_found(patient: Patient, permitted: Cloud) -> None:
    permitted.roles["fetch"] = "arn:aws:iam::123456789012:role/filemill-test-fetch"
    found = functions.check_permissions(patient)
    assert "function filemill-test-fetch has the role arn:aws:iam::123456789012:role/filemill-test-fetch, but" in found
    assert found.endswith("run `chalice deploy --stage test`")


def test_a_role_without_the_templates_policy_is_found(patient: Patient, permitted: Cloud) -> None:
    name = "filemill-test-SweepRole-ABC"
    policy = permitted.policies.pop(name)
    assert f"role {name} does not have its policy; {patient.revert}" == functions.check_permissions(patient)
    permitted.policies[name] = {**policy, "Statement": policy["Statement"][1:]}
    assert f"role {name} has other permissions (Records) than" in functions.check_permissions(patient)


def test_a_stage_that_was_never_given_the_stacks_roles_is_found(patient: Patient, permitted: Cloud) -> None:
    record(patient, {})
    assert "the role of api_handler is not recorded; run `python -m ops provision" in functions.check_permissions(
        patient
    )


def test_a_role_of_the_operators_own_is_not_examined(patient: Patient, permitted: Cloud) -> None:
    theirs = "arn:aws:iam::123456789012:role/theirs"
    permitted.roles = dict.fromkeys(FUNCTIONS, theirs)
    record(patient, {f: {"manage_iam_role": False, "iam_role_arn": theirs} for f in FUNCTIONS})
    assert functions.check_permissions(patient) == ""


def test_other_code_than_the_checkouts_is_found() -> None:
    ours = {"app.py": 1, "chalicelib/a.py": 2}
    theirs = {**ours, "chalice/app.py": 9, "chalicelib/__pycache__/a.cpython-313.pyc": 9}
    assert functions.assess_code(theirs, ours) == ""
    assert functions.assess_code({**theirs, "chalicelib/a.py": 3}, ours) == (
        "other code than this checkout's (chalicelib/a.py)"
    )
    assert "(chalicelib/new.py)" in functions.assess_code(theirs, {**ours, "chalicelib/new.py": 4})
    assert "(chalicelib/old.py)" in functions.assess_code({**theirs, "chalicelib/old.py": 4}, ours)
    many = {f"chalicelib/{i}.py": i for i in range(5)}
    assert "(chalicelib/0.py, chalicelib/1.py, chalicelib/2.py and 2 more)" in functions.assess_code(
        theirs, {**ours, **many}
    )


def test_packages_that_are_not_pinned_or_made_for_another_python_are_found() -> None:
    folder = "python/lib/python3.13/site-packages"
    names = {
        f"{folder}/pillow-13.0.0.dist-info/METADATA",
        f"{folder}/python_ulid-4.1.0.dist-info/METADATA",
        f"{folder}/PIL/_imaging.cpython-313-x86_64-linux-gnu.so",
        f"{folder}/PIL/__pycache__/Image.cpython-312.pyc",
    }
    pins = {"pillow": "13.0.0", "python-ulid": "4.1.0"}
    assert functions.assess_packages(names, pins, "python3.13") == ""
    assert functions.assess_packages(names, {"pillow": "12.0.0"}, "python3.13") == (
        "pillow 13.0.0, but requirements.txt says 12.0.0"
    )
    assert "idna not at all" in functions.assess_packages(names, {"idna": "3.20"}, "python3.13")
    assert "compiled for Python 3.13, but runs on python3.12" in functions.assess_packages(names, pins, "python3.12")


class NoSuchFunctionError(Exception):
    pass


class Lambda:
    """Hands out what was deployed, as `url` of an archive."""

    exceptions = SimpleNamespace(ResourceNotFoundException=NoSuchFunctionError)

    def __init__(self, deployed: dict[str, str]) -> None:
        self.deployed = deployed

    def get_function(self, FunctionName: str) -> Any:  # noqa: N803 - boto3's name
        if FunctionName not in self.deployed:
            raise NoSuchFunctionError
        url = self.deployed[FunctionName]
        present = {"FunctionName": FunctionName, "CodeSha256": url, "Runtime": "python3.13"}
        return {"Configuration": present, "Code": {"Location": url}}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".chalice").mkdir()
    config.config_path(tmp_path).write_text(json.dumps({"app_name": "filemill", "stages": {"test": {}}}))
    (tmp_path / "app.py").write_text("app = 1\n")
    (tmp_path / "chalicelib" / "__pycache__").mkdir(parents=True)
    (tmp_path / "chalicelib" / "a.py").write_text("a = 1\n")
    (tmp_path / "chalicelib" / "__pycache__" / "a.pyc").write_text("")
    return tmp_path


def test_one_archive_is_fetched_for_all_functions_and_the_edited_one_is_named(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = {"filemill-test" + ("" if f == "api_handler" else f"-{f}"): "https://same" for f in FUNCTIONS}
    client = Lambda(deployed)
    patient = Patient(boto3.Session(), "eu-west-1", checkout, load(STAGE))
    monkeypatch.setattr(Patient, "client", lambda *_: client)
    fetched: list[str] = []
    ours = functions.sources(checkout)
    assert set(ours) == {"app.py", "chalicelib/a.py"}

    def contents(url: str) -> dict[str, int]:
        fetched.append(url)
        return ours if url == "https://same" else {**ours, "app.py": 0}

    monkeypatch.setattr(functions, "table_of_contents", contents)
    assert functions.check_code(patient) == ""
    assert fetched == ["https://same"]
    deployed["filemill-test-sweep"] = "https://edited"
    assert "function filemill-test-sweep runs other code than this checkout's (app.py); run `chalice deploy" in (
        functions.check_code(patient)
    )
    del deployed["filemill-test-sweep"]
    assert functions.check_code(patient) == "", "check_functions says that it is gone"


def test_an_archives_names_are_read_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("large.bin", bytes(100_000))
        archive.writestr("app.py", "app = 1\n")
    asked: list[Any] = []

    def answer(request: Any, timeout: float) -> Any:
        asked.append(request.headers["Range"])
        return io.BytesIO(whole.getvalue()[-functions.CONTENTS :])

    monkeypatch.setattr(functions, "CONTENTS", 1_000)
    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert set(functions.table_of_contents("https://archive")) == {"large.bin", "app.py"}
    assert asked == ["bytes=-1000"]


def test_a_log_group_that_is_kept_for_ever_or_missing_is_found(patient: Patient) -> None:
    client = patient.client("logs")
    group = "/aws/lambda/filemill-test"
    assert f"there is no log group {group}," in functions.check_logs(patient)
    logs.ensure(client, dict.fromkeys(logs.groups({}, "test"), 30), if_there={})
    assert functions.check_logs(patient) == ""
    client.put_retention_policy(logGroupName=f"{group}-sweep", retentionInDays=1)
    found = functions.check_logs(patient)
    assert f"log group {group}-sweep is kept for 1 day, but for 30 days is recorded; run `python -m ops" in found
    client.delete_retention_policy(logGroupName=f"{group}-sweep")
    assert "is kept for ever, but for 30 days is recorded" in functions.check_logs(patient)
