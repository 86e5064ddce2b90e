"""DynamoDB's point-in-time recovery.

MiniStack restores a table to the present, whatever time is asked for. This keeps what each write replaced, so that a
table can be restored to the items that it had at that time. The history is in memory: it begins when the emulator
starts or when recovery is enabled, and it holds the last `WRITES` writes of each table.

CloudFormation updates a table that was imported in place. MiniStack would replace it, because it has another name than
MiniStack gives.
"""

import copy
import math
import time
from collections import defaultdict, deque

RELIED_ON = {
    "ministack.services.dynamodb:_set_item": "(table, pk_val, sk_val, item)",
    "ministack.services.dynamodb:_remove_item": "(table, pk_val, sk_val)",
    "ministack.services.dynamodb:_restore_table_to_point_in_time": "(data)",
    "ministack.services.dynamodb:_describe_continuous_backups": "(data)",
    "ministack.services.dynamodb:_update_continuous_backups": "(data)",
    "ministack.services.dynamodb:_items_replaced": "(table)",
    "ministack.services.dynamodb:_table_description": "(name)",
    "ministack.services.cloudformation.provisioners:_ddb_update": (
        "(physical_id, old_props, new_props, stack_name, logical_id=None)"
    ),
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""

WRITES = 200_000
STARTED = time.time()


class History:
    """The items that the writes to one table replaced, in order, since `began` (Unix seconds)."""

    def __init__(self, began):
        self.began = began
        self.writes = deque()  # (Unix seconds, partition key, sort key, the item before or None)

    def add(self, pk, sk, before):
        self.writes.append((time.time(), pk, sk, before))
        if len(self.writes) > WRITES:
            self.began = self.writes.popleft()[0]

    @property
    def earliest(self):
        return math.ceil(self.began)


_histories = {}  # by the table's id, so that a table of the same name does not inherit them


def _of(table):
    if table["TableId"] not in _histories:
        _histories[table["TableId"]] = History(max(STARTED, table.get("CreationDateTime", 0)))
    return _histories[table["TableId"]]


def items_at(table, moment):
    """The items that the table had at the end of the second `moment`."""
    items = {pk: dict(rows) for pk, rows in table["items"].items()}
    for when, pk, sk, before in reversed(_of(table).writes):
        if when < moment + 1:
            break
        if before is None:
            items.get(pk, {}).pop(sk, None)
        else:
            items.setdefault(pk, {})[sk] = before
    return defaultdict(dict, copy.deepcopy({pk: rows for pk, rows in items.items() if rows}))


def apply() -> None:
    keep_history()
    answer_with_history()
    update_imported_tables()


def keep_history() -> None:
    from ministack.services import dynamodb

    put, remove = dynamodb._set_item, dynamodb._remove_item

    def keep(table, pk, sk):
        _of(table).add(pk, sk, table["items"].get(pk, {}).get(sk))

    def put_and_keep(table, pk_val, sk_val, item):
        keep(table, pk_val, sk_val)
        return put(table, pk_val, sk_val, item)

    def remove_and_keep(table, pk_val, sk_val):
        keep(table, pk_val, sk_val)
        return remove(table, pk_val, sk_val)

    dynamodb._set_item, dynamodb._remove_item = put_and_keep, remove_and_keep


def answer_with_history() -> None:
    from ministack.core.responses import error_response_json, json_response
    from ministack.services import dynamodb

    update, describe = dynamodb._update_continuous_backups, dynamodb._describe_continuous_backups
    restore, table_description = dynamodb._restore_table_to_point_in_time, dynamodb._table_description

    def describe_with_summary(name):
        summary = dynamodb._tables[name].get("RestoreSummary")
        return {**table_description(name), **({"RestoreSummary": summary} if summary else {})}

    def update_backups(data):
        name = data.get("TableName")
        wanted = data.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled", False)
        if wanted and name in dynamodb._tables and not dynamodb._pitr_settings.get(name):
            _histories[dynamodb._tables[name]["TableId"]] = History(time.time())
        return update(data)

    def describe_backups(data):
        status, headers, body = describe(data)
        name = data.get("TableName")
        if status != 200 or not dynamodb._pitr_settings.get(name):
            return status, headers, body
        recovery = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": 35,
            "EarliestRestorableDateTime": _of(dynamodb._tables[name]).earliest,
            "LatestRestorableDateTime": int(time.time()) - 1,
        }
        description = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery}
        return json_response({"ContinuousBackupsDescription": description})

    def restore_table(data):
        source = dynamodb._tables.get(data.get("SourceTableName"))
        if source is None:
            return restore(data)
        name, latest = source["TableName"], int(time.time()) - 1
        if not dynamodb._pitr_settings.get(name):
            why = f"Point in time recovery is not enabled for table '{name}'"
            return error_response_json("PointInTimeRecoveryUnavailableException", why, 400)
        moment = latest if data.get("UseLatestRestorableTime") else data.get("RestoreDateTime", 0)
        if not _of(source).earliest <= moment <= latest:
            why = "The specified time is not between EarliestRestorableDateTime and LatestRestorableDateTime"
            return error_response_json("InvalidRestoreTimeException", why, 400)
        status, headers, body = restore(data)
        if status != 200:
            return status, headers, body
        target = dynamodb._tables[data["TargetTableName"]]
        target["items"] = items_at(source, int(moment))
        dynamodb._items_replaced(target)
        target["RestoreSummary"] = {
            "SourceTableArn": source["TableArn"],
            "RestoreDateTime": int(moment),
            "RestoreInProgress": False,
        }
        return json_response({"TableDescription": dynamodb._table_description(target["TableName"])})

    dynamodb._table_description = describe_with_summary
    dynamodb._update_continuous_backups = update_backups
    dynamodb._describe_continuous_backups = describe_backups
    dynamodb._restore_table_to_point_in_time = restore_table


def update_imported_tables() -> None:
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    update = handlers["update"]

    def update_in_place(physical_id, old_props, new_props, stack_name, logical_id=None):
        if "TableName" not in new_props and "TableName" not in old_props:
            new_props = {**new_props, "TableName": physical_id}
        return update(physical_id, old_props, new_props, stack_name, logical_id)

    handlers["update"] = update_in_place
