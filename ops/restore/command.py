"""`python -m ops restore`: brings a stage's records back to an earlier time, and compares them with both buckets.

Everything up to the question changes nothing for the stage. After it, each step finds out by itself if it is done
already, so a run that was interrupted at any place goes on when it is run again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib import wheels
from chalicelib.settings import PREFIX, settings
from ops import config, package, provision
from ops.errors import OpsError
from ops.local import commands
from ops.progress import confirm_name
from ops.restore import audit, moments, report, switch, tables, takeover
from ops.restore.audit import Finding
from ops.restore.hold import REQUEST, Functions
from ops.restore.items import Items
from ops.restore.moments import moment, written
from ops.restore.tables import Table
from ops.restore.takeover import Outcome, TakeOver
from ops.stack import emulator_gaps

EXAMPLES = (
    "restore --stage prod --at 2026-11-22T12:00:00Z --dry-run",
    "restore --stage prod --at 2026-11-22T12:00:00Z --keep-newer",
    "restore --stage prod --latest --yes",
    "restore --stage prod --audit-only --json",
    "restore --stage prod --abandon",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--at", type=moment, metavar="TIME", help="the time to restore, such as 2026-11-22T12:00:00Z")
    what.add_argument("--latest", action="store_true", help="restore the newest state that DynamoDB can restore")
    what.add_argument(
        "--audit-only", action="store_true", help="restore nothing; compare the present table with both buckets"
    )
    what.add_argument(
        "--abandon", action="store_true", help="let the functions go on after a run that was interrupted and given up"
    )
    parser.add_argument("--keep-newer", action="store_true", help="keep the files that came after that time")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen; change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask before the stage gets the other table")
    parser.add_argument("--json", action="store_true", help="print the report as JSON; progress goes to stderr")


def main(args: argparse.Namespace) -> int:
    variables = config.load_stage(args.project_dir, args.stage)
    os.environ.update(variables)
    run = Restore(args.stage, args.project_dir, variables, keep_newer=args.keep_newer)
    facts: dict[str, Any] = {"stage": args.stage, "table": run.present_name}
    outcome: Outcome | None = None
    findings: list[Finding] = []
    if args.abandon:
        run.abandon()
        return 0
    if args.audit_only:
        findings = run.audit(run.present_name, mend=False)
    elif args.dry_run:
        outcome = run.preview(args.at)
    else:
        outcome, findings = run.restore(args.at, yes=args.yes)
        facts |= {"table": run.target.name, "former_table": run.former}
    if args.json:
        print(json.dumps(report.document(facts, outcome, findings), indent=2))
    elif args.audit_only or not args.dry_run:
        print("\n".join(report.of_findings(findings)))
    if not args.audit_only and not args.dry_run:
        run.progress(run.ending())
    return 1 if args.audit_only and audit.left(findings) else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass
class Restore:
    """One run. `target` is the table as at the restored time; `former` is the one that it replaces, if known."""

    stage: str
    project_dir: Path
    variables: dict[str, str]
    keep_newer: bool = False
    target: Table = field(init=False)
    former: str | None = None

    def __post_init__(self) -> None:
        self.run = provision.begin(self.stage, self.project_dir, _say, {})
        self.progress = self.run.progress
        self.dynamodb: Any = self.run.session.client("dynamodb")
        self.functions = Functions(self.run.session.client("lambda"), self.project_dir, self.stage)

    @property
    def present_name(self) -> str:
        return self.variables[f"{PREFIX}TABLE"]

    # --- what changes nothing for the stage

    def preview(self, at: datetime | None) -> Outcome | None:
        """Says what a restore would do. If an earlier run has made the table, the two tables are compared, too."""
        present = self._present()
        at = self._moment(present, at)
        name = tables.name_of(self.stage, at)
        self.progress(
            f"would restore {present.name} as at {written(at)} into {name}, and give it to stage {self.stage}"
        )
        made = tables.find(self.dynamodb, name)
        if made is None or made.status != "ACTIVE":
            self.progress("the number of files that it concerns is known once that table is made")
            return None
        return self._look(present, made, at)

    def restore(self, at: datetime | None, *, yes: bool) -> tuple[Outcome | None, list[Finding]]:
        """All of it. Returns what was taken over (None if an earlier run did that), and what the audit found."""
        present = self._present()
        at, outcome = self._asked(present, at, yes=yes)
        if outcome is not None:
            self._refuse_changed_since()
            self._hold()
            tables.mark(self.dynamodb, self.target, tables.STARTED)
            outcome = self._take_over(present, at)
            switch.switch(self.run, self.target)
        if not tables.is_marked(self.dynamodb, self.target, tables.FINISHED):
            self._deploy()
            self.functions.release()
        findings = self.audit(self.target.name, mend=True)
        tables.mark(self.dynamodb, self.target, tables.FINISHED)
        return outcome, findings

    def _asked(self, present: Table, at: datetime | None, *, yes: bool) -> tuple[datetime, Outcome | None]:
        """Makes the table of that time, shows what would change, and asks. No outcome: the stack has it already."""
        switched = switch.table_of(self._cfn, self.stage)
        if self._is_ours(switched, at):
            self._continue(switched, present)
            return tables.moment_of(self.stage, self.target.name), None
        at = self._moment(present, at)
        table = tables.make(self.dynamodb, present, at, tables.name_of(self.stage, at), self.progress)
        self.target = tables.prepare(self.dynamodb, table, present, at, self.progress)
        self.former = present.name
        outcome = self._look(present, self.target, at)
        confirm_name(
            f"Stage {self.stage} gets the records of {written(at)}. Meanwhile its API answers errors, for the minutes "
            "that this and `chalice deploy` take, and uploads wait.",
            self.stage,
            yes=yes,
        )
        return at, outcome

    def _is_ours(self, switched: str | None, at: datetime | None) -> bool:
        """True if the stack has the table of this run already."""
        if switched is None or not switched.startswith(f"filemill-{self.stage}-restored-"):
            return False
        if at is not None:
            return switched == tables.name_of(self.stage, at)
        found = tables.find(self.dynamodb, switched)
        return found is not None and not tables.is_marked(self.dynamodb, found, tables.FINISHED)

    def _continue(self, switched: str | None, present: Table) -> None:
        found = tables.find(self.dynamodb, switched or "")
        assert found, "the stack has this table"
        self.progress(f"stage {self.stage} has the table {found.name} already: going on from there")
        self.target = found
        self.former = found.restored_from.rpartition("/")[2] or (present.name if present.name != found.name else None)

    def _present(self) -> Table:
        found = tables.find(self.dynamodb, self.present_name)
        if found is None:
            moments.window(self.dynamodb, self.present_name, self.stage)  # says what to do
            raise OpsError(f"The table {self.present_name} is gone.")
        return found

    def _moment(self, present: Table, at: datetime | None) -> datetime:
        """The moment to restore. With --latest, that of an interrupted run if there is one."""
        if at is None and (begun := tables.begun(self.dynamodb, self.stage, present)):
            at = tables.moment_of(self.stage, begun.name)
            self.progress(f"going on with the restore of {written(at)}, which an earlier run began")
            return at
        if at is not None and tables.find(self.dynamodb, tables.name_of(self.stage, at)):
            return at
        found = moments.window(self.dynamodb, present.name, self.stage)
        if at is None:
            return found.latest
        if at < present.made.replace(microsecond=0):
            raise OpsError(
                f"{written(at)} is before the table {present.name} was made, which was at {written(present.made)}."
            )
        found.check(at, datetime.now(UTC))
        return at

    def _look(self, present: Table, target: Table, at: datetime) -> Outcome:
        self.progress(f"comparing {present.name} with {target.name}")
        with using_table(target.name):
            outcome = self._both(present, target, at).look()
        for line in report.of_outcome(outcome):
            self.progress(line)
        return outcome

    def _both(self, present: Table, target: Table, at: datetime) -> TakeOver:
        return TakeOver(Items(self.dynamodb, target.name), Items(self.dynamodb, present.name), at, self.keep_newer)

    # --- what changes the stage

    @property
    def _cfn(self) -> Any:
        return self.run.session.client("cloudformation")

    def _refuse_changed_since(self) -> None:
        """Raises OpsError if the present table was written to after an earlier run had taken things over from it."""
        if tables.is_marked(self.dynamodb, self.target, tables.STARTED) and not self.functions.held():
            raise OpsError(
                "The functions were let go after this restore had begun, so the table that it made is out of date. Run "
                f"`python -m ops restore --stage {self.stage} --abandon`, and then the same command again."
            )

    def _hold(self) -> None:
        # On the emulator nothing takes so long.
        most = 2.0 if emulator_gaps.is_emulator(self.run.endpoint_url) else float("inf")
        self.progress("holding the sweep, and waiting until a run of it has ended")
        self.functions.hold_sweep(most)
        self.progress("holding the API, the queues and the index; delivery goes on")
        self.functions.hold(min(REQUEST, most))

    def _take_over(self, present: Table, at: datetime) -> Outcome:
        self.progress(f"making {self.target.name} fit for use")
        with using_table(self.target.name):
            both = self._both(present, self.target, at)
            outcome = both.carry_out()
            takeover.index(both.then)
            takeover.count(both.then)
            takeover.send_again(outcome)
        return outcome

    def _deploy(self) -> None:
        """The steps of `make deploy`, as far as something is deployed. Done again, they change nothing."""
        self._provision()
        if self.functions.table() is None:
            self.progress("no functions are deployed, so there is nothing to deploy again")
            return
        self.progress(f"chalice deploy --stage {self.stage}")
        chalice = str(Path(sys.executable).with_name("chalice"))
        try:
            commands.run(
                [chalice, "--project-dir", str(self.project_dir), "deploy", "--stage", self.stage],
                self.project_dir,
                {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
                lambda line: self.progress(f"  {line}"),
            )
        except commands.CommandError as failed:
            raise OpsError(
                f"The functions could not be deployed {failed}\nThe stage's API is held until they are. Fix that, then "
                "run the same command again."
            ) from None
        self._provision()

    def _provision(self) -> None:
        variables = provision.provision(
            self.stage,
            self.project_dir,
            front_door=self.variables.get(f"{PREFIX}FRONT_DOOR"),
            progress=self.progress,
        )
        if variables[f"{PREFIX}TABLE"] != self.target.name:
            raise OpsError(f"The stack has the table {variables[f'{PREFIX}TABLE']}, not {self.target.name}.")
        architecture = wheels.architecture_of(config.read_config(self.project_dir), self.stage)
        package.write(self.project_dir, architecture, self.progress)

    def abandon(self) -> None:
        """Lets the functions go on with the table that they have, and deletes those that were made from it."""
        in_stack, in_use = switch.table_of(self._cfn, self.stage), self.functions.table()
        if in_use and in_stack != in_use:
            raise OpsError(
                f"The stack has the table {in_stack}, the functions have {in_use}: this restore can no longer be given "
                "up. Run it again; it will continue."
            )
        self.functions.release()
        self.progress(f"the functions go on with the table {in_use or in_stack}")
        while made := tables.begun(self.dynamodb, self.stage, self._present()):
            tables.discard(self.dynamodb, made)
            self.progress(f"deleted {made.name}, which was not in use")

    def audit(self, table: str, *, mend: bool) -> list[Finding]:
        self.progress(f"comparing {table} with both buckets")
        with using_table(table):
            return list(audit.audit(Items(self.dynamodb, table), mend=mend))

    def ending(self) -> str:
        """The next steps for the operator."""
        text = f"stage {self.stage} has the table {self.target.name}."
        if not self.former:
            return text
        return (
            f"{text} The former table {self.former} is kept, and costs storage. When nobody needs it any more: "
            f"`aws dynamodb delete-table --table-name {self.former}`"
        )


@contextmanager
def using_table(name: str) -> Iterator[None]:
    """The settings of this process name another table meanwhile."""
    variable = f"{PREFIX}TABLE"
    before = os.environ[variable]
    os.environ[variable] = name
    settings.cache_clear()
    try:
        yield
    finally:
        os.environ[variable] = before
        settings.cache_clear()
