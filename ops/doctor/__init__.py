"""`python -m ops doctor`: checks a stage. Each check prints one line: ok, or what is wrong and how to fix it.

A check that can't be made, because an emulator stands in for AWS, is skipped and says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import load
from ops import config
from ops.doctor import background, canary, encryption, front_door, functions, leftovers, queues, sockets, stack, storage
from ops.doctor.patient import Check, Patient, SkippedError
from ops.errors import OpsError, sentence
from ops.report import Mark, Outcome, show
from ops.stack.names import whereabouts

EXAMPLES = (
    "doctor --stage dev",
    "doctor --stage prod --canary",
    "doctor --stage prod --json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object with every check and its finding")
    parser.add_argument(
        "--canary", action="store_true", help="also upload a small picture as a test tenant, and fetch its rendition"
    )


def main(args: argparse.Namespace) -> int:
    variables = config.load_stage(args.project_dir, args.stage)
    session = boto3.Session()
    _, region = whereabouts(session, args.stage, variables)
    patient = Patient(session, region, args.project_dir, load(variables))
    chosen = {**CHECKS, **({"a picture goes all the way": canary.check} if args.canary else {})}
    if not args.json:
        return report(patient, chosen)
    found = list(examine(patient, chosen))
    checks = {each.name: each.sentence for each in found if each.mark is not Mark.SKIPPED}
    skipped = {each.name: each.sentence for each in found if each.mark is Mark.SKIPPED}
    wrong = sum(each.bad for each in found)
    print(json.dumps({"stage": args.stage, "wrong": wrong, "checks": checks, "skipped": skipped}, indent=2))
    return int(wrong > 0)


def examine(patient: Patient, chosen: Mapping[str, Check]) -> Iterator[Outcome]:
    """Runs the checks one after another. An outcome's sentence says what is wrong, or why a check was skipped."""
    for name, check in chosen.items():
        try:
            finding = check(patient)
        except SkippedError as reason:
            yield Outcome(name, Mark.SKIPPED, str(reason))
            continue
        except ClientError as error:
            finding = sentence(error)
            if _is_gone(error):
                finding = f"{finding}; {patient.revert} to make it again, empty"
        except (BotoCoreError, OSError, OpsError) as error:
            finding = sentence(error) if isinstance(error, BotoCoreError) else str(error)
        yield Outcome(name, Mark.WRONG if finding else Mark.OK, finding)


def _is_gone(error: ClientError) -> bool:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return any(word in code for word in ("NoSuch", "NotFound", "NonExistent", "DoesNotExist"))


def report(patient: Patient, chosen: Mapping[str, Check] | None = None, say: Callable[[str], None] = print) -> int:
    """Prints each check's outcome. Returns the exit code: 1 if a check found something wrong, else 0."""
    return show(examine(patient, CHECKS if chosen is None else chosen), say)


CHECKS: dict[str, Check] = {
    "the stack is complete": stack.check_stack,
    "the stack has this checkout's template": stack.check_template,
    "this computer's clock is right": front_door.check_clock,
    "new objects reach the queue": storage.check_notification,
    "the queue accepts them": queues.check_queue_policy,
    "browsers may upload": storage.check_cors,
    "the buckets are closed": storage.check_buckets,
    "the key opens what is stored": encryption.check,
    "records expire": storage.check_expiry,
    "changes are streamed": storage.check_stream,
    "failed files are set aside": queues.check_redrive,
    "failed imports are set aside": queues.check_import_queue,
    "failed deliveries are set aside": queues.check_webhook_queue,
    "failed films are set aside": queues.check_media_queue,
    "no dead letters": queues.check_dead_letters,
    "the queue is read": queues.check_trigger,
    "the import queue is read": queues.check_import_trigger,
    "the webhook queue is read": queues.check_webhook_trigger,
    "the media queue is read": queues.check_media_trigger,
    "webhooks may be tried again": queues.check_loops,
    "the index follows the table": background.check_index_trigger,
    "changes are published": background.check_publish_trigger,
    "the event bus is there": background.check_bus,
    "the sweep runs": background.check_sweep,
    "Chalice knows what is deployed": leftovers.check_record,
    "the functions are as recorded": functions.check_functions,
    "the account has room for the functions": functions.check_room,
    "the functions may do their work": functions.check_permissions,
    "the functions run this code": functions.check_code,
    "logs end": functions.check_logs,
    "the distribution is ready": front_door.check_distribution,
    "private files open with a signature": front_door.check_key,
    "private files need a signature": front_door.check_signatures,
    "the front door shows the console": front_door.check_console,
    "the front door leads to the API": front_door.check_front_door,
    "the API answers": front_door.check_health,
    "the WebSocket API serves its routes": sockets.check_deployment,
    "the front door leads to sockets": sockets.check_front_door,
    "the alarms are quiet": stack.check_alarms,
}
