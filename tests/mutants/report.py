"""What became of the sample, for people: bench/results/mutants.md, beside the JSON that it is made from."""

from __future__ import annotations

from typing import Any

Results = dict[str, Any]

HEAD = """# Do the tests notice?

`make mutants` plants small faults, one at a time, in a copy of the code: a comparison flipped, a condition turned, a
call or an element dropped, a word of a DynamoDB expression changed. It takes a fixed sample of those that the modules
of a room can have. A fault is *killed* when one of the room's tests fails (or does not end), *survived* when all pass,
and *equivalent* when it changes nothing that can be seen; tests/mutants/equivalents.toml has the reason of each.

| Room | Possible | Sample | Killed | Equivalent | Survived |
| --- | ---: | ---: | ---: | ---: | ---: |
"""


def markdown(results: Results) -> str:
    rows, survivors, same = [], [], []
    for name, room in sorted(results["rooms"].items()):
        found = room["faults"]
        counts = [sum(f["outcome"] == outcome for f in found) for outcome in ("killed", "equivalent", "survived")]
        rows.append("| " + " | ".join(map(str, (name, room["possible"], len(found), *counts))) + " |")
        survivors += [_entry(fault) for fault in found if fault["outcome"] == "survived"]
        same += [f"{_entry(fault)}\n  {fault['by']}" for fault in found if fault["outcome"] == "equivalent"]
    parts = [HEAD + "\n".join(rows)]
    parts += [f"## {title}\n\n" + "\n".join(lines) for title, lines in _sections(survivors, same) if lines]
    return "\n\n".join(parts) + "\n"


def _sections(survivors: list[str], same: list[str]) -> list[tuple[str, list[str]]]:
    return [("Survived", survivors), ("Equivalent", same)]


def _entry(fault: Results) -> str:
    place = f"{fault['module']}:{fault['line']}"
    return f"- `{place}` {fault['function']} ({fault['kind']}): `{fault['before']}` became `{fault['after']}`"
