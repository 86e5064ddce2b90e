"""`filemill login` and `logout`: what is kept, who may read it, and which login is in force."""

from __future__ import annotations

import json
import stat

import pytest
from fake_filemill import KEY, URL, FakeFilemill, problem

from cli.runner import Run
from filemill.cli import profiles


@pytest.fixture
def logged_in(run: Run) -> None:
    assert run("login", "--url", f"{URL}/console/?x#y", "--key-stdin", input=f"{KEY}\n").code == 0


@pytest.mark.usefixtures("logged_in")
def test_a_login_is_kept_where_only_its_owner_may_read_it(run: Run) -> None:
    path = profiles.file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert run("stats").code == 0


@pytest.mark.usefixtures("logged_in")
def test_the_python_client_finds_the_login(service: FakeFilemill) -> None:
    from filemill import Filemill

    with Filemill(transport=service.transport()) as client:
        assert (client.url, client.me().tenant) == (URL, "acme")


def test_a_wrong_key_is_not_kept(run: Run) -> None:
    ran = run("login", "--url", URL, "--key-stdin", input="fm_wrong\n")
    assert ran.code == 3
    assert "The credential is not known." in ran.err
    assert "fm_wrong" not in ran.out + ran.err
    assert not profiles.file().exists()


def test_a_service_without_me_is_asked_for_its_stats(run: Run, service: FakeFilemill) -> None:
    service.me = None
    assert run("login", "--url", URL, "--key-stdin", input=f"{KEY}\n").code == 0
    service.before = lambda call: problem(403, "missing_scope", "No.") if call.path == "/v1/stats" else None
    assert run("login", "--url", URL, "--key-stdin", input=f"{KEY}\n").code == 0


@pytest.mark.parametrize("url", ["files.example.com", "ftp://x", "https://", "https://[", "https://x:99999"])
def test_what_is_no_address_is_refused(run: Run, url: str) -> None:
    ran = run("login", "--url", url, "--key-stdin", input=f"{KEY}\n")
    assert ran.code == 2
    assert "is no address of a Filemill" in ran.err


def test_an_address_that_is_not_encrypted_is_said(run: Run) -> None:
    assert "not encrypted" in run("login", "--url", "http://files.example.com", "--key-stdin", input=f"{KEY}\n").err
    assert "not encrypted" not in run("login", "--url", "http://localhost:1", "--key-stdin", input=f"{KEY}\n").err


def test_several_logins_are_kept_apart(run: Run, service: FakeFilemill) -> None:
    run("login", "--profile", "one", "--url", "https://one.example.com", "--key-stdin", input=f"{KEY}\n")
    run("login", "--profile", "two", "--url", "https://two.example.com", "--key-stdin", input=f"{KEY}\n")
    hosts: list[str] = []
    service.before = lambda call: hosts.append(call.host)
    run("stats")
    run("stats", "--profile", "one")
    run("logout")
    run("stats")
    assert hosts == ["two.example.com", "one.example.com", "one.example.com"]
    assert run("stats", "--profile", "two").code == 3
    assert run("logout", "--profile", "two").code == 4


@pytest.mark.usefixtures("logged_in")
def test_the_environment_stands_in_for_a_login(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_KEY", "fm_wrong")
    assert run("stats").code == 3
    monkeypatch.setenv("FILEMILL_KEY", KEY)
    monkeypatch.setenv("FILEMILL_URL", "https://other.example.com")
    assert run("stats").code == 0


@pytest.mark.usefixtures("logged_in")
def test_the_saved_key_goes_to_no_other_address(
    run: Run, service: FakeFilemill, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.calls.clear()
    monkeypatch.setenv("FILEMILL_URL", "https://other.example.com")
    assert run("stats").code == 3
    assert not service.calls


def test_without_a_login_the_way_to_one_is_shown(run: Run) -> None:
    ran = run("ls")
    assert ran.code == 3
    assert "filemill login" in ran.err


def test_without_a_terminal_the_options_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filemill.cli.commands.account._in_test", lambda: False)
    ran = run("login")
    assert ran.code == 2
    assert "--key-stdin" in ran.err


def test_a_key_that_is_typed_is_not_shown(run: Run) -> None:
    ran = run("login", input=f"{URL}\n{KEY}\n")
    assert ran.code == 0
    assert KEY not in ran.out + ran.err


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"profiles": 3}', "[" * 200_000], ids=["empty", "half", "list", "wrong", "deep"]
)
@pytest.mark.usefixtures("logged_in")
def test_a_damaged_file_is_named(run: Run, content: str) -> None:
    profiles.file().write_text(content)
    ran = run("ls")
    assert ran.code == 8
    assert str(profiles.file()) in ran.err


@pytest.mark.usefixtures("logged_in")
def test_a_stop_while_the_file_is_written_leaves_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before = profiles.file().read_text()

    def stopped(*args: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dump", stopped)
    with pytest.raises(KeyboardInterrupt):
        profiles.save("other", profiles.Login("https://x", "fm_x"))
    assert profiles.file().read_text() == before
    assert [*profiles.file().parent.iterdir()] == [profiles.file()]


def test_a_host_that_only_begins_like_this_computer_is_not_taken_for_it(run: Run) -> None:
    ran = run("login", "--url", "http://localhost.evil.example", "--key-stdin", input=KEY + "\n")
    assert "not encrypted" in ran.err
