"""Turns the docstring of a method into that of its coroutine, whose examples await it."""

from __future__ import annotations

import re

_CALL = re.compile(r"(?<![\w.])(?:client|Filemill\([^()]*\))\.(?:\w+\.)?\w+\(")
_LOOP = re.compile(r"\bfor \w+ in client\.\w+\.(?:iter|follow)\(")


def awaiting_doc(text: str | None) -> str | None:
    """The text with each call of the client awaited in its examples."""
    if text is None:
        return None
    lines = text.split("\n")
    return "\n".join(_awaited(line) if line.lstrip().startswith((">>> ", "... ")) else line for line in lines)


def _awaited(line: str) -> str:
    if _LOOP.search(line):
        return line.replace("for ", "async for ", 1)
    done = ""
    while call := _CALL.search(line):
        end = _closing(line, call.end() - 1)
        done += f"{line[: call.start()]}(await {line[call.start() : end]})"
        line = line[end:]
    return (done + line).replace("(await Filemill(", "(await AsyncFilemill(")


def _closing(line: str, opening: int) -> int:
    """The place behind the bracket that closes the one at `opening`."""
    depth = 0
    for place in range(opening, len(line)):
        depth += {"(": 1, ")": -1}.get(line[place], 0)
        if depth == 0:
            return place + 1
    raise ValueError(f"An example's call must end on its line: {line}")
