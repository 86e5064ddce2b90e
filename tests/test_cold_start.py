"""What a function imports when it starts: each in a fresh process, as Lambda starts it."""

from __future__ import annotations

import ast
import json
import marshal
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stage import MEDIA_STAGE, ROOT, STAGE

# By function: the modules that its handler in app.py imports when it is called, and what those import when they work.
SOCKETS = tuple(f"filemill-test-websocket_{route}" for route in ("connect", "message", "disconnect"))
FUNCTIONS = {
    "filemill-test": [],
    "filemill-test-process": ["chalicelib.processing.pipeline", "chalicelib.processing.image.cascade"],
    "filemill-test-media": ["chalicelib.processing.pipeline", "chalicelib.processing.media.video"],
    "filemill-test-fetch": ["chalicelib.importing"],
    "filemill-test-index": ["chalicelib.events.indexing"],
    "filemill-test-render": ["chalicelib.processing.on_demand", "chalicelib.processing.image.cascade"],
    "filemill-test-stream": ["chalicelib.processing.media.on_demand", "chalicelib.processing.media.hls.stream"],
    "filemill-test-sweep": ["chalicelib.upkeep.sweep"],
    "filemill-test-publish": ["chalicelib.events.publish"],
    "filemill-test-deliver": ["chalicelib.events.delivering"],
    **{name: ["chalicelib.api.socket"] for name in SOCKETS},
}
CLIENTS = "from chalicelib import aws; " + "; ".join(
    f"aws.{service}()" for service in ("s3", "dynamodb", "sqs", "ssm", "cloudfront", "functions", "events")
)

# boto3 and s3transfer cost about as much as an API call's own work; the others are read when they are used, if ever.
NEVER = {
    "boto3",
    "s3transfer",
    "multiprocessing",
    "aws_lambda_powertools.utilities.data_classes",
    "cryptography",
    "idna",
    "asyncio",
    "chalice.local",
    "av",  # FFmpeg meets a film in a child only
}


def imported(function: str, modules: list[str]) -> set[str]:
    environment = os.environ | STAGE | {"AWS_LAMBDA_FUNCTION_NAME": function}
    start = "; ".join(f"import {module}" for module in ["app", *modules])
    done = subprocess.run(
        [sys.executable, "-c", f"{start}; {CLIENTS}; import sys, json; print(json.dumps([*sys.modules]))"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_without_what_it_does_not_need(function: str) -> None:
    assert imported(function, FUNCTIONS[function]) & NEVER == set()


def test_the_function_that_makes_segments_starts_its_fork_server_first() -> None:
    code = "import app; from chalicelib.processing import fork_server; print(fork_server.running())"
    for function in ("stream", "media", "process"):
        environment = os.environ | STAGE | MEDIA_STAGE | {"AWS_LAMBDA_FUNCTION_NAME": f"filemill-test-{function}"}
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
        assert (b"Server" in done.stdout) == (function == "stream"), function


# Libraries of the kinds that are no images, and the classes of their facts: they are imported for a file of the kind.
OTHER_KINDS = {
    *("chalicelib.facts", "pypdfium2", "python_calamine", "resvg_py", "tarfile"),
    *(f"chalicelib.processing.{name}" for name in ("pdf", "document", "text", "email", "font", "svg", "archive")),
    "chalicelib.processing.media",
}


@pytest.mark.parametrize("function", ["filemill-test-process", "filemill-test-render"])
def test_an_image_does_not_wait_for_other_kinds(function: str) -> None:
    assert imported(function, FUNCTIONS[function]) & OTHER_KINDS == set()


def test_every_handler_of_the_app_is_started_here() -> None:
    tree = ast.parse((ROOT / "app.py").read_text())
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    called = {
        f"{statement.module}.{statement.names[0].name}"
        for handler in handlers
        for statement in handler.body
        if isinstance(statement, ast.ImportFrom)
    }
    started = {module for modules in FUNCTIONS.values() for module in modules[:1]}
    assert len(handlers) == len(FUNCTIONS) - 1  # the API's is Chalice's own
    assert called == started


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a module `chalice.app`, and its bytecode where the package has it."""
    (tmp_path / "chalicelib" / "__pycache__").mkdir(parents=True)
    shutil.copyfile(ROOT / "chalicelib" / "bytecode.py", tmp_path / "chalicelib" / "bytecode.py")
    (tmp_path / "chalice").mkdir()
    (tmp_path / "chalice" / "__init__.py").touch()
    (tmp_path / "chalice" / "app.py").write_text("ANSWER = 1\n")
    py_compile.compile(
        str(tmp_path / "chalice" / "app.py"),
        str(tmp_path / "chalicelib" / "__pycache__" / f"chalice.app.{sys.implementation.cache_tag}.pyc"),
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
    )
    return tmp_path


def run(project: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-B", "-c", f"import chalicelib.bytecode; {code}"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def test_the_routers_bytecode_is_what_is_run(project: Path) -> None:
    (compiled,) = (project / "chalicelib" / "__pycache__").iterdir()
    other = marshal.dumps(compile("ANSWER = 'from bytecode'", "chalice/app.py", "exec"))
    compiled.write_bytes(compiled.read_bytes()[:16] + other)
    assert run(project, "import chalice.app; print(chalice.app.ANSWER)") == "from bytecode"
    assert run(project, "import chalice.app; print(chalice.app.__file__)") == str(project / "chalice" / "app.py")


def test_bytecode_of_another_source_is_not_run(project: Path) -> None:
    (project / "chalice" / "app.py").write_text("ANSWER = 2\n")
    assert run(project, "from chalice.app import ANSWER; print(ANSWER)") == "2"


def test_bytecode_of_another_python_is_not_run(project: Path) -> None:
    (compiled,) = (project / "chalicelib" / "__pycache__").iterdir()
    compiled.write_bytes(b"\0\0\0\0" + compiled.read_bytes()[4:])
    assert run(project, "from chalice.app import ANSWER; print(ANSWER)") == "1"


def test_without_bytecode_the_router_is_compiled(project: Path) -> None:
    shutil.rmtree(project / "chalicelib" / "__pycache__")
    assert run(project, "from chalice.app import ANSWER; print(ANSWER)") == "1"
