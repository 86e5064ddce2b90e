"""Help, the page of the documentation, completion, and how little is imported for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cli.runner import Run
from filemill.cli import reference
from filemill.cli.app import COMMANDS
from filemill.cli.exits import MEANINGS

PAGE = Path(__file__).parents[3] / "docs/cli.md"
CONTEXTS = {ctx.command_path: ctx for ctx in reference.commands()}

# Modules that cost most of the time of a start. Only what a command needs may be imported.
HEAVY = ("httpx", "rich", "websockets", "asyncio", "sqlite3", "ssl", "filemill._client")


def imported(*args: str, **env: str) -> set[str]:
    """The modules that a command line has imported when it ends."""
    code = "import sys\nfrom filemill.cli.run import run\nrun(sys.argv[1:])\nprint('MODULES', *sys.modules)"
    if env:  # completion ends the process by itself
        code = (
            "import atexit, sys\natexit.register(lambda: print('\\nMODULES', *sys.modules))\n"
            "from filemill.cli.run import run\nrun([])"
        )
    paths = os.pathsep.join(path for path in sys.path if path)
    ran = subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, **env},
    )
    return set(ran.stdout.rpartition("MODULES ")[2].split())


@pytest.mark.parametrize("path", CONTEXTS)
def test_each_help_has_a_sentence_and_an_example(path: str) -> None:
    ctx = CONTEXTS[path]
    text = ctx.get_help()
    assert "Examples:" in text
    assert any(path in line for line in text.partition("Examples:")[2].splitlines())
    assert ctx.command.help
    for param in ctx.command.params:
        assert not isinstance(param, click.Option) or param.help, param.name


def test_the_table_says_what_the_commands_say() -> None:
    for name, (_, _, sentence) in COMMANDS.items():
        assert CONTEXTS[f"filemill {name}"].command.help.split("\n\n")[0].replace("\n", " ") == sentence  # type: ignore[union-attr]


def test_the_help_of_the_program_names_commands_and_exit_codes(run: Run) -> None:
    text = run("--help").out
    assert all(name in text for name in COMMANDS)
    assert all(f"  {code} " in text for code in MEANINGS)


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not in the package")
def test_the_page_holds_the_help() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert reference.updated(page) == page, "python -m filemill.cli.reference docs/cli.md"


def test_the_page_is_checked_and_written(tmp_path: Path) -> None:
    page = tmp_path / "cli.md"
    page.write_text(f"before\n{reference.BEGIN}\nOUTDATED\n{reference.END}\nafter\n")
    assert reference.main(["--check", str(page)]) == 1
    assert reference.main([str(page)]) == 0
    assert reference.main(["--check", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "OUTDATED" not in text


def test_help_imports_nothing_that_it_does_not_need() -> None:
    modules = imported("--help")
    assert "click" in modules
    assert not {name for name in HEAVY if name in modules}
    assert not {name for name in modules if name.startswith("filemill.cli.commands.")}


def test_help_of_a_command_imports_only_this_command() -> None:
    modules = imported("search", "--help")
    assert "filemill.cli.commands.finding" in modules
    assert not {name for name in HEAVY if name in modules}
    assert "filemill.cli.commands.upload" not in modules


def test_completion_imports_nothing_that_it_does_not_need() -> None:
    modules = imported(_FILEMILL_COMPLETE="bash_complete", COMP_WORDS="filemill upl", COMP_CWORD="1")
    assert "click.shell_completion" in modules
    assert not {name for name in HEAVY if name in modules and name != "asyncio"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_of_their_shell(run: Run, shell: str, tmp_path: Path) -> None:
    ran = run("completion", shell)
    assert ran.code == 0
    assert f"{shell}_complete" in ran.out
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(ran.out)
    assert subprocess.run([shell, "-n", str(script)], check=False).returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "wanted"),
    [("filemill down", "download"), ("filemill upload --rec", "--recursive"), ("filemill ls --kind pd", "pdf")],
)
def test_a_shell_completes(run: Run, shell: str, line: str, wanted: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    program = tmp_path / "filemill"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m filemill.cli "$@"\n')
    program.chmod(0o755)
    paths = os.pathsep.join(path for path in sys.path if path)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": paths}
    words = line.split(" ")
    script = run("completion", shell).out
    asked = {
        "bash": f"{script}\nCOMP_WORDS=({line})\nCOMP_CWORD={len(words) - 1}\n_filemill_completion filemill\n"
        'printf "%s\\n" "${COMPREPLY[@]}"',
        "zsh": f"compdef() {{ :; }}\n{script}\nwords=({line}); CURRENT={len(words)}\n"
        'compadd() { print -l -- "$@" "${completions[@]}"; }\n'
        '_describe() { print -l -- "${(@P)3}"; }\n_filemill_completion',
        "fish": f'{script}\ncomplete -C "{line}"',
    }[shell]
    ran = subprocess.run([shell, "-c", asked], capture_output=True, text=True, check=False, env=env)
    assert wanted in ran.stdout, ran.stderr


def test_options_are_alike_everywhere() -> None:
    """An option has the same meaning in each command, so it has the same short form, too."""
    forms: dict[str, str] = {}
    for path, ctx in CONTEXTS.items():
        for param in ctx.command.params:
            for short in (opt for opt in param.opts if len(opt) == 2 and isinstance(param, click.Option)):
                long = max(param.opts, key=len)
                assert forms.setdefault(short, long) == long, (path, short)
