"""`filemill events`, `filemill webhooks listen` and `filemill doctor`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from fake_filemill import KEY, URL, Call, FakeFilemill, Reply, problem

from cli.runner import Run
from filemill import _groups, verify
from filemill.cli import profiles
from filemill.cli.commands import doctor
from filemill.models import Event

pytestmark = pytest.mark.usefixtures("signed_in")


def event(number: int, **file: Any) -> Event:
    raw = {
        "specversion": "1.0",
        "id": f"evt_file_{number}_1",
        "type": "filemill.file.ready",
        "subject": f"file_{number}",
        "time": "2026-11-26T12:00:00.000Z",
        "data": {"file": {"id": f"file_{number}", "filename": f"{number}\x1b[31m.txt", **file}},
    }
    return Event(raw, f"c{number}")


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Three events come over the socket, and then Ctrl-C. Gives the arguments with which it was asked."""
    asked: list[dict[str, Any]] = []

    def follow(self: Any, **arguments: Any) -> Iterator[Event]:
        asked.append(arguments)
        yield event(1, kind="image", tags=["a", "b"])
        yield event(2, kind="pdf", tags=["a"])
        yield event(3)
        raise KeyboardInterrupt

    monkeypatch.setattr(_groups.Events, "follow", follow)
    return asked


def test_events_are_lines_and_the_cursor_is_told(run: Run, followed: list[dict[str, Any]]) -> None:
    ran = run("events", "--follow", "--type", "ready", "--after", "c0")
    assert ran.code == 130
    assert [line[1:3] for line in ran.lines] == [["file.ready", f"file_{number}"] for number in (1, 2, 3)]
    assert "--after c3" in ran.err
    assert (followed[0]["types"], followed[0]["cursor"]) == (["ready"], "c0")
    assert "\x1b" not in ran.out


def test_events_end_after_a_number(run: Run, followed: list[dict[str, Any]]) -> None:
    ran = run("events", "--follow", "--limit", "2", "--json")
    assert ran.code == 0
    assert [each["subject"] for each in ran.json] == ["file_1", "file_2"]
    assert "file_1" in run("events", "--follow", "--limit", "1", terminal=True).out


def test_without_follow_it_is_the_feed(run: Run, service: FakeFilemill) -> None:
    service.add(b"1", filename="a.txt")
    service.add(b"2", filename="b.txt")
    ran = run("events")
    expected = [["ready", each, service.files[each]["filename"]] for each in service.files]
    assert [line[1:] for line in ran.lines] == expected
    assert "--after 2" in ran.err
    assert run("events", "--after", "2").lines == []
    assert len(run("events", "--limit", "1").lines) == 1


def receiver(service: FakeFilemill, status: int = 204) -> list[Call]:
    got: list[Call] = []

    def answer(call: Call) -> Reply | None:
        if call.host != "localhost":
            return None
        got.append(call)
        return Reply(status)

    service.before = answer
    return got


def test_events_are_forwarded_with_a_signature_that_can_be_verified(
    run: Run, service: FakeFilemill, followed: list[dict[str, Any]]
) -> None:
    got = receiver(service)
    ran = run("webhooks", "listen", "--forward-to", "localhost:3000/hooks", "--limit", "3")
    secret = ran.err.partition("Signing secret: ")[2].split()[0]
    assert len(got) == 3
    for number, call in enumerate(got, 1):
        assert call.url == "http://localhost:3000/hooks"
        assert verify(call.headers, call.body, secret).raw["subject"] == f"file_{number}"
    assert [line[3] for line in ran.lines] == ["204"] * 3


def test_filters_are_those_of_webhooks(run: Run, service: FakeFilemill, followed: list[dict[str, Any]]) -> None:
    got = receiver(service)
    ran = run("webhooks", "listen", "--forward-to", "localhost:3000", "--kind", "image", "--tag", "a")
    assert ran.code == 130
    assert [call.json["subject"] for call in got] == ["file_1"]


def test_a_receiver_that_fails_is_shown_and_the_next_event_is_sent(
    run: Run, service: FakeFilemill, followed: list[dict[str, Any]]
) -> None:
    got = receiver(service, 500)
    assert [line[3] for line in run("webhooks", "listen", "--forward-to", "localhost:1").lines] == ["500"] * 3
    assert len(got) == 3

    service.before = lambda call: httpx.ConnectError("refused") if call.host == "localhost" else None
    assert "ConnectError: refused" in run("webhooks", "listen", "--forward-to", "localhost:1").out


def test_the_secret_stays_with_the_login(
    run: Run, service: FakeFilemill, followed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FILEMILL_URL")
    monkeypatch.delenv("FILEMILL_KEY")
    run("login", "--url", "https://files.example.com", "--key-stdin", input="fm_key\n")
    receiver(service)
    first, second = (run("webhooks", "listen", "--forward-to", "localhost:1").err.splitlines()[0] for _ in range(2))
    assert first == second
    assert first.startswith("Signing secret: whsec_")
    monkeypatch.setenv("FILEMILL_WEBHOOK_SECRET", "whsec_!")
    assert run("webhooks", "listen", "--forward-to", "localhost:1").code == 2
    assert run("webhooks", "listen", "--forward-to", "ftp://x").code == 2


def test_the_secret_goes_to_the_login_of_the_address_in_use_and_to_no_other(
    run: Run, service: FakeFilemill, followed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def secret(*args: str) -> str:
        return run("webhooks", "listen", "--forward-to", "localhost:1", *args).err.splitlines()[0]

    def saved() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(profiles.file().read_text())["profiles"]
        return found

    monkeypatch.delenv("FILEMILL_URL")
    monkeypatch.delenv("FILEMILL_KEY")
    receiver(service)
    run("login", "--url", URL, "--key-stdin", "--profile", "live", input="fm_key\n")
    run("login", "--url", "https://staging.example.com", "--key-stdin", "--profile", "staging", input="fm_key\n")
    monkeypatch.setenv("FILEMILL_URL", "https://elsewhere.example.com")
    monkeypatch.setenv("FILEMILL_KEY", KEY)
    ran = run("webhooks", "listen", "--forward-to", "localhost:1")
    assert "No login of https://elsewhere.example.com is saved" in ran.err
    assert secret() != secret()
    assert not any("secret" in login for login in saved().values())
    monkeypatch.setenv("FILEMILL_URL", URL)  # the login of this address is not the one in use
    first = secret()
    assert secret() == first == secret("--profile", "live")
    assert {name for name, login in saved().items() if "secret" in login} == {"live"}
    assert secret("--profile", "staging") != first
    assert secret() == first


def test_only_the_head_of_a_receivers_answer_is_read(
    run: Run, service: FakeFilemill, followed: list[dict[str, Any]]
) -> None:
    given = [0]

    def endless() -> Iterator[bytes]:
        while given[0] < 1000:
            given[0] += 1
            yield b"x" * 100_000

    service.before = lambda call: Reply(204, endless()) if call.host == "localhost" else None
    assert [line[3] for line in run("webhooks", "listen", "--forward-to", "localhost:1").lines] == ["204"] * 3
    assert given[0] < 10


def findings(run: Run, *args: str) -> dict[str, tuple[str, str]]:
    return {line[1]: (line[0], line[2]) for line in run("doctor", *args).lines}


def test_the_doctor_finds_nothing_where_all_is_well(run: Run, service: FakeFilemill) -> None:
    found = findings(run, "--origin", "https://app.example.com")
    assert found["front door"][0] == found["key"][0] == found["uploads"][0] == found["CORS of uploads"][0] == "ok"
    assert not service.files  # the upload that it began is taken back


def test_the_doctor_names_an_origin_that_may_not_upload(run: Run) -> None:
    found = findings(run, "--origin", "https://other.example.com")
    assert found["CORS of uploads"][0] == "FAILED"
    assert "CorsOrigins" in found["CORS of uploads"][1]
    assert run("doctor", "--origin", "https://other.example.com").code == 1


def test_the_doctor_says_what_a_lost_connection_means(run: Run, service: FakeFilemill) -> None:
    service.before = lambda call: httpx.ConnectError("[Errno -2] Name or service not known")
    ran = run("doctor")
    assert ran.code == 1
    assert [line[:2] for line in ran.lines] == [["FAILED", "front door"]]
    assert "The name is not known" in ran.out


def test_the_doctor_knows_another_server(run: Run, service: FakeFilemill) -> None:
    service.before = lambda call: Reply(200, b"<html>")
    assert "not as a Filemill does" in findings(run)["front door"][1]


@pytest.mark.parametrize("content", [b"[" * 200_000, b"[]", b" " * 17_000_000], ids=["deep", "list", "long"])
def test_the_doctor_bears_a_server_that_lies(run: Run, service: FakeFilemill, content: bytes) -> None:
    service.before = lambda call: Reply(200, iter([content]))
    assert "not as a Filemill does" in findings(run)["front door"][1]


def test_the_doctor_names_a_key_that_is_not_accepted(run: Run, service: FakeFilemill) -> None:
    service.before = lambda call: problem(401, "unauthenticated", "No.") if call.path == "/v1/me" else None
    assert findings(run)["key"][0] == "FAILED"


def test_the_doctor_names_proxies(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert "NO_PROXY" in findings(run)["proxy"][1]
    assert "http://proxy:3128" not in run("doctor").out  # it may hold a password


def test_the_doctor_without_a_login_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILEMILL_KEY")
    ran = run("doctor", "--json")
    assert ran.json == [{"check": "login", "state": "failed", "said": ran.json[0]["said"]}]
    assert "filemill login" in ran.json[0]["said"]


@pytest.mark.parametrize(("minutes", "state"), [(0, "ok"), (2, "warning"), (60, "FAILED"), (-60, "FAILED")])
def test_the_doctor_compares_the_clocks(minutes: int, state: str) -> None:
    now = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
    found = doctor.clock(format_datetime(now - timedelta(minutes=minutes), usegmt=True), now)
    assert found.state == state
    for date in ("no date", "Fri, 27 Nov 2026 04:09:22 -0000", "Fri, 27 Nov 2026 04:09:22 +99999999999999999999"):
        assert doctor.clock(date, now).state == "skipped"
