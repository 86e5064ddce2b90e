"""Checks of the functions: their settings, permissions and limits, and whether they run this checkout's code."""

from __future__ import annotations

import io
import json
import re
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ops import config
from ops.doctor.patient import TIMEOUT, Patient
from ops.package import pinned
from ops.stack import logs
from ops.stack.policies import POLICIES

# Chalice chooses the runtime by the Python that it runs on itself (pyproject.toml, requires-python).
RUNTIMES = ("3.12", "3.13", "3.14")

# Bytes to read from the end of an archive, where its table of contents is (names and checksums). A layer's has 300 KB.
CONTENTS = 2 * 1024**2

_PACKAGE = re.compile(r"(?:^|/)([^/]+)-([^/-]+)\.dist-info/")
_COMPILED = re.compile(r"\.cpython-(\d)(\d+)[-.]")


def check_functions(patient: Patient) -> str:
    """Finds a function that is not deployed as .chalice/config.json says."""
    recorded = config.read_config(patient.project_dir)
    stage = patient.settings.stage
    layers = [found["layer_version_arn"] for found in patient.deployed("lambda_layer")]
    client = patient.client("lambda")
    for function in POLICIES:
        name = patient.function_name(function)
        try:
            present = client.get_function(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            return f"there is no function {name}; {patient.deploy}"
        wanted = config.function_settings(recorded, stage, function)
        variables = config.stage_variables(recorded, stage, function)
        for wrong in (
            assess_function(present["Configuration"], wanted, variables, layers),
            assess_concurrency(present.get("Concurrency", {}), wanted),
        ):
            if wrong:
                return f"function {name} {wrong}; {patient.deploy}"
    return ""


def assess_function(
    present: Mapping[str, Any], wanted: Mapping[str, Any], variables: Mapping[str, str], layers: Iterable[str] = ()
) -> str:
    if str(present.get("Runtime", "")).removeprefix("python") not in RUNTIMES:
        return f"runs on {present.get('Runtime')}, which Filemill does not support"
    if present.get("LastUpdateStatus") == "Failed":
        return f"could not be updated the last time ({present.get('LastUpdateStatusReason', 'no reason is given')})"
    deployed = present.get("Environment", {}).get("Variables", {})
    if other := sorted(name for name, value in variables.items() if deployed.get(name) != value):
        return f"does not have the recorded settings ({', '.join(other)})"
    for ours, theirs in (("lambda_timeout", "Timeout"), ("lambda_memory_size", "MemorySize")):
        if ours in wanted and wanted[ours] != present.get(theirs):
            return f"has a {theirs} of {present.get(theirs)}, but {wanted[ours]} is recorded"
    architecture, has = wanted.get("lambda_architecture"), present.get("Architectures", ["x86_64"])
    if architecture and has != [architecture]:
        return f"runs on {', '.join(has)}, but {architecture} is recorded"
    if missing := set(layers) - {layer["Arn"] for layer in present.get("Layers", [])}:
        return f"does not have the layer that was deployed last ({', '.join(missing)})"
    return ""


def assess_concurrency(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    reserved, recorded = present.get("ReservedConcurrentExecutions"), wanted.get("reserved_concurrency")
    if reserved == recorded:
        return ""
    if reserved == 0:
        return "is turned off: its reserved concurrency is 0"
    return f"has a reserved concurrency of {_or_none(reserved)}, but {_or_none(recorded)} is recorded"


def _or_none(number: int | None) -> str:
    return "none" if number is None else str(number)


def check_permissions(patient: Patient) -> str:
    """Finds a role without the policy that `ops provision` wrote and `chalice deploy` attached."""
    iam = patient.client("iam")
    recorded = config.read_config(patient.project_dir)
    roles = {role["name"]: role["role_name"] for role in patient.deployed("iam_role")}
    for function in POLICIES:
        role = roles.get(f"{function}_role")
        file = config.function_settings(recorded, patient.settings.stage, function).get("iam_policy_file")
        if not role or not file:
            continue  # the operator manages this role
        wanted = json.loads((patient.project_dir / ".chalice" / file).read_text(encoding="utf-8"))
        try:
            present = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
        except iam.exceptions.NoSuchEntityException:
            return f"role {role} does not have its policy; {patient.deploy}"
        if wrong := assess_policy(present, wanted):
            return f"role {role} has {wrong} than .chalice/{file}; {patient.deploy}"
    return ""


def assess_policy(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    if present == wanted:
        return ""
    there = [json.dumps(statement, sort_keys=True) for statement in present["Statement"]]
    other = [s["Sid"] for s in wanted["Statement"] if json.dumps(s, sort_keys=True) not in there]
    return f"other permissions ({', '.join(other)})" if other else "more permissions"


def check_logs(patient: Patient) -> str:
    """Finds a log group that is kept for another time than the stage's setting says."""
    wanted = logs.days(config.read_config(patient.project_dir), patient.settings.stage)
    present = logs.retentions(patient.client("logs"), wanted)
    return assess_logs(present, wanted, patient.provision)


def assess_logs(present: Mapping[str, int], wanted: Mapping[str, int], remedy: str) -> str:
    """Both are days by the groups' names; 0 is for ever."""
    for name, days in wanted.items():
        if name not in present:
            return f"there is no log group {name}, and Lambda would make it to be kept for ever; {remedy}"
        if present[name] != days:
            return f"log group {name} is kept {_period(present[name])}, but {_period(days)} is recorded; {remedy}"
    return ""


def _period(days: int) -> str:
    return "for ever" if days == logs.FOR_EVER else f"for {days} day{'s' * (days != 1)}"


def check_code(patient: Patient) -> str:
    """Finds a function that runs other code than this checkout's, or other packages than requirements.txt names."""
    client = patient.client("lambda")
    ours = sources(patient.project_dir)
    pins = pinned(patient.project_dir / "requirements.txt")
    # Chalice deploys the same archive and the same layer for every function, so each is read only once.
    archives: dict[str, dict[str, int]] = {}
    for function in POLICIES:
        try:
            found = client.get_function(FunctionName=patient.function_name(function))
        except client.exceptions.ResourceNotFoundException:
            continue  # check_functions reports it
        present = found["Configuration"]
        if present["CodeSha256"] not in archives:
            archives[present["CodeSha256"]] = table_of_contents(found["Code"]["Location"])
        code = archives[present["CodeSha256"]]
        if wrong := assess_code(code, ours):
            return f"function {present['FunctionName']} runs {wrong}; {patient.deploy}"
        names = set(code)
        for layer in present.get("Layers", []):
            if layer["Arn"] not in archives:
                content = client.get_layer_version_by_arn(Arn=layer["Arn"])["Content"]
                archives[layer["Arn"]] = table_of_contents(content["Location"])
            names |= set(archives[layer["Arn"]])
        if wrong := assess_packages(names, pins, present["Runtime"]):
            return f"function {present['FunctionName']} has {wrong}; {patient.deploy}"
    return ""


def sources(project_dir: Path) -> dict[str, int]:
    """CRC-32 of app.py and of every file of chalicelib, by their names in the archive."""
    files = [project_dir / "app.py", *(project_dir / "chalicelib").rglob("*")]
    return {
        file.relative_to(project_dir).as_posix(): zlib.crc32(file.read_bytes())
        for file in files
        if file.is_file() and "__pycache__" not in file.parts
    }


def table_of_contents(url: str) -> dict[str, int]:
    """CRC-32 of each file in an archive, by name. Only the end of the archive is fetched."""
    request = urllib.request.Request(url, headers={"Range": f"bytes=-{CONTENTS}"})  # noqa: S310 - from AWS
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
        archive = zipfile.ZipFile(io.BytesIO(answer.read()))
    return {entry.filename: entry.CRC for entry in archive.infolist()}


def assess_code(deployed: Mapping[str, int], ours: Mapping[str, int]) -> str:
    theirs = {
        name: crc
        for name, crc in deployed.items()
        if name == "app.py" or (name.startswith("chalicelib/") and "/__pycache__/" not in name)
    }
    other = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    if not other:
        return ""
    more = f" and {len(other) - 3} more" if len(other) > 3 else ""
    return f"other code than this checkout's ({', '.join(other[:3])}{more})"


def assess_packages(names: Iterable[str], pins: Mapping[str, str], runtime: str) -> str:
    """`names` are the names of all files that a function can import, those of its layers included."""
    names = set(names)
    present = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in _found(_PACKAGE, names)}
    for name, version in pins.items():
        if present.get(name) != version:
            return f"{name} {present.get(name, 'not at all')}, but requirements.txt says {version}"
    for major, minor in _found(_COMPILED, {name for name in names if name.endswith(".so")}):
        if runtime != f"python{major}.{minor}":
            return f"packages compiled for Python {major}.{minor}, but runs on {runtime}"
    return ""


def _found(pattern: re.Pattern[str], names: Iterable[str]) -> set[tuple[str, str]]:
    return {(match[1], match[2]) for name in names if (match := pattern.search(name))}
