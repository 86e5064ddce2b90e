"""Reads `.chalice/resources.yaml` and makes of it what CloudFormation gets: one JSON text with all code in place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from ops.errors import OpsError

_CODE = re.compile(r"(?<=FunctionCode: )file://(\S+)$", re.MULTILINE)


def read(project_dir: Path) -> str:
    """The template's text, with each `FunctionCode: file://PATH` replaced by that file's text.

    PATH starts from the project's folder.

    Raises
    ------
    OpsError
        The template, or a file that it names, is missing.
    """
    path = project_dir / ".chalice" / "resources.yaml"
    if not path.is_file():
        raise OpsError(f"There is no {path}: run this in the folder of app.py, or name it with --project-dir.")

    def code(found: re.Match[str]) -> str:
        file = project_dir / found[1]
        if not file.is_file():
            raise OpsError(f"{path} names {file}, which is missing: take it back from version control.")
        return json.dumps(file.read_text(encoding="utf-8"))  # a JSON string is also a YAML string

    return _CODE.sub(code, path.read_text(encoding="utf-8"))


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's functions in their short form: `!Ref`, `!GetAtt` …"""


def _intrinsic(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def compact(template: str) -> str:
    """The same template as JSON without spaces. CloudFormation's limit of 51,200 bytes counts comments and indents."""
    return json.dumps(yaml.load(template, Loader=_Loader), separators=(",", ":"), ensure_ascii=False, default=str)  # noqa: S506
