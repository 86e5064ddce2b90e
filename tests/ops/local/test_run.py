"""`make run`: whatever stops it is a sentence that says what to do, and it deploys again only after a change."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.local import project, stage
from ops.local.emulator_process import check_port, check_state, end_leftover, move_addresses
from ops.local.machine import check_machine
from ops.local.run import add_arguments, guide, only_one, origin
from ops.local.stage import LocalStage


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_taken_port_is_named_with_the_way_out(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as other:
        try:
            other.bind((address, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(OpsError, match=rf"Port {taken} is taken .* `make run PORT=\d+`"):
            check_port(taken, "PORT")
    check_port(taken, "PORT")


def test_ports_come_from_the_environment_or_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed(*arguments: str) -> int:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        port: int = parser.parse_args(arguments).port
        return port

    monkeypatch.delenv("PORT", raising=False)
    assert parsed() == 8000
    monkeypatch.setenv("PORT", "9000")
    assert parsed() == 9000
    assert parsed("--port", "9001") == 9001
    for wrong in ("x", "0", "65536", "-1"):
        monkeypatch.setenv("PORT", wrong)
        with pytest.raises(SystemExit):
            parsed()


def test_damaged_state_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    check_state(tmp_path / "state")
    services = tmp_path / "state" / "services"
    services.mkdir()
    (services / "sqs.json").write_text('{"ok": 1}')
    check_state(tmp_path / "state")
    (services / "dynamodb.json").write_text('{"half')
    with pytest.raises(OpsError, match=r"dynamodb\.json is not JSON.* delete .* to start with nothing"):
        check_state(tmp_path / "state")


def test_state_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(OpsError, match="can't be read"):
        check_state(tmp_path / "state")


def test_state_of_an_earlier_version_is_closed_to_other_users_and_a_save_that_was_interrupted_is_finished(
    tmp_path: Path,
) -> None:
    services = tmp_path / "state" / "services"
    services.mkdir(parents=True)
    (tmp_path / "state").chmod(0o755)
    (services / "ssm.json").write_text('{"secret": 1}')
    (services / "ssm.json").chmod(0o644)
    (services / "sqs.json.new").write_text('{"new": 1}')
    (services / "commit").write_text('["sqs.json"]')
    check_state(tmp_path / "state")
    assert json.loads((services / "sqs.json").read_text()) == {"new": 1}
    assert sorted(file.name for file in services.iterdir()) == ["sqs.json", "ssm.json"]
    assert (services / "ssm.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_all_users_share_is_not_taken(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(OpsError, match="Choose a folder of your own with --home"):
        project.private_folder(tmp_path)
    assert tmp_path.stat().st_mode & 0o7777 == 0o1777


def test_a_syntax_error_is_a_sentence_before_anything_is_copied_or_deployed(root: Path, tmp_path: Path) -> None:
    (root / "chalicelib" / "a.py").write_text("def f(:\n")
    with pytest.raises(OpsError, match=r"^chalicelib/a\.py, line 1: "):
        LocalStage(tmp_path / "home", root=root).deploy()
    assert not (tmp_path / "home").exists()


def test_queue_addresses_follow_the_emulators_port(tmp_path: Path) -> None:
    services = tmp_path / "services"
    services.mkdir()
    stored = services / "sqs.json"
    stored.write_text('{"url": "http://127.0.0.1:4566/000000000000/q"}')
    move_addresses(tmp_path, 4566)
    move_addresses(tmp_path, 4999)
    assert json.loads(stored.read_text()) == {"url": "http://127.0.0.1:4999/000000000000/q"}


def test_one_folder_runs_once(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(OpsError, match=f"already runs .* \\(process {os.getpid()}\\)"):  # noqa: SIM117
        with only_one(tmp_path):
            pass
    with only_one(tmp_path):
        pass


def test_a_leftover_emulator_is_ended_and_a_stranger_with_its_number_is_not(tmp_path: Path) -> None:
    said: list[str] = []
    pidfile = tmp_path / "emulator.pid"
    wait = "import time; print(flush=True); time.sleep(60)"  # it has started when it has printed
    adapter = str(Path(stage.__file__).with_name("emulator.py"))
    with subprocess.Popen([sys.executable, "-c", wait], stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout
        assert stranger.stdout.readline()
        pidfile.write_text(str(stranger.pid))
        end_leftover(pidfile, said.append)
        assert stranger.poll() is None
        stranger.kill()
    assert not pidfile.exists()
    assert not said
    leftover = subprocess.Popen([sys.executable, "-c", wait, adapter], stdout=subprocess.PIPE, start_new_session=True)
    assert leftover.stdout
    assert leftover.stdout.readline()
    pidfile.write_text(str(leftover.pid))
    reaper = threading.Thread(target=leftover.wait)  # otherwise it would stay as a zombie, because it is our child
    reaper.start()
    end_leftover(pidfile, said.append)
    reaper.join()
    leftover.stdout.close()
    assert leftover.returncode == -signal.SIGTERM
    assert said


@pytest.mark.parametrize(
    ("system", "machine", "libc", "remedy"),
    [
        ("darwin", "arm64", "", "WSL 2"),
        ("win32", "AMD64", "", "WSL 2"),
        ("linux", "x86_64", "", "Debian or Ubuntu"),
        ("linux", "riscv64", "glibc", "x86_64 and arm64"),
    ],
)
def test_a_machine_that_cannot_run_lambdas_packages_is_told_what_can(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, libc: str, remedy: str
) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.libc_ver", lambda: (libc, "2.36"))
    with pytest.raises(OpsError, match=remedy):
        check_machine()


@pytest.mark.parametrize(("machine", "architecture"), [("x86_64", "x86_64"), ("aarch64", "arm64")])
def test_functions_have_the_machines_architecture(
    monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.libc_ver", lambda: ("glibc", "2.36"))
    assert check_machine() == architecture


def test_the_guide_names_what_a_newcomer_needs_and_its_command_can_be_pasted(tmp_path: Path) -> None:
    text = guide(LocalStage(tmp_path, port=8001, emulator_port=4567), "fm_key")
    assert len(text.strip().splitlines()) <= 12
    for wanted in (
        "http://localhost:8001\n",
        "http://localhost:8001/docs",
        "http://127.0.0.1:4567",
        "fm_key",
        "api-key",
    ):
        assert wanted in text
    assert "{" not in text
    [line] = [line for line in text.splitlines() if "upload FILE" in line]
    assert subprocess.run(["sh", "-n"], input=line, text=True, check=False).returncode == 0
    (tmp_path / "api-key").write_text("fm_key")
    heard = re.sub(r"\S+/filemill upload", "printenv FILEMILL_URL FILEMILL_KEY #", line)
    shell = subprocess.run(["sh", "-c", heard], capture_output=True, text=True, check=False)
    assert shell.stdout.split() == ["http://localhost:8001", "fm_key"]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://App.example.com/", "https://app.example.com"),
        ("http://10.0.0.1:3000", "http://10.0.0.1:3000"),
        ("http://[fe80::1]:80", "http://[fe80::1]:80"),
    ],
)
def test_an_origin_is_taken_as_browsers_write_it(given: str, taken: str) -> None:
    assert origin(given) == taken


@pytest.mark.parametrize(
    "given", ["", "app.example.com", "https://", "https://a/b", "*", "null", "ftp://a", "https://a b"]
)
def test_anything_else_is_no_origin(given: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not an origin; use a scheme and a host"):
        origin(given)


def test_the_number_of_steps_is_known_before_the_first(root: Path, tmp_path: Path) -> None:
    local = LocalStage(tmp_path / "home", root=root)
    assert local.steps() == 5
    (tmp_path / "home").mkdir()
    project.remember(local.marker, local.fingerprint())
    assert local.steps() == 2


def test_the_deployment_sees_nothing_of_the_callers_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("FILEMILL_TABLE", "real")
    given = LocalStage(tmp_path, emulator_port=4567).environment
    assert given["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4567"
    assert given["AWS_ACCESS_KEY_ID"] == "test"
    assert given["AWS_CONFIG_FILE"] == os.devnull
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "FILEMILL_TABLE"} & set(given)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / ".chalice").mkdir(parents=True)
    (root / ".chalice" / "config.json").write_text('{"app_name": "filemill", "stages": {"prod": {"a": 1}}}')
    (root / ".chalice" / "resources.yaml").write_text("Resources: {}")
    (root / "chalicelib" / "__pycache__").mkdir(parents=True)
    (root / "chalicelib" / "__pycache__" / "a.pyc").write_text("")
    (root / "chalicelib" / "a.py").write_text("a = 1")
    (root / "app.py").write_text("app = 1")
    (root / "requirements.txt").write_text("")
    (root / "ops" / "local").mkdir(parents=True)
    (root / "ops" / "provision.py").write_text("")
    (root / "ops" / "stack").mkdir()
    (root / "ops" / "stack" / "roles.py").write_text("")
    (root / "ops" / "local" / "adapter").mkdir()
    (root / "ops" / "local" / "adapter" / "cdn.py").write_text("")
    for name in ("emulator.py", "requirements.txt"):
        (root / "ops" / "local" / name).write_text("")
    return root


def test_the_copy_follows_the_project_and_keeps_its_own_stage(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    project.sync(root, copy)
    config = json.loads((copy / ".chalice" / "config.json").read_text())
    networks = {"FILEMILL_WEBHOOK_NETWORKS": "127.0.0.0/8, ::1/128"}
    assert config == {"app_name": "filemill", "stages": {"local": {"environment_variables": networks}}}
    chosen = {"automatic_layer": True, "environment_variables": {"FILEMILL_WEBHOOK_NETWORKS": "10.0.0.0/8"}}
    config["stages"]["local"] = chosen
    (copy / ".chalice" / "config.json").write_text(json.dumps(config))
    (copy / ".chalice" / "deployed").mkdir()
    (copy / ".chalice" / "deployed" / "local.json").write_text("{}")
    (root / "chalicelib" / "b.py").write_text("b = 1")
    (root / "chalicelib" / "a.py").unlink()

    project.sync(root, copy)

    assert [f.name for f in (copy / "chalicelib").iterdir()] == ["b.py"]
    assert json.loads((copy / ".chalice" / "config.json").read_text())["stages"] == {"local": chosen}
    assert (copy / ".chalice" / "deployed" / "local.json").exists()
    assert json.loads((root / ".chalice" / "config.json").read_text())["stages"] == {"prod": {"a": 1}}


def test_the_fingerprint_changes_with_what_is_deployed_only(root: Path, tmp_path: Path) -> None:
    before = project.fingerprint(root, "http://localhost:8000")
    shutil.rmtree(root / "chalicelib" / "__pycache__")
    (root / "README.md").write_text("new")
    (root / ".chalice" / "config.json").write_text('{"app_name": "filemill", "stages": {}}')
    assert project.fingerprint(root, "http://localhost:8000") == before
    assert project.fingerprint(root, "http://localhost:9000") != before
    deciding = ("chalicelib/a.py", "app.py", ".chalice/resources.yaml", "requirements.txt")
    tools = ("ops/provision.py", "ops/stack/roles.py", "ops/local/adapter/cdn.py", "ops/local/emulator.py")
    for name in deciding + tools:
        last = project.fingerprint(root)
        (root / name).write_text("changed")
        assert project.fingerprint(root) != last, name
    last = project.fingerprint(root)
    (root / "chalicelib" / "a.py").rename(root / "chalicelib" / "c.py")
    assert project.fingerprint(root) != last


def test_a_marker_that_cannot_be_read_means_not_deployed(tmp_path: Path) -> None:
    marker = tmp_path / "deployed.json"
    assert project.remembered(marker) is None
    marker.write_text("rubbish")
    assert project.remembered(marker) is None
    project.remember(marker, "abc")
    assert project.remembered(marker) == "abc"
