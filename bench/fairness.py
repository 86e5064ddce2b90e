"""How long one tenant's file waits behind another's 100,000: a model of the ingest queue, with and without groups.

The queue is SQS's as documented: oldest first; with groups, those of a group that holds more than a tenth of what is in
flight, and 30 messages at least, only after all others. No AWS call is made.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html
"""

from __future__ import annotations

import heapq
from collections import Counter, deque

FILES, WORKERS = 100_000, 200
# Seconds: of processing a file, and of sending its message again in its tenant's group (a warm function, one call).
WORK, SEND = 3.0, 0.05
NOISY_SHARE, NOISY_COUNT = 0.1, 30


def waits(*, fair: bool, files: int = FILES, workers: int = WORKERS) -> tuple[float, float]:
    """Seconds until the quiet tenant's one file is ready, and until all are; it comes after the other's `files`."""
    plain = deque(["noisy"] * files + ["quiet"])
    grouped: dict[str, deque[str]] = {"noisy": deque(), "quiet": deque()}
    flying: list[tuple[float, int, str, bool]] = []
    in_flight: Counter[str] = Counter()
    clock, number, quiet_at = 0.0, 0, 0.0
    while True:
        while len(flying) < workers:
            noisy = in_flight["noisy"] >= NOISY_COUNT and in_flight["noisy"] > NOISY_SHARE * len(flying)
            if grouped["quiet"]:
                tenant, stamping = grouped["quiet"].popleft(), False
            elif plain and (noisy or not grouped["noisy"]):
                tenant, stamping = plain.popleft(), fair
            elif grouped["noisy"]:
                tenant, stamping = grouped["noisy"].popleft(), False
            else:
                break
            number += 1
            # Without a group each message is a tenant of its own.
            in_flight[tenant] += not stamping
            heapq.heappush(flying, (clock + (SEND if stamping else WORK), number, tenant, stamping))
        if not flying:
            return quiet_at, clock
        clock, _, tenant, stamping = heapq.heappop(flying)
        if stamping:
            grouped[tenant].append(tenant)
        else:
            in_flight[tenant] -= 1
            if tenant == "quiet":
                quiet_at = clock


def main() -> None:
    print(f"{FILES:,} files of one tenant, then one of another; {WORKERS} workers, {WORK:g} s a file (a model)")
    for fair in (False, True):
        quiet, everything = waits(fair=fair)
        words = "with" if fair else "without"
        print(f"  {words} groups: the one is ready after {quiet:,.0f} s, all after {everything:,.0f} s")


if __name__ == "__main__":
    main()
