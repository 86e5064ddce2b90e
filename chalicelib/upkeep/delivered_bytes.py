"""Bytes delivered, from the distribution's access logs (`FILEMILL_ACCESS_LOGS`): a part of the sweep.

CloudFront writes a log within an hour as a rule, and within a day at the latest. So a day's logs are read when a whole
day has passed since. Each run reads some logs, in the order of their names, and the next one goes on there.

A log names files by their ids. What belongs to no file that has a record, such as one that was deleted long ago, counts
for the stage as a whole. Originals come from S3 by signed addresses, so they are in none of these logs.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

from chalicelib.catalog import delivered, files, usage
from chalicelib.catalog.delivered import STAGE, LogPosition, MovedError, Sent
from chalicelib.model import now
from chalicelib.settings import settings
from chalicelib.storage import access_logs

# Logs come this long after their day at the latest.
LATE = timedelta(days=1)

# Logs of one listing, and those that one run reads at most.
LISTED = 100
LOGS_A_RUN = 500

# Seconds that one log may need. None is begun without them.
ENOUGH = 10

# Files whose tenant one run remembers. When there are more, all are forgotten.
REMEMBERED = 100_000

_PATH = re.compile(r"/f/(?:public|private)/(file_[0-9A-Z]{26})/")

# Counts. Logs: access logs that were read.
Sum = Counter[str]


def run(deadline: float) -> Sum:
    """Reads logs until `deadline` (of time.monotonic), or until all that are complete are read. Gives the counts."""
    done: Sum = Counter()
    if not settings().access_logs:
        return done
    tenants: dict[str, str] = {}
    try:
        at = _begin()
        while done["Logs"] < LOGS_A_RUN and _is_complete(at.day):
            keys = access_logs.names(at.day, at.after, min(LISTED, LOGS_A_RUN - done["Logs"]))
            if not keys:
                at = _moved(at, LogPosition(_next(at.day)))
            for key in keys:
                if time.monotonic() + ENOUGH > deadline:
                    return done
                to = LogPosition(at.day, key)
                delivered.add(at, to, _by_tenant(key, tenants))
                at = to
                done["Logs"] += 1
            if time.monotonic() > deadline:
                break
    except MovedError:
        pass  # another sweep reads the same logs
    return done


def _begin() -> LogPosition:
    """Where to go on. Days that nobody can see any more are left out."""
    was = delivered.position()
    first = usage.day_of(now() - timedelta(days=usage.SHOWN_DAYS - 1))
    if was is None:
        return _moved(None, LogPosition(usage.day_of(now() - 2 * LATE)))
    return was if was.day >= first else _moved(was, LogPosition(first))


def _moved(was: LogPosition | None, to: LogPosition) -> LogPosition:
    delivered.move(was, to)
    return to


def _next(day: str) -> str:
    return usage.day_of(datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1))


def _is_complete(day: str) -> bool:
    return usage.end_of_day(datetime.fromisoformat(day).replace(tzinfo=UTC)) + LATE <= now()


def _by_tenant(key: str, tenants: dict[str, str]) -> dict[str, Sent]:
    """A log's sums by tenant. `tenants` has those of files that were looked up before."""
    by_file: dict[str, Sent] = defaultdict(Sent)
    for line in access_logs.lines(key):
        found = _PATH.match(line.path)
        if found or line.path.startswith("/f/"):
            sent = by_file[found[1] if found else ""]
            sent.requests += 1
            sent.bytes += line.bytes
    if len(tenants) > REMEMBERED:
        tenants.clear()
    unknown = [file_id for file_id in by_file if file_id and file_id not in tenants]
    tenants |= dict.fromkeys(unknown, STAGE)
    tenants |= {file_id: file.tenant for file_id, file in files.records(unknown).items()}
    sums: dict[str, Sent] = defaultdict(Sent)
    for file_id, sent in by_file.items():
        total = sums[tenants.get(file_id, STAGE)]
        total.requests += sent.requests
        total.bytes += sent.bytes
    return sums
