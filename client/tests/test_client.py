"""The client itself: where its settings come from, where its key goes, proxies, the clock, and records."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_filemill import KEY, URL, Call, FakeFilemill, Reply

import filemill as package
from filemill import (
    ApiError,
    AsyncFilemill,
    AuthenticationError,
    ConfigurationError,
    File,
    FileFailed,
    Filemill,
    NetworkError,
    NotFound,
    ServerError,
    WaitTimeout,
    _api,
    _http,
    _settings,
)


def log_in(url: str, key: str) -> None:
    path = _settings.login_file()
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"url": url, "key": key}))


def sent_key(client: Filemill, fake: FakeFilemill) -> str | None:
    client.health()
    return fake.calls[-1].headers.get("authorization")


def test_what_is_given_comes_before_the_environment_and_that_before_the_login(
    fake: FakeFilemill, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(URL, "fm_login")
    assert sent_key(Filemill(transport=fake.transport()), fake) == "Bearer fm_login"
    monkeypatch.setenv("FILEMILL_KEY", "fm_environment")
    assert sent_key(Filemill(transport=fake.transport()), fake) == "Bearer fm_environment"
    assert sent_key(Filemill(key="fm_given", transport=fake.transport()), fake) == "Bearer fm_given"


def test_the_key_of_the_login_goes_to_no_other_stage(fake: FakeFilemill) -> None:
    log_in("https://other.example.com", "fm_login")
    assert sent_key(Filemill(URL, transport=fake.transport()), fake) is None


def test_a_key_may_be_a_function_that_is_asked_each_time(fake: FakeFilemill) -> None:
    keys = iter(["one", "two"])
    client = Filemill(URL, lambda: next(keys), transport=fake.transport())
    assert [sent_key(client, fake), sent_key(client, fake)] == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("url", "key", "sentence"),
    [
        (None, None, "No url"),
        ("files.example.com", KEY, "must begin with https"),
        ("https://", KEY, "must begin with https"),
        ("https://user@files.example.com", KEY, "no user name"),
        ("https://files.example.com/?a=1", KEY, "no user name"),
        (URL, "fm key", "characters"),
        (URL, "fm_\n", "characters"),
        (URL, "fm_\u00e4", "characters"),
    ],
)
def test_settings_that_cannot_be_used_are_told(url: str | None, key: str | None, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Filemill(url, key)


def test_a_damaged_login_is_told() -> None:
    log_in(URL, KEY)
    _settings.login_file().write_text("{")
    with pytest.raises(ConfigurationError, match="damaged"):
        Filemill()


def test_a_key_never_follows_a_redirect(filemill: Filemill, fake: FakeFilemill) -> None:
    fake.before = lambda call: Reply(301, None, {"Location": "https://elsewhere.example.com/"})
    with pytest.raises(ApiError, match=r"redirects to https://elsewhere\.example\.com"):
        filemill.stats()
    assert len(fake.calls) == 1


def test_an_answer_of_something_else_than_filemill_is_told(filemill: Filemill, fake: FakeFilemill) -> None:
    fake.before = lambda call: Reply(200, b"<html>A wireless network: please log in</html>")
    with pytest.raises(ApiError, match="no JSON"):
        filemill.stats()


@pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_an_hour_off_is_named_with_a_refusal(filemill: Filemill, fake: FakeFilemill, off: timedelta) -> None:
    date = format_datetime(datetime.now(timezone.utc) - off, usegmt=True)
    fake.before = lambda call: Reply(401, {"code": "token_expired", "detail": "It is over."}, {"Date": date})
    side = "ahead of" if off > timedelta(0) else "behind"
    with pytest.raises(AuthenticationError, match=f"clock is 60 minutes {side}"):
        filemill.stats()


def test_retry_after_may_be_a_date() -> None:
    soon = datetime.now(timezone.utc) + timedelta(seconds=30)
    seconds = _api.retry_after({"retry-after": format_datetime(soon, usegmt=True)})
    assert seconds is not None and 27 < seconds <= 30
    assert _api.retry_after({"retry-after": "soon"}) is None


def test_this_computer_is_reached_past_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    made = _http.past_a_proxy(httpx.HTTPTransport)
    assert made is not None
    client = httpx.Client(mounts=made)
    direct = next(iter(made.values()))
    for host in ("localhost:8000", "app.localhost", "127.0.0.1:8000", "[::1]:8000"):
        assert client._transport_for_url(httpx.URL(f"http://{host}/")) is direct, host
    assert client._transport_for_url(httpx.URL("http://files.example.com/")) is not direct
    with (
        Filemill("http://files.example.com", KEY, retries=0) as away,
        pytest.raises(NetworkError, match=r"files\.example"),
    ):
        away.health()


def test_nothing_that_listens_is_told_with_host_and_port() -> None:
    with Filemill("http://127.0.0.1:9", KEY, retries=0) as client:
        with pytest.raises(NetworkError, match=r"127\.0\.0\.1:9 could not be reached: nothing listens") as caught:
            client.health()
    assert not caught.value.sent


def test_an_id_cannot_lead_to_another_route(filemill: Filemill, fake: FakeFilemill) -> None:
    for wrong in ("../keys", "a/b", "?x=1", "..", "a#b"):
        with pytest.raises(ApiError):
            filemill.files.get(wrong)
    with pytest.raises(ValueError, match="empty"):
        filemill.files.delete("")


def test_any_request_can_be_sent(filemill: Filemill, fake: FakeFilemill) -> None:
    made = filemill.request("post", "/v1/files", body={"filename": "a.txt", "size": 1, "upload": "post"})
    assert made["upload"]["method"] == "POST"
    found = filemill.request("GET", "/v1/files", query={"tag": None, "limit": 1}, headers={"X-Trace": "t"})
    assert [each["id"] for each in found["items"]] == [made["id"]]
    assert (fake.calls[-1].query, fake.calls[-1].headers["x-trace"]) == ({"limit": ["1"]}, "t")
    assert filemill.request("DELETE", f"/v1/files/{made['id']}") is None
    with pytest.raises(NotFound):
        filemill.request("GET", f"/v1/files/{made['id']}")


@pytest.mark.parametrize("path", ["@evil.example/v1/files", ".evil.example/", "v1/files", ""])
def test_a_path_cannot_lead_to_another_host(filemill: Filemill, fake: FakeFilemill, path: str) -> None:
    with pytest.raises(ValueError, match="slash"):
        filemill.request("GET", path)
    assert not fake.calls


@pytest.mark.parametrize(("headers", "times"), [({}, 1), ({"idempotency-key": "k"}, 2)])
def test_a_post_is_sent_again_only_with_a_key_for_it(
    filemill: Filemill, fake: FakeFilemill, headers: dict[str, str], times: int
) -> None:
    def trouble(call: Call) -> Reply | None:
        return Reply(502) if len(fake.calls) == 1 else None

    fake.before = trouble
    with nullcontext() if times == 2 else pytest.raises(ServerError):
        filemill.request("POST", "/v1/files", body={"filename": "a.txt", "size": 1}, headers=headers)
    assert len(fake.calls) == times


def test_a_delete_whose_answer_is_lost_is_done(fake: FakeFilemill) -> None:
    inner = fake.transport()

    def handle(request: httpx.Request) -> httpx.Response:
        answer = inner.handle_request(request)
        if request.method == "DELETE" and answer.status_code == 204:
            raise httpx.ReadError("lost")
        return answer

    with Filemill(URL, KEY, transport=httpx.MockTransport(handle)) as client:
        client.files.delete(client.upload(b"hello", filename="a.txt"))
    assert fake.files == {} and fake.count("DELETE", ".*") == 2


def test_lists_are_read_page_by_page(filemill: Filemill, fake: FakeFilemill) -> None:
    made = [filemill.upload(b"%d" % number, filename=f"{number}.txt").id for number in range(7)]
    assert [file.id for file in filemill.files.iter(limit=3)] == made[::-1]
    assert fake.count("GET", "/v1/files") == 3

    async def main() -> list[str]:
        async with AsyncFilemill(URL, KEY, transport=fake.async_transport()) as client:
            return [file.id async for file in client.files.iter(limit=3)]

    assert asyncio.run(main()) == made[::-1]


def test_waiting_ends_with_the_file_or_with_the_time(filemill: Filemill, fake: FakeFilemill) -> None:
    slow = filemill.upload(b"slow", filename="slow.txt")
    asked: list[dict[str, list[str]]] = []

    def before(call: Call) -> None:
        asked.append(call.query)
        if len(asked) == 2:
            fake.files[slow.id]["status"] = "ready"

    fake.before = before
    assert filemill.files.wait(slow, timeout=60).status == "ready"
    assert asked[0] == {"wait": ["20"], "wait_for": ["final"]}
    fake.before = None
    fake.files[slow.id]["status"] = "processing"
    with pytest.raises(WaitTimeout, match="still processing after 0 seconds") as caught:
        filemill.files.wait(slow.id, timeout=0)
    assert isinstance(caught.value, TimeoutError)
    fake.files[slow.id]["status"] = "expired"
    with pytest.raises(FileFailed, match="did not come in time"):
        filemill.files.wait(slow)


def test_records_take_what_this_version_does_not_know() -> None:
    raw: dict[str, Any] = {"id": "file_1", "status": "polished", "kind": "hologram", "shine": {"level": 11}}
    raw |= {"created_at": "2026-11-26T12:00:00.000Z", "updated_at": "not yet", "image": "none", "renditions": None}
    file: Any = File(raw)
    assert (file.status, file.kind, file.shine) == ("polished", "hologram", {"level": 11})
    assert file.created_at == datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
    assert (file.updated_at, file.image, file.renditions) == ("not yet", "none", None)
    assert (file.owner, file.tags, file.etag) == (None, [], None)
    with pytest.raises(AttributeError, match="no field `filename`"):
        _ = file.filename
    assert file == File(dict(raw)) and file != File({**raw, "status": "ready"})


def test_the_versions_agree() -> None:
    text = (Path(package.__file__).parents[2] / "pyproject.toml").read_text()
    assert f'\nversion = "{package.__version__}"\n' in text


def test_delivery_is_in_a_record_if_it_is_asked_for(fake: FakeFilemill, filemill: Filemill) -> None:
    file = filemill.upload(b"one", filename="a.jpg", wait=True)
    assert filemill.files.get(file).delivery is None
    shown = filemill.files.get(file, include="delivery")
    assert shown.delivery
    assert shown.delivery.query == "Signature=s"
    for other in (
        filemill.files.get(file, include=["delivery"]),
        filemill.files.wait(file, include="delivery"),
        filemill.files.list(include=["delivery", "details"]).items[0],
        filemill.files.batch([file], include="delivery")[0],
        filemill.upload(b"more", filename="b.jpg", wait=True, include="delivery"),
    ):
        assert other.delivery == shown.delivery
    asked = [call.query.get("include") for call in fake.calls if call.path == "/v1/files" and call.method == "GET"]
    assert asked == [["delivery", "details"]]


def test_only_a_download_of_a_rendition_asks_for_delivery(fake: FakeFilemill, filemill: Filemill) -> None:
    file = filemill.upload(b"one", filename="a.jpg", wait=True)
    fake.calls.clear()
    filemill.files.download(file)
    filemill.files.download(file, rendition="original")
    filemill.files.download(file, rendition="w640")
    records = [call for call in fake.calls if call.path == f"/v1/files/{file.id}"]
    assert [call.query.get("include") for call in records] == [None, None, ["delivery"]]
