"""The functions' policies as CloudFormation makes them of the template: its roles, with the stage's own values put in.

The policies are written by hand in `.chalice/resources.yaml`. This reads them for the doctor, which compares them with
the roles that there are, and for tests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.stack import counted_logs, template
from ops.stack.names import ROLE_IDS

Policy = dict[str, Any]

# The name of the one policy in each role.
POLICY_NAME = "filemill"


@dataclass(frozen=True)
class Place:
    """One stage's resources in one account, from which CloudFormation makes the ARNs in the policies."""

    stage: str
    partition: str
    region: str
    account: str
    originals_bucket: str
    derived_bucket: str
    table: str
    ingest_queue_arn: str
    import_queue_arn: str
    webhook_queue_arn: str
    event_bus: str
    distribution_id: str
    app_name: str = "filemill"
    api_stage: str = "api"
    xray: bool = False
    scan: str = "off"
    labels: bool = False
    service_function: str = ""
    media_convert_role: str = ""
    """Empty if the stage does not have films converted."""
    media_queue_arn: str = ""
    """Empty if the stage has no function `media`."""
    access_logs: str = ""
    """Bucket and prefix of the access logs that the sweep counts; empty for none."""
    encryption_key: str = ""
    """ARN of the KMS key, the stage's own or the operator's; empty if the stage has none."""

    @property
    def values(self) -> dict[str, str]:
        """The values of the template's references: `Stage`, `Table.Arn`, `AWS::Region` …"""
        table_arn = f"arn:{self.partition}:dynamodb:{self.region}:{self.account}:table/{self.table}"
        return {
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::AccountId": self.account,
            "App": self.app_name,
            "Stage": self.stage,
            "Distribution": self.distribution_id,
            "Table": self.table,
            "Table.Arn": table_arn,
            "OriginalsBucket.Arn": f"arn:{self.partition}:s3:::{self.originals_bucket}",
            "DerivedBucket.Arn": f"arn:{self.partition}:s3:::{self.derived_bucket}",
            "IngestQueue.Arn": self.ingest_queue_arn,
            "ImportQueue.Arn": self.import_queue_arn,
            "WebhookQueue.Arn": self.webhook_queue_arn,
            "MediaQueue.Arn": self.media_queue_arn,
            "EventBus.Arn": f"arn:{self.partition}:events:{self.region}:{self.account}:event-bus/{self.event_bus}",
            "ApiStage": self.api_stage,
            "ServiceFunction": self.service_function,
            "MediaConvertRole.Arn": self.media_convert_role,
            **counted_logs.parameters({counted_logs.VARIABLE: self.access_logs}),
            "EncryptionKey": self.encryption_key,
        }

    @property
    def conditions(self) -> dict[str, bool]:
        """The template's conditions that decide about rights."""
        return {
            "Traced": self.xray,
            "Scans": self.scan != "off",
            "ByGuardDuty": self.scan == "guardduty",
            "HasLabels": self.labels,
            "HasServiceFunction": bool(self.service_function),
            "HasMediaConvert": bool(self.media_convert_role),
            "HasMedia": bool(self.media_queue_arn),
            "CountsDelivered": bool(self.access_logs),
            "HasKey": bool(self.encryption_key),
            # A key of the stage's own gives the same rights: only its ARN is found in another way.
            "MakesKey": False,
        }


def function_policies(place: Place, project_dir: Path = Path()) -> dict[str, Policy]:
    """Each function's policy in this place, by the function's name. The template is read from the project's folder."""
    resources = template.document(project_dir)["Resources"]
    found = {}
    for function, logical in ROLE_IDS.items():
        condition = resources[logical].get("Condition")
        if condition and not place.conditions[condition]:
            continue
        (policy,) = resources[logical]["Properties"]["Policies"]
        found[function] = resolved(policy["PolicyDocument"], place.values, place.conditions)
    return found


def resolved(node: Any, values: Mapping[str, str], conditions: Mapping[str, bool]) -> Any:
    """The node with its Ref, Fn::GetAtt, Fn::Sub and Fn::If put in, and without what is AWS::NoValue.

    Raises
    ------
    KeyError
        The node refers to something that has no value here.
    """
    if isinstance(node, list):
        items = [resolved(item, values, conditions) for item in node]
        return [item for item in items if item is not None]
    if not isinstance(node, dict):
        return node
    match node:
        case {"Ref": "AWS::NoValue"}:
            return None
        case {"Ref": str(name)}:
            return values[name]
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return values[f"{name}.{attribute}"]
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^!}]+)\}", lambda found: values[found[1]], text)
        case {"Fn::If": [str(condition), yes, no]}:
            return resolved(yes if conditions[condition] else no, values, conditions)
    return {name: resolved(value, values, conditions) for name, value in node.items()}
