"""Reduces botocore's data to what the functions need: some services, the operations that are called, their endpoints.

When botocore makes a client, it reads the service's whole model and makes a method for each operation. A model with
only the called operations is read in a fraction of that time, and leads to the same requests and the same answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

from chalicelib import table_calls

# The operations that chalicelib calls or signs, by service. A test compares them with the code.
OPERATIONS: Mapping[str, frozenset[str]] = {
    "apigatewaymanagementapi": frozenset({"DeleteConnection", "PostToConnection"}),
    "cloudfront": frozenset({"CreateInvalidation"}),
    "dynamodb": table_calls.OPERATIONS,
    "events": frozenset({"PutEvents"}),
    "guardduty": frozenset({"SendObjectMalwareScan"}),
    "lambda": frozenset({"Invoke"}),
    "mediaconvert": frozenset({"CreateJob"}),
    "rekognition": frozenset({"DetectLabels"}),
    "s3": frozenset(
        {
            "AbortMultipartUpload",
            "CompleteMultipartUpload",
            "CopyObject",
            "CreateMultipartUpload",
            "DeleteObject",
            "DeleteObjects",
            "GetObject",
            "GetObjectTagging",
            "HeadObject",
            "ListMultipartUploads",
            "ListObjectVersions",
            "ListObjectsV2",
            "ListParts",
            "PutObject",
            "PutObjectTagging",
            "UploadPart",
        }
    ),
    "sqs": frozenset({"ChangeMessageVisibility", "GetQueueAttributes", "SendMessage"}),
    "ssm": frozenset({"GetParameter"}),
}

# Operations that botocore itself looks up: for a table's endpoints (off by default), for a bucket's region, and for the
# address of an upload form, which needs the model of CreateBucket (botocore.signers.generate_presigned_post).
BOTOCORES_OWN: Mapping[str, frozenset[str]] = {
    "dynamodb": frozenset({"DescribeEndpoints"}),
    "s3": frozenset({"CreateBucket", "HeadBucket"}),
}

# These texts are in the conditions of S3 rules that no bucket of a stage meets: directory buckets and their access
# points (suffixes), S3 on Outposts, S3 Object Lambda, and access points by ARN. They are two thirds of all rules.
_OTHER_BUCKETS = ("--x-s3", "--xa-s3", "hardwareType", "UseS3Express", "UseObjectLambdaEndpoint", "aws.parseArn")


def write(data: Path, target: Path) -> None:
    """Writes the needed part of botocore's folder `data` to the new folder `target`, as plain JSON."""
    target.mkdir(parents=True)
    for file in sorted(data.glob("*.json")):
        content = json.loads(file.read_bytes())
        if file.name == "endpoints.json":
            for partition in content["partitions"]:
                partition["services"] = {k: v for k, v in partition["services"].items() if k in OPERATIONS}
        _write_json(target / file.name, content)
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    for service in OPERATIONS:
        folder = target / service / loader.determine_latest_version(service, "service-2")
        folder.mkdir(parents=True)
        for kind in ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2"):
            if service in loader.list_available_services(kind):
                _write_json(folder / f"{kind}.json", trimmed(service, kind, loader.load_service_model(service, kind)))


def trimmed(service: str, kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """A service's data without the parts for other operations. `kind` is botocore's name for it: `service-2` …"""
    kept = OPERATIONS[service] | BOTOCORES_OWN.get(service, frozenset())
    if kind == "service-2":
        return _model(content, kept)
    if kind == "endpoint-rule-set-1":
        return {**content, "rules": _rules(content["rules"])}
    if kind == "paginators-1":
        return {**content, "pagination": {k: v for k, v in content["pagination"].items() if k in kept}}
    return {**content, "waiters": {k: v for k, v in content["waiters"].items() if v["operation"] in kept}}


def _model(model: Mapping[str, Any], kept: frozenset[str]) -> dict[str, Any]:
    """The operations in `kept`, with every shape that they use, and all errors, because any call may return one."""
    operations = {name: each for name, each in model["operations"].items() if name in kept}
    errors = [name for name, shape in model["shapes"].items() if shape.get("exception")]
    shapes: dict[str, Any] = {}
    waiting = [*_shape_names(operations), *errors]
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            waiting += _shape_names(shapes[name])
    ordered = {name: shape for name, shape in model["shapes"].items() if name in shapes}
    trimmed: dict[str, Any] = _undocumented({**model, "operations": operations, "shapes": ordered})
    for parameter in trimmed.get("clientContextParams", {}).values():
        parameter["documentation"] = ""  # botocore requires this one in each call of S3, and no other
    return trimmed


def _shape_names(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        for child in node.values():
            yield from _shape_names(child)
    elif isinstance(node, list):
        for child in node:
            yield from _shape_names(child)


def _rules(rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The endpoint rules without those for other kinds of buckets. Rules that refuse a request stay as they are."""
    kept = []
    for rule in rules:
        if rule["type"] == "tree":
            if any(name in json.dumps(rule["conditions"]) for name in _OTHER_BUCKETS):
                continue
            rule = {**rule, "rules": _rules(rule["rules"])}
        kept.append(_undocumented(rule))
    return kept


def _undocumented(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {k: _undocumented(v) for k, v in node.items() if k != "documentation" or not isinstance(v, str)}
    return [_undocumented(each) for each in node] if isinstance(node, list) else node


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
