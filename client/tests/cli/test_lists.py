"""Lists and records, in each of the three forms."""

from __future__ import annotations

import pytest
from fake_filemill import FakeFilemill

from cli.runner import Run

pytestmark = pytest.mark.usefixtures("signed_in")


def test_ls_piped_has_tabs_and_no_head(run: Run, service: FakeFilemill) -> None:
    record = service.add(b"bytes", filename="a.txt")
    assert run("ls").lines == [[record["id"], "ready", "text", "5", "2026-11-26T12:00:00.000Z", "a.txt"]]


def test_ls_on_a_terminal_is_a_table(run: Run, service: FakeFilemill) -> None:
    service.add(b"x" * 2_800_000, filename="a.txt")
    service.add(b"x", filename="日本語.txt")
    head, first, second = run("ls", terminal=True).out.splitlines()
    assert head.split() == ["ID", "STATUS", "KIND", "SIZE", "CREATED", "NAME"]
    assert first.endswith("日本語.txt")
    assert "2.8 MB" in second


def test_ls_json_has_one_record_a_line(run: Run, service: FakeFilemill) -> None:
    service.add(b"1", filename="a.txt", metadata={"x": 1})
    service.add(b"2", filename="b.txt")
    assert [record["filename"] for record in run("ls", "--json").json] == ["b.txt", "a.txt"]
    assert run("ls", "--json").json[1]["metadata"] == {"x": 1}


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("command", [["ls"], ["get", "ID"], ["search", "a"], ["events"], ["ls", "--json"]])
def test_no_name_steers_the_terminal(run: Run, service: FakeFilemill, command: list[str], terminal: bool) -> None:
    name = "a\x1b]0;title\x07\x9b31m\u202e\u2066\t\n\r\x00.txt"
    record = service.add(b"bytes", filename=name)
    ran = run(*[record["id"] if part == "ID" else part for part in command], terminal=terminal)
    assert ran.code == 0
    assert not set("\x1b\x07\x9b\u202e\u2066\r\x00") & set(ran.out.replace("\x1b[2m", "").replace("\x1b[0m", ""))
    if command[-1] == "--json":
        assert ran.json[0]["filename"] == name


def test_all_pages_are_listed(run: Run, service: FakeFilemill) -> None:
    for number in range(450):
        service.add(str(number).encode(), filename=f"{number}.txt")
    assert len(run("ls").lines) == 50
    assert len(run("ls", "--limit", "300").lines) == 300
    assert len(run("ls", "--all").lines) == 450
    assert "--all" in run("ls", terminal=True).err


def test_filters_are_asked_of_the_service(run: Run, service: FakeFilemill) -> None:
    service.add(b"1")
    service.add(b"2", kind="image")
    assert len(run("ls", "--kind", "image").lines) == 1
    ran = run("ls", "--kind", "picture")
    assert ran.code == 2
    assert "spreadsheet" in ran.err


def test_nothing_found_is_said_to_people_only(run: Run) -> None:
    ran = run("ls")
    assert (ran.code, ran.out) == (0, "")
    assert "There are no such files." in ran.err
    assert run("ls", "--quiet").err == ""


def test_get_shows_each_field(run: Run, service: FakeFilemill) -> None:
    record = service.add(b"bytes", filename="a.txt", text={"lines": 1}, metadata={"n": "1"})
    lines = dict(run("get", record["id"]).lines)
    assert (lines["filename"], lines["text.lines"], lines["metadata.n"]) == ("a.txt", "1", "1")
    assert run("get", record["id"], "--json").json[0]["id"] == record["id"]


def test_what_is_not_there_is_not_found(run: Run, service: FakeFilemill) -> None:
    ran = run("get", "file_0")
    assert ran.code == 4
    assert "There is no file file_0." in ran.err
    record = service.add(b"1")
    ran = run("get", "file_0", record["id"], "--json")
    assert ran.code == 1
    assert len(ran.json) == 1


def test_search_says_where(run: Run, service: FakeFilemill) -> None:
    record = service.add(b"1", filename="beach.txt")
    assert run("search", "beach").lines[0][:2] == [record["id"], "filename"]
    assert run("search", "beach", "--json").json[0]["found_in"] == ["filename"]


def test_rm_asks_and_restore_takes_back(run: Run, service: FakeFilemill) -> None:
    ids = [service.add(b"1")["id"], service.add(b"2")["id"]]
    assert run("rm", *ids).code == 2
    assert len(service.files) == 2
    ran = run("rm", ids[0], "file_0", ids[1], "--yes")
    assert ran.code == 1
    assert ran.lines == [["deleted", ids[0]], ["deleted", ids[1]]]
    assert "not deleted: file_0" in ran.err
    assert not service.files
    assert run("restore", "-", input="\n".join(ids)).code == 0
    assert len(service.files) == 2
    assert run("restore", "file_0").code == 4


def test_open_prints_addresses(run: Run, service: FakeFilemill) -> None:
    rendition = {"name": "w640", "format": "webp", "url": "https://f/w640.webp?signed"}
    record = service.add(b"1", renditions=[rendition])
    assert run("open", "--print").lines == [["https://files.example.com/"]]
    assert run("open", record["id"], "--print").lines == [[f"https://files.example.com/#/files/{record['id']}"]]
    assert run("open", record["id"], "--rendition", "w640", "--print").lines == [["https://f/w640.webp?signed"]]
    assert run("open", record["id"], "--original", "--json").json[0]["url"].startswith("https://s3.example.com/")
    assert run("open", record["id"], "--rendition", "w1").code == 4
    assert run("open", "--original").code == 2


def test_share_makes_lists_and_revokes(run: Run, service: FakeFilemill) -> None:
    record = service.add(b"1")
    options = ["--expires", "12h", "--max-views", "3", "--no-download", "--password"]
    ran = run("share", record["id"], *options, input="sesame\nsesame\n")
    assert ran.lines[-1] == ["https://files.example.com/s/shr_1"]
    assert service.bodies[-1] == {"expires_in": 43200, "max_views": 3, "download": False, "password": "sesame"}
    (listed,) = run("share", record["id"], "--list").lines
    assert run("share", record["id"], "--revoke", listed[0]).code == 0
    assert run("share", record["id"], "--list").lines == []
    assert run("share", record["id"], "--expires", "soon").code == 2


def test_keys_tokens_and_webhooks_are_managed(run: Run, service: FakeFilemill) -> None:
    assert ["key", "fm_new"] in run("keys", "create", "shop", "--scope", "files:read", "--network", "10.0.0.0/8").lines
    assert service.bodies[-1] == {"name": "shop", "scopes": ["files:read"], "networks": ["10.0.0.0/8"]}
    key = run("keys", "list").lines[0][0]
    assert run("keys", "update", key, "--name", "other").code == 0
    assert run("keys", "update", key).code == 2
    assert run("keys", "get", key, "--json").json[0]["name"] == "other"
    assert run("keys", "rotate", key, "--overlap", "1h").code == 0
    assert service.bodies[-1] == {"overlap": 3600}
    assert run("keys", "delete", key).code == 0
    assert run("keys", "get", key).code == 4

    options = ["--max-bytes", "9", "--content-type", "image/*", "--public", "--json"]
    made = run("tokens", "create", *options).json[0]
    assert made["token"] == "fmu_new"
    assert service.bodies[-1] == {"max_bytes": 9, "content_types": ["image/*"], "visibility": "public"}
    assert len(run("tokens", "list").lines) == 1
    assert run("tokens", "delete", made["id"]).code == 0

    made = run(
        "webhooks", "create", "https://x.example.com", "--type", "filemill.file.ready", "--kind", "pdf", "--json"
    )
    (webhook,) = made.json
    assert webhook["secret"] == "whsec_c2VjcmV0"
    assert len(run("webhooks", "list").lines) == 1
    assert run("webhooks", "update", webhook["id"], "--disable").code == 0
    assert service.bodies[-1] == {"enabled": False}
    for command in (
        ["get"],
        ["rotate-secret"],
        ["test"],
        ["deliveries"],
        ["replay", "--since", "2026-11-26T12:00:00Z"],
    ):
        assert run("webhooks", command[0], webhook["id"], *command[1:]).code == 0, command
    assert run("webhooks", "retry", webhook["id"], "evt_1").code == 0
    assert run("webhooks", "delete", webhook["id"]).code == 0


def test_usage_and_stats_are_numbers(run: Run, service: FakeFilemill) -> None:
    service.add(b"bytes")
    assert run("stats").lines[0] == ["all", "", "1", "5"]
    assert run("usage").lines == [["files", "100", "1", ""]]
    assert run("usage", "--json").json[0]["files"] == 1
    assert "QUOTA" in run("usage", terminal=True).out


def test_an_unknown_command_has_a_suggestion(run: Run) -> None:
    ran = run("uplaod")
    assert ran.code == 2
    assert "Did you mean 'upload'?" in ran.err
