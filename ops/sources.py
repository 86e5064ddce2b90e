"""Checks that the application's source can be read, before a command imports or deploys it."""

from __future__ import annotations

from pathlib import Path

from ops.errors import OpsError, syntax_sentence


def check(project_dir: Path) -> None:
    """Compiles app.py and chalicelib without running them.

    Raises
    ------
    OpsError
        One of the files is not Python. The message names the file and the line.
    """
    for file in (project_dir / "app.py", *sorted((project_dir / "chalicelib").rglob("*.py"))):
        if not file.exists():
            continue
        name = str(file.relative_to(project_dir))
        try:
            compile(file.read_bytes(), name, "exec", dont_inherit=True)
        except SyntaxError as error:
            raise OpsError(syntax_sentence(error, name)) from None
