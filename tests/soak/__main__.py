"""`make soak`: thousands of files through the local stack while its workers are killed and its messages repeated.

With `--attack`: strangers and an ordinary client share the stack.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from ops.errors import OpsError
from ops.local.run import interrupt
from ops.local.stage import LocalStage
from ops.progress import positive
from tests.local import free_ports
from tests.soak import attack as attacking
from tests.soak.run import Plan, Result, soak


def arguments() -> argparse.Namespace:
    plan = Plan()
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--files", type=positive, default=plan.files)
    parser.add_argument("--photos", type=Path, metavar="DIR", help="cut the files from these; else from made pictures")
    parser.add_argument("--kills-per-minute", type=float, default=plan.kills_per_minute, metavar="N")
    parser.add_argument(
        "--duplicates", type=float, default=plan.duplicates, metavar="SHARE", help="of S3's messages, from 0 to 1"
    )
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument(
        "--visibility", type=positive, default=plan.visibility, metavar="SECONDS", help="of the ingest queue"
    )
    parser.add_argument("--attack", action="store_true", help="strangers and an ordinary client, for so many --minutes")
    parser.add_argument("--minutes", type=float, default=attacking.Plan.minutes, metavar="N", help="of an attack")
    parser.add_argument("--home", type=Path, metavar="DIR", help="a new folder for the stack, which is then kept")
    parser.add_argument("--port", type=positive, help="of the front door; else any that is free")
    parser.add_argument("--emulator-port", type=positive)
    return parser.parse_args()


def run(args: argparse.Namespace, home: Path) -> Result | attacking.Result:
    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201

    port, emulator_port = free_ports(2)
    stage = LocalStage(
        home, port=args.port or port, emulator_port=args.emulator_port or emulator_port, progress=lambda _: None
    )
    try:
        tell("starting the local stack")
        stage.start()
        if args.attack:
            return attacking.attack(stage, attacking.Plan(minutes=args.minutes, seed=args.seed), tell)
        plan = Plan(
            files=args.files,
            photos=args.photos,
            kills_per_minute=args.kills_per_minute,
            duplicates=args.duplicates,
            seed=args.seed,
            visibility=args.visibility,
        )
        return soak(stage, plan, tell)
    finally:
        stage.stop()


def main() -> int:
    args = arguments()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, interrupt)
    home = args.home or Path(tempfile.mkdtemp(prefix="filemill-soak-"))
    if home.exists() and any(home.iterdir()):
        sys.exit(f"{home} is not empty: a soak needs a stack that holds nothing else.")
    try:
        result = run(args, home)
    except (OpsError, RuntimeError, ValueError) as error:
        sys.exit(f"{error} (the stack's folder: {home})")
    except KeyboardInterrupt:
        if not args.home:
            shutil.rmtree(home, ignore_errors=True)
        sys.exit(130)
    print("\n".join(result.lines()))  # noqa: T201
    if result.faults:
        print(f"the stack's folder: {home}")  # noqa: T201
    elif not args.home:
        shutil.rmtree(home)
    return 1 if result.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
