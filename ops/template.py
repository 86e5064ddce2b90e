"""`.chalice/resources.yaml` as CloudFormation gets it: with the code of its CloudFront Functions in place."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ops.errors import OpsError

_CODE = re.compile(r"(?<=FunctionCode: )file://(\S+)$", re.MULTILINE)


def read(project_dir: Path) -> str:
    """The template of a project, each `FunctionCode: file://PATH` (from the project's folder) with the file's text.

    Raises
    ------
    OpsError
        The template or a file of it is missing.
    """
    path = project_dir / ".chalice" / "resources.yaml"
    if not path.is_file():
        raise OpsError(f"There is no {path}: run this where app.py is, or say where with --project-dir.")

    def code(found: re.Match[str]) -> str:
        file = project_dir / found[1]
        if not file.is_file():
            raise OpsError(f"{path} names {file}, which is missing.")
        return json.dumps(file.read_text(encoding="utf-8"))  # a JSON string is a YAML string

    return _CODE.sub(code, path.read_text(encoding="utf-8"))
