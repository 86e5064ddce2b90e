"""filemill.js tells a page in Chromium of changes: over the socket, and by the feed where no socket connects."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.filemill_page import IN_PARTS, LARGE, SMALL, FilemillPage, problem, write
from tests.e2e import stack
from tests.local import Api

if TYPE_CHECKING:
    from pathlib import Path

    from ops.local.stage import LocalStage

OpenFilemill = Callable[..., FilemillPage]


@pytest.fixture
def open_filemill(context: BrowserContext, local_stage: LocalStage, api: Api) -> OpenFilemill:
    """`open_filemill(credential, sockets=False)`: a page; without sockets its Content-Security-Policy forbids them."""

    def open_(credential: str = api.key, *, sockets: bool = True, **more: Any) -> FilemillPage:
        front_door = local_stage.front_door
        policy = f"connect-src {front_door} {local_stage.endpoint_url}"
        page = FilemillPage(context, front_door, csp=None if sockets else policy)
        page.use(credential, **more)
        return page

    return open_


def states_of(events: list[dict[str, Any]], file_id: str) -> list[int]:
    return [each["data"]["file"]["revision"] for each in events if each["subject"] == file_id]


def _told_before(api: Api) -> str:
    """Id of a file whose last change is in the feed already, where the index puts it a moment after the record."""
    begun = api("GET", "/v1/changes", params={"after": "now"}).json()["next_after"]
    made = stack.upload(api, SMALL, content_type="image/jpeg")
    ready = stack.finished(api, made["id"])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        items = api("GET", "/v1/changes", params={"after": begun}).json()["items"]
        if (ready["id"], ready["revision"]) in {(each["id"], each["revision"]) for each in items}:
            return str(made["id"])
        time.sleep(0.5)
    raise AssertionError("the change does not come into the feed")


@pytest.mark.parametrize("sockets", [True, False], ids=["socket", "feed"])
def test_changes_are_told_in_order_and_each_once(open_filemill: OpenFilemill, api: Api, sockets: bool) -> None:
    # A push may still be on its way when the socket opens; the feed is exact.
    before = None if sockets else _told_before(api)
    page = open_filemill(sockets=sockets)
    page.follow()
    page.until("told.states.at(-1) === " + ("'live'" if sockets else "'polling'"))
    record = stack.upload(api, SMALL, filename="<img src=x onerror=alert(1)>.jpg", content_type="image/jpeg")
    page.heard(record["id"], "ready")
    api("DELETE", f"/v1/files/{record['id']}")
    page.heard(record["id"], "deleted")
    told = page.told()
    revisions = states_of(told["events"], record["id"])
    assert revisions == sorted(set(revisions))
    mine = [each for each in told["events"] if each["subject"] == record["id"]]
    ready = next(each for each in mine if each["type"] == "filemill.file.ready")
    assert ready["data"]["file"]["filename"] == "<img src=x onerror=alert(1)>.jpg"
    assert ready["specversion"] == "1.0"
    assert ready["id"] == f"evt_{record['id']}_{ready['data']['file']['revision']}"
    assert told["cursor"]
    assert page.value("follower.state") == ("live" if sockets else "polling")
    page.value("follower.close()")
    page.until("told.states.at(-1) === 'ended'")
    assert page.told()["error"] is None
    assert before not in {each["subject"] for each in told["events"]}
    assert not page.errors


def test_a_connection_that_broke_is_made_up_for(open_filemill: OpenFilemill, local_stage: LocalStage, api: Api) -> None:
    if local_stage.edge is None:
        pytest.skip("a stage that this process did not start")
    page = open_filemill()
    page.follow()
    page.until("told.states.at(-1) === 'live'")
    assert stack.break_connections(local_stage) == 1
    missed = stack.upload(api, SMALL, content_type="image/jpeg")
    page.heard(missed["id"], "ready")
    page.until("told.states.at(-1) === 'live'")
    later = stack.upload(api, SMALL, content_type="image/jpeg")
    page.heard(later["id"], "ready")
    events = page.told()["events"]
    for record in (missed, later):
        revisions = states_of(events, record["id"])
        assert revisions == sorted(set(revisions))


def test_a_socket_that_opens_and_is_closed_again_and_again_is_given_up_for_the_feed(
    open_filemill: OpenFilemill, api: Api
) -> None:
    page = open_filemill()
    opened: list[str] = []

    def close(socket: Any) -> None:
        opened.append(socket.url)
        socket.close()

    page.page.route_web_socket("**/ws", close)
    page.follow()
    page.until("told.states.at(-1) === 'polling'")
    record = stack.upload(api, SMALL, content_type="image/jpeg")
    page.heard(record["id"], "ready")
    assert 1 <= len(opened) <= 4
    assert "fm_" not in "".join(opened)


@pytest.mark.parametrize("sockets", [True, False], ids=["socket", "feed"])
def test_a_page_goes_on_from_its_cursor(open_filemill: OpenFilemill, api: Api, sockets: bool) -> None:
    page = open_filemill(sockets=sockets)
    page.follow()
    page.until("['live', 'polling'].includes(told.states.at(-1))")
    first = stack.upload(api, SMALL, content_type="image/jpeg")
    page.heard(first["id"], "ready")
    page.until("told.cursor")
    page.value("follower.close()")
    cursor = page.told()["cursor"]
    missed = stack.upload(api, SMALL, content_type="image/jpeg")
    page.load()
    page.use(api.key)
    page.follow(cursor=cursor)
    page.heard(missed["id"], "ready")  # a page without the cursor would begin after it


def test_a_cursor_that_is_no_good_has_the_page_read_its_files_anew(open_filemill: OpenFilemill, api: Api) -> None:
    page = open_filemill()
    page.follow(cursor="AAAA")
    page.until("told.states.at(-1) === 'live'")
    assert page.told()["resets"] == 1
    record = stack.upload(api, SMALL, content_type="image/jpeg")
    page.heard(record["id"], "ready")


@pytest.mark.parametrize("credential", ["key", "token"])
@pytest.mark.parametrize("sockets", [True, False], ids=["socket", "asking"])
def test_named_files_are_told_as_they_are_and_then_as_they_change(
    open_filemill: OpenFilemill, api: Api, tmp_path: Path, sockets: bool, credential: str
) -> None:
    token = api("POST", "/v1/upload-tokens", json={"max_bytes": len(LARGE), "max_files": 2}).json()["token"]
    page = open_filemill(api.key if credential == "key" else token, sockets=sockets)
    page.page.route("**/*partNumber=3*", lambda route: None)
    page.begin(write(tmp_path, LARGE), **IN_PARTS)
    page.page.wait_for_function("upload.record?.status")
    mine = page.value("upload.record.id")
    strange = "file_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    other = stack.upload(api, SMALL, content_type="image/jpeg")
    page.follow(files=[mine, strange])
    page.heard(mine, "created")
    page.until("told.missing.length")
    page.page.unroute("**/*partNumber=3*")
    page.value("upload.pause(), upload.resume()")
    page.heard(mine, "ready")
    told = page.told()
    assert told["missing"] == [strange]
    assert other["id"] not in {each["subject"] for each in told["events"]}
    revisions = states_of(told["events"], mine)
    assert revisions == sorted(set(revisions))


@pytest.mark.parametrize("sockets", [True, False], ids=["socket", "feed"])
def test_a_wrong_key_ends_it_with_the_sentence_of_the_api(open_filemill: OpenFilemill, sockets: bool) -> None:
    page = open_filemill("fm_0123456789ab_" + "0" * 48, sockets=sockets)
    page.follow()
    page.until("told.states.at(-1) === 'ended'")
    error = page.told()["error"]
    assert (error["code"], error["status"]) == ("unauthenticated", 401)
    assert error["message"] == "This credential is not valid: it is unknown or was revoked."


def test_a_key_that_may_not_listen_reads_the_feed(open_filemill: OpenFilemill, api: Api) -> None:
    made = api("POST", "/v1/keys", json={"name": "reader", "scopes": ["files:read"]}).json()
    page = open_filemill(made["key"])
    page.follow()
    page.until("told.states.at(-1) === 'polling'")
    record = stack.upload(api, SMALL, content_type="image/jpeg")
    page.heard(record["id"], "ready")
    assert page.to_api().count(("POST", "/v1/socket-tickets")) == 1


def test_a_busy_api_is_asked_again(open_filemill: OpenFilemill, api: Api) -> None:
    page = open_filemill(sockets=False)
    asked: list[str] = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        if len(asked) < 3:
            route.fulfill(**problem(503, "unavailable", "Busy."))
        else:
            route.continue_()

    page.page.route("**/v1/changes*", answer)
    page.follow()
    page.until("told.states.at(-1) === 'polling'")
    record = stack.upload(api, SMALL, content_type="image/jpeg")
    page.heard(record["id"], "ready")


def test_a_follower_spares_the_questions_of_uploads(open_filemill: OpenFilemill, api: Api, tmp_path: Path) -> None:
    page = open_filemill()
    page.follow()
    page.until("told.states.at(-1) === 'live'")
    page.begin(write(tmp_path, SMALL))
    record = page.ready()
    assert record["renditions"]
    assert "delivery" not in record
    assert page.to_api().count(("GET", "/v1/files/ID")) <= 3
    assert not [each for each in page.requests if "wait=" in each.url]
