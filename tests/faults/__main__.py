"""`python -m tests.faults [words of operations]`: every operation stopped at every call, and the report."""

from __future__ import annotations

import sys

from tests import stage
from tests.faults.harness import crash_everywhere, lose_every_answer
from tests.faults.looking import archive_the_bus
from tests.faults.operations import CONDITIONAL, OPERATIONS, surroundings
from tests.strict import watching


def main(words: list[str]) -> int:
    chosen = [operation for operation in OPERATIONS if " ".join(words) in operation.name]

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201

    if not chosen:
        print("There are", *(operation.name for operation in OPERATIONS), sep="\n  ", file=sys.stderr)  # noqa: T201
        return 2
    watching.watch()
    with stage.mocked_cloud():
        stage.provisioned(stage.new_cdn_key())
        archive_the_bus()
        with surroundings():
            report = crash_everywhere(chosen, tell=tell)
            also = [operation for operation in CONDITIONAL if " ".join(words) in operation.name]
            report.add(lose_every_answer([*chosen, *also], tell=tell))
    refused = watching.taken()
    print("\n".join([*report.lines(), *map(str, refused)]))  # noqa: T201
    return 1 if report.broken or refused else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
