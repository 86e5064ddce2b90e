"""Reads `.chalice/resources.yaml` as CloudFormation gets it: one document, with all code in place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ops.errors import OpsError

_CODE = re.compile(r"(?<= )file://(\S+)$", re.MULTILINE)


def read(project_dir: Path) -> str:
    """The template's text, with each value `file://PATH` replaced by that file's text.

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


# libyaml reads the template in a tenth of the time; PyYAML's wheels have it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
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


def document(project_dir: Path) -> dict[str, Any]:
    """The template as plain values, with each file's text in place and each `!Ref` in its long form."""
    return parsed(read(project_dir))


def parsed(text: str) -> dict[str, Any]:
    """A template's text (YAML or JSON) as plain values. Dates become text."""
    value: dict[str, Any] = json.loads(_as_json(text))
    return value


@lru_cache(maxsize=4)
def _as_json(text: str) -> str:
    """The template as JSON. One command needs it for each role, and nobody may change another's copy."""
    return json.dumps(yaml.load(text, Loader=_Loader), default=str)  # noqa: S506


def compact(document: Mapping[str, Any]) -> str:
    """A template as JSON without spaces. CloudFormation's limits count comments and indents, too."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
