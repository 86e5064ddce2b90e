"""`python -m ops browser`: makes browser/filemill.js of browser/src, and browser/openapi.d.ts of the OpenAPI document.

Both are committed, so that nobody who runs or deploys Filemill needs Node.js. A test makes them again and compares.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from ops import made
from ops.errors import OpsError
from ops.openapi.document import TARGET as DOCUMENT
from ops.openapi.problems import ROOT

FOLDER = ROOT / "browser"
MODULE = FOLDER / "filemill.js"
TYPES = FOLDER / "openapi.d.ts"
NODE_MODULES = ROOT / "tests" / "browser" / "node_modules"

# The syntax that all browsers have which have `AbortSignal.any`, the newest thing that the module needs.
TARGET = "es2022"
_BANNER = "// Filemill in a page. Made of browser/src by `make browser`; browser/README.md explains it. Apache-2.0\n"
_TYPES_BANNER = "// Types of the HTTP API, made of chalicelib/api/openapi.json by `make browser`.\n\n"

EXAMPLES = ("browser --check",)


add_arguments = made.add_arguments


def main(args: argparse.Namespace) -> int:
    return made.write({MODULE: module(), TYPES: types()}, check=args.check)


def module() -> str:
    """The modules in browser/src as one, minified."""
    options = ("--bundle", "--minify", "--format=esm", f"--target={TARGET}", "--legal-comments=none")
    return _BANNER + _run("esbuild", [str(FOLDER / "src" / "filemill.js"), *options, "--log-level=warning"])


def types() -> str:
    """The declarations of the document, without what no type needs: that is most of it."""
    document = _without_examples(json.loads(DOCUMENT.read_text(encoding="utf-8")))
    for item in document["paths"].values():
        for operation in item.values():
            operation["responses"] = _with_one_problem(operation["responses"])
    made = _run("openapi-typescript", ["--default-non-nullable=false"], json.dumps(document))
    return _TYPES_BANNER + made.partition("*/\n\n")[2]


def _without_examples(part: Any) -> Any:
    """A part of the document without examples. A property may have that name."""
    if isinstance(part, Mapping):
        kept = {name: value for name, value in part.items() if name not in ("example", "examples")}
        return {
            name: {key: _without_examples(value) for key, value in each.items()}
            if name == "properties"
            else _without_examples(each)
            for name, each in kept.items()
        }
    return [_without_examples(each) for each in part] if isinstance(part, list) else part


def _with_one_problem(responses: Mapping[str, Any]) -> dict[str, Any]:
    """An operation's responses: the problems of all statuses are one, with all of their codes."""
    good = {status: response for status, response in responses.items() if status < "400"}
    problems = [
        content["schema"]
        for status, response in responses.items()
        if status >= "400"
        for content_type, content in response.get("content", {}).items()
        if content_type == "application/problem+json"
    ]
    if not problems:
        return dict(responses)
    codes = sorted({code for schema in problems for code in schema["allOf"][1]["properties"]["code"]["enum"]})
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"code": {"enum": codes}}}]}
    content = {"application/problem+json": {"schema": schema}}
    return good | {"default": {"description": "A problem", "content": content}}


def _run(tool: str, arguments: Sequence[str], text: str = "") -> str:
    command = NODE_MODULES / ".bin" / tool
    if not command.exists() or not shutil.which("node"):
        raise OpsError(
            "This needs Node.js and the packages of tests/browser: `cd tests/browser && npm ci --ignore-scripts`."
        )
    done = subprocess.run([command, *arguments], input=text, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise OpsError(f"{tool}: {done.stderr.strip()}")
    return done.stdout
