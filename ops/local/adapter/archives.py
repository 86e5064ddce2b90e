"""CloudFormation's AWS::Events::Archive, which MiniStack does not have; its EventBridge has archives and replays.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-archive.html
"""

import json

RELIED_ON = {
    "ministack.services.eventbridge:_create_archive": "(data)",
    "ministack.services.eventbridge:_update_archive": "(data)",
    "ministack.services.eventbridge:_delete_archive": "(data)",
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""


def apply():
    from ministack.services.cloudformation import provisioners

    provisioners._RESOURCE_HANDLERS["AWS::Events::Archive"] = {"create": create, "update": update, "delete": delete}


def create(logical_id, props, stack_name):
    from ministack.services import eventbridge

    name = props.get("ArchiveName") or f"{stack_name}-{logical_id}"
    _taken(eventbridge._create_archive({"ArchiveName": name, "EventSourceArn": props["SourceArn"], **_values(props)}))
    return name, {"Arn": eventbridge._archives[name]["ArchiveArn"], "ArchiveName": name}


def update(physical_id, old_props, new_props, stack_name):
    from ministack.services import eventbridge

    _taken(eventbridge._update_archive({"ArchiveName": physical_id, **_values(new_props)}))
    return physical_id, {"Arn": eventbridge._archives[physical_id]["ArchiveArn"], "ArchiveName": physical_id}


def delete(physical_id, props):
    from ministack.services import eventbridge

    eventbridge._delete_archive({"ArchiveName": physical_id})


def _values(props):
    """Properties as EventBridge's API takes them: the pattern is text there."""
    values = {"Description": props.get("Description", ""), "RetentionDays": int(props.get("RetentionDays", 0))}
    if pattern := props.get("EventPattern"):
        values["EventPattern"] = pattern if isinstance(pattern, str) else json.dumps(pattern)
    return values


def _taken(answer):
    """Raises ValueError, which makes the stack fail, if EventBridge refuses."""
    status, _, body = answer
    if status >= 400:
        raise ValueError(f"AWS::Events::Archive: {body!r}")
