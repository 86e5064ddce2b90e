"""Runs one command of the local deployment and shows what it prints."""

from __future__ import annotations

import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

KEPT = 5  # lines of a failed command's output that its error repeats


class CommandError(Exception):
    """The command failed. The message names it and holds the last lines that it printed."""


def run(command: Sequence[str], cwd: Path, environment: Mapping[str, str], progress: Callable[[str], None]) -> None:
    """Runs a command and reports each line of its output as it comes.

    Raises
    ------
    CommandError
        Its exit code is not 0.
    """
    lines: deque[str] = deque(maxlen=KEPT)
    with subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout
            for line in process.stdout:
                if line.strip():
                    lines.append(line.rstrip())
                    progress(line.rstrip())
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        name = " ".join([Path(command[0]).name, *command[1:]])
        raise CommandError(f"({name}); its last lines were:\n" + "\n".join(f"    {line}" for line in lines))
