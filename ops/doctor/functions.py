"""Checks of the functions: their settings, permissions and limits, and whether they run this checkout's code."""

from __future__ import annotations

import io
import json
import re
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ops import config
from ops.doctor.patient import TIMEOUT, Patient
from ops.package import pinned
from ops.stack import concurrency, logs, recording, services
from ops.stack.names import FUNCTIONS, WITH_FFMPEG
from ops.stack.roles import POLICY_NAME, Place, function_policies

# Chalice chooses the runtime by the Python that it runs on itself (pyproject.toml, requires-python).
RUNTIMES = ("3.12", "3.13", "3.14")

# Bytes to read from the end of an archive, where its table of contents is (names and checksums). A layer's has 300 KB.
CONTENTS = 2 * 1024**2

_PACKAGE = re.compile(r"(?:^|/)([^/]+)-([^/-]+)\.dist-info/")
_COMPILED = re.compile(r"\.cpython-(\d)(\d+)[-.]")


def functions_of(patient: Patient) -> tuple[str, ...]:
    """The functions that the stage should have."""
    return tuple(function for function in FUNCTIONS if function not in WITH_FFMPEG or patient.settings.has_media)


def check_functions(patient: Patient) -> str:
    """Finds a function that is not deployed as .chalice/config.json says."""
    recorded = config.read_config(patient.project_dir)
    stage = patient.settings.stage
    layers = [found["layer_version_arn"] for found in patient.deployed("lambda_layer")]
    client = patient.client("lambda")
    for function in functions_of(patient):
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
    if missing := {*layers, *wanted.get("layers", [])} - {layer["Arn"] for layer in present.get("Layers", [])}:
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


def check_room(patient: Patient) -> str:
    """Finds queues that start more functions at once than the account can run."""
    here = patient.settings
    recorded = config.read_config(patient.project_dir)
    account = concurrency.examine(patient.client("lambda"), recorded, here.stage)
    at_once = {"process": here.process_at_once, "fetch": here.fetch_at_once, "deliver": here.deliver_at_once}
    if here.has_media:
        at_once["media"] = here.media_at_once
    return assess_room(account, at_once, here.stage)


def assess_room(account: concurrency.Account, at_once: Mapping[str, int], stage: str) -> str:
    """`at_once` is the recorded bound of each function that a queue starts."""
    caps = concurrency.caps(account.after, account.wanted)
    over = {name: number for name, number in at_once.items() if number > caps.get(name, number)}
    if not over:
        return ""
    may = ", ".join(f"{name} may run {number} times at once" for name, number in over.items())
    return (
        f"{may}, but only {max(account.after.unreserved, 0)} of the account's {account.pool.limit} concurrent "
        "executions are not reserved, and throttled messages would become dead letters; run "
        f"`make deploy STAGE={stage}`, which caps it, or {concurrency.raise_it(account.region)}"
    )


def check_permissions(patient: Patient) -> str:
    """Finds a function that does not run with the stack's role, and a role that has another policy than the template.

    A role that the operator chose is not examined.
    """
    iam, client = patient.client("iam"), patient.client("lambda")
    recorded, stage = config.read_config(patient.project_dir), patient.settings.stage
    wanted = function_policies(place_of(patient, recorded), patient.project_dir)
    for function, policy in wanted.items():
        if recording.has_own_role(recorded, stage, function):
            continue
        arn = config.function_settings(recorded, stage, function).get("iam_role_arn")
        if not arn:
            return f"the role of {function} is not recorded; {patient.provision}, then {patient.deploy}"
        try:
            present = client.get_function_configuration(FunctionName=patient.function_name(function))["Role"]
        except client.exceptions.ResourceNotFoundException:
            continue  # check_functions reports it
        if present != arn:
            name = patient.function_name(function)
            return f"function {name} has the role {present}, but {arn} is recorded; {patient.deploy}"
        role = arn.rpartition("/")[2]
        try:
            has = iam.get_role_policy(RoleName=role, PolicyName=POLICY_NAME)["PolicyDocument"]
        except iam.exceptions.NoSuchEntityException:
            return f"role {role} does not have its policy; {patient.revert}"
        if wrong := assess_policy(has, policy):
            return f"role {role} has {wrong} than .chalice/resources.yaml; {patient.revert}"
    return ""


def place_of(patient: Patient, recorded: config.Config) -> Place:
    """The stage's resources, as the template's policies name them."""
    settings = patient.settings
    _, partition, _, region, account, _ = settings.ingest_queue_arn.split(":")
    asked = services.parameters(config.stage_variables(recorded, settings.stage, "process"), partition, region, account)
    return Place(
        stage=settings.stage,
        partition=partition,
        region=region,
        account=account,
        originals_bucket=settings.originals_bucket,
        derived_bucket=settings.derived_bucket,
        table=settings.table,
        ingest_queue_arn=settings.ingest_queue_arn,
        import_queue_arn=settings.import_queue_arn,
        webhook_queue_arn=settings.webhook_queue_arn,
        event_bus=settings.event_bus,
        distribution_id=settings.distribution_id,
        app_name=config.app_name(recorded),
        api_stage=config.api_stage(recorded, settings.stage),
        xray=config.is_traced(recorded, settings.stage),
        labels=asked["Labels"] == "true",
        service_function=asked["ServiceFunction"],
        media_convert_role=settings.transcoder if asked["MediaConvert"] == "true" else "",
        scan=settings.scan,
        media_queue_arn=settings.media_queue_arn if settings.has_media else "",
        access_logs=settings.access_logs,
        encryption_key=settings.encryption_key_arn,
    )


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
    for name, wrong in code_differences(patient):
        return f"function {name} {wrong}; {patient.deploy}"
    return ""


def code_differences(patient: Patient) -> Iterator[tuple[str, str]]:
    """(name, difference) of each function whose code or packages are not this checkout's."""
    client = patient.client("lambda")
    ours = sources(patient.project_dir)
    pins = pinned(patient.project_dir / "requirements.txt")
    # Chalice deploys the same archive and the same layer for every function, so each is read only once.
    archives: dict[str, dict[str, int]] = {}
    for function in functions_of(patient):
        try:
            found = client.get_function(FunctionName=patient.function_name(function))
        except client.exceptions.ResourceNotFoundException:
            continue  # check_functions reports it
        present = found["Configuration"]
        if present["CodeSha256"] not in archives:
            archives[present["CodeSha256"]] = table_of_contents(found["Code"]["Location"])
        code = archives[present["CodeSha256"]]
        if wrong := assess_code(code, ours):
            yield present["FunctionName"], f"runs {wrong}"
            continue
        names = set(code)
        for layer in present.get("Layers", []):
            if layer["Arn"] not in archives:
                archives[layer["Arn"]] = _layer_contents(client, layer["Arn"])
            names |= set(archives[layer["Arn"]])
        # Chalice deletes a layer's former version before it makes the next, and may have been stopped then.
        if any(not archives[layer["Arn"]] for layer in present.get("Layers", [])):
            yield present["FunctionName"], "has a layer that was deleted"
            continue
        if wrong := assess_packages(names, pins, present["Runtime"]):
            yield present["FunctionName"], f"has {wrong}"


def _layer_contents(client: Any, arn: str) -> dict[str, int]:
    """CRC-32 of each file in a layer, by name. Empty if the layer was deleted."""
    try:
        content = client.get_layer_version_by_arn(Arn=arn)["Content"]
    except client.exceptions.ResourceNotFoundException:
        return {}
    return table_of_contents(content["Location"])


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
