"""filemill.js uploads from pages in Chromium to the deployed stack, on good days and on bad ones."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, Route

from tests.browser.filemill_page import IN_PARTS, LARGE, MIB, SMALL, FilemillPage, problem, write
from tests.local import Api

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from ops.local.stage import LocalStage

OpenFilemill = Callable[..., FilemillPage]

PART = "**/*partNumber={}*"


@pytest.fixture
def open_filemill(context: BrowserContext, local_stage: LocalStage, api: Api) -> OpenFilemill:
    """`open_filemill(credential)`: a page of the app, with a key that has every scope unless told otherwise."""

    def open_(credential: str = api.key, *, origin: str | None = None, **more: Any) -> FilemillPage:
        page = FilemillPage(context, local_stage.front_door, origin=origin)
        page.use(credential, **more)
        return page

    return open_


@pytest.fixture
def new_token(api: Api) -> Callable[..., str]:
    def new_token(**limits: Any) -> str:
        made = api("POST", "/v1/upload-tokens", json={"max_bytes": 20 * MIB, "content_types": ["image/*"], **limits})
        assert made.status_code == 201, made.text
        return str(made.json()["token"])

    return new_token


def holds(record: dict[str, Any], data: bytes) -> bool:
    return (record["sha256"], record["size"]) == (hashlib.sha256(data).hexdigest(), len(data))


def hang(route: Route) -> None:
    """The request is never answered."""


# --- good days


@pytest.mark.parametrize("origin", ["same", "other"])
@pytest.mark.parametrize("credential", ["key", "token"])
@pytest.mark.parametrize("way", ["form", "parts"])
def test_a_file_becomes_ready(
    local_stage: LocalStage,
    open_filemill: OpenFilemill,
    new_token: Callable[..., str],
    api: Api,
    tmp_path: Path,
    origin: str,
    credential: str,
    way: str,
) -> None:
    other = local_stage.front_door.replace("//localhost:", "//127.0.0.1:")
    page = open_filemill(api.key if credential == "key" else new_token(), origin=other if origin == "other" else None)
    data = SMALL if way == "form" else LARGE
    page.begin(write(tmp_path, data, "Menü +1 & 猫 100%.jpg"), **(IN_PARTS if way == "parts" else {}))
    record = page.ready()
    assert holds(record, data)
    assert (record["filename"], record["content_type"]) == ("Menü +1 & 猫 100%.jpg", "image/jpeg")
    assert record["renditions"]
    assert page.parts() == ([1, 2, 3] if way == "parts" else [])
    seen = page.value("seen")
    assert (seen["states"], seen["statuses"][-1]) == (["sending", "sent"], "ready")
    sent = [each["sent"] for each in seen["progress"]]
    assert sent == sorted(sent)
    assert (sent[-1], seen["progress"][-1]["total"]) == (len(data), len(data))
    assert page.value("Object.keys(localStorage)") == []
    assert not page.errors


def test_options_are_those_of_the_file(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    page = open_filemill()
    chosen = {"visibility": "public", "tags": ["a", "b"], "metadata": {"album": "Été"}, "recipe": "avatar"}
    name = "<img src=x onerror=alert(1)>.jpg"
    page.begin(write(tmp_path, SMALL), **chosen, filename=name, expiresAfter=86_400, focus={"x": 0, "y": 1})
    record = page.ready()
    assert record["filename"] == name
    assert {field: record[field] for field in chosen} == chosen
    assert (record["expires_after"], record["focus"]) == (86_400, {"x": 0, "y": 1})


def test_the_record_of_ready_has_delivery_if_it_is_asked_for(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    page = open_filemill()
    page.begin(write(tmp_path, SMALL), include=["delivery"])
    assert page.ready()["delivery"]["picture"].startswith("<picture>")
    page.begin(write(tmp_path, SMALL, "other.jpg"))
    assert "delivery" not in page.ready()


def test_s3_checks_each_part_if_it_is_asked_to(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    page = open_filemill()
    page.begin(write(tmp_path, LARGE), **IN_PARTS, checksums=True)
    assert holds(page.ready(), LARGE)
    sums = [each.headers.get("x-amz-checksum-sha256") for each in page.requests if each.method == "PUT"]
    assert len([each for each in sums if each]) == 3


def test_bytes_that_the_page_has_made_are_uploaded(open_filemill: OpenFilemill) -> None:
    page = open_filemill()
    done = page.value(
        "outcome(filemill.upload(new Blob(['Hello'], {type: 'text/plain'}), {filename: 'hello.txt'}).ready)"
    )
    assert (done["record"]["filename"], done["record"]["kind"]) == ("hello.txt", "text")


def test_no_more_uploads_send_at_once_than_the_page_wants(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    page = open_filemill(uploads=2)
    page.choose(*(write(tmp_path, SMALL + bytes(count), f"{count}.jpg") for count in range(6)))
    most = page.value(
        """async () => {
            let most = 0;
            const all = [...document.querySelector('#file').files].map((file) => filemill.upload(file, {
                onState: () => (most = Math.max(most, all.filter(({state}) => state === 'sending').length)),
            }));
            await Promise.all(all.map(({ready}) => ready));
            return most;
        }"""
    )
    assert most == 2


def test_two_files_that_look_the_same_are_two_files(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    """Such as two of different folders: one must never be taken for the rest of the other."""
    page = open_filemill()
    page.choose(write(tmp_path, SMALL))
    ids = page.value(
        "Promise.all([1, 2].map(() => filemill.upload(document.querySelector('#file').files[0]).done))"
        ".then(records => records.map(({id}) => id))"
    )
    assert len(set(ids)) == 2


# --- an upload that stops and goes on


@pytest.mark.parametrize("credential", ["key", "token"])
def test_after_a_reload_only_the_missing_parts_are_sent(
    open_filemill: OpenFilemill, new_token: Callable[..., str], api: Api, tmp_path: Path, credential: str
) -> None:
    page = open_filemill(api.key if credential == "key" else new_token())
    path = write(tmp_path, LARGE)
    page.page.route(PART.format(3), hang)
    page.begin(path, **IN_PARTS)
    page.sent(10 * MIB)
    page.value("new Promise(done => setTimeout(done, 300))")
    begun = page.value("upload.record.id")
    page.page.unroute(PART.format(3))
    page.requests.clear()
    page.load()
    # The backend gives each load of the page another token. The upload goes on with the one that it began with.
    page.use(api.key if credential == "key" else new_token())
    page.begin(path, **IN_PARTS)
    record = page.ready()
    assert record["id"] == begun
    assert holds(record, LARGE)
    assert page.parts() == [3]
    asked = [each for each in page.to_api() if each[1] != "/v1/files/ID"]
    assert asked == [("GET", "/v1/files/ID/parts"), ("POST", "/v1/files/ID/parts"), ("POST", "/v1/files/ID/complete")]
    assert page.value("seen.progress[0].sent") >= 0
    assert page.value("Object.keys(localStorage)") == []


def test_another_file_of_the_same_name_size_and_time_is_not_taken_for_the_rest(
    open_filemill: OpenFilemill, tmp_path: Path
) -> None:
    page = open_filemill()
    path = write(tmp_path, LARGE)
    page.page.route(PART.format(3), hang)
    page.begin(path, **IN_PARTS)
    page.sent(10 * MIB)
    page.page.unroute(PART.format(3))
    page.load()
    page.use(page_key(page))
    facts = path.stat()
    other = SMALL + bytes(11 * MIB - 1) + b"x"
    path.write_bytes(other)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    page.requests.clear()
    page.begin(path, **IN_PARTS)
    assert holds(page.ready(), other)
    assert page.parts() == [1, 2, 3]


def page_key(page: FilemillPage) -> str:
    """The key that the page used in its last request."""
    sent = (each.headers.get("authorization") for each in reversed(page.requests))
    return next(each for each in sent if each).removeprefix("Bearer ")


def test_a_file_that_the_api_forgot_is_begun_anew(open_filemill: OpenFilemill, api: Api, tmp_path: Path) -> None:
    page = open_filemill()
    path = write(tmp_path, LARGE)
    page.page.route(PART.format(3), hang)
    page.begin(path, **IN_PARTS)
    page.sent(10 * MIB)
    begun = page.value("upload.record.id")
    page.page.unroute(PART.format(3))
    page.load()
    assert api("DELETE", f"/v1/files/{begun}").status_code == 204
    page.use(api.key)
    page.begin(path, **IN_PARTS)
    record = page.ready()
    assert record["id"] != begun
    assert holds(record, LARGE)


@pytest.mark.parametrize("way", ["form", "parts"])
def test_a_lost_network_is_waited_for(
    open_filemill: OpenFilemill, context: BrowserContext, tmp_path: Path, way: str
) -> None:
    page = open_filemill()
    where = PART.format(2) if way == "parts" else "**/*originals*"
    page.page.route(where, hang)
    page.begin(write(tmp_path, LARGE), **(IN_PARTS if way == "parts" else {"multipart": False}))
    page.page.wait_for_function("upload.record")
    page.state("sending")
    page.page.wait_for_timeout(500)
    context.set_offline(True)
    page.page.unroute(where)
    page.page.evaluate("upload.pause(); upload.resume()")  # a request that hangs would hang for a minute
    page.state("waiting")
    page.page.wait_for_timeout(3000)
    assert page.value("upload.state") == "waiting"
    context.set_offline(False)
    assert holds(page.ready(), LARGE)


def test_a_paused_upload_sends_nothing_and_goes_on(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    page = open_filemill()
    page.page.route(PART.format(3), hang)
    page.begin(write(tmp_path, LARGE), **IN_PARTS)
    page.sent(10 * MIB)
    page.value("upload.pause()")
    assert page.value("upload.state") == "paused"
    page.page.unroute(PART.format(3))
    page.requests.clear()
    page.page.wait_for_timeout(1500)
    assert page.requests == []
    page.value("upload.resume()")
    assert holds(page.ready(), LARGE)
    assert page.parts() == [3]
    assert page.value("seen.states") == ["sending", "paused", "queued", "sending", "sent"]


def test_a_paused_upload_lets_another_one_send(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    page = open_filemill(uploads=1)
    page.page.route(PART.format(1), hang)
    page.begin(write(tmp_path, LARGE), **IN_PARTS)
    page.state("sending")
    page.value("window.first = upload")
    page.begin(write(tmp_path, SMALL, "second.jpg"))
    assert page.value("upload.state") == "queued"
    page.value("first.pause()")
    assert holds(page.ready(), SMALL)
    page.page.unroute(PART.format(1))
    page.value("first.resume()")
    assert "record" in page.value("outcome(first.ready)")


@pytest.mark.parametrize("how", ["cancel()", "signal"])
def test_a_cancelled_upload_leaves_nothing(
    local_stage: LocalStage, open_filemill: OpenFilemill, api: Api, tmp_path: Path, how: str
) -> None:
    bucket = local_stage.variables()["FILEMILL_ORIGINALS_BUCKET"]
    s3 = local_stage.client("s3")

    def open_uploads() -> set[str]:
        return {each["Key"] for each in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])}

    before = open_uploads()
    page = open_filemill()
    page.page.route(PART.format(3), hang)
    page.choose(write(tmp_path, LARGE))
    page.value(
        "window.aborter = new AbortController(), window.upload = filemill.upload("
        "document.querySelector('#file').files[0], {multipart: true, partSize: 5242880, signal: aborter.signal}), null"
    )
    page.sent(10 * MIB)
    (key,) = open_uploads() - before
    with page.page.expect_response(lambda answer: answer.request.method == "DELETE") as ended:
        page.value("upload.cancel()" if how == "cancel()" else "aborter.abort()")
    assert ended.value.ok
    error = page.fails()
    assert (error["code"], error["name"], page.value("upload.state")) == ("cancelled", "AbortError", "cancelled")
    assert page.fails("ready")["code"] == "cancelled"
    assert open_uploads() == before
    assert api("GET", f"/v1/files/{key.partition('/')[2]}").status_code == 404
    assert page.value("Object.keys(localStorage)") == []
    page.requests.clear()
    page.page.wait_for_timeout(1000)
    assert page.requests == []


# --- what is refused


def test_a_type_that_the_token_does_not_allow_is_refused_before_a_byte_is_sent(
    open_filemill: OpenFilemill, new_token: Callable[..., str], tmp_path: Path
) -> None:
    page = open_filemill(new_token())
    page.begin(write(tmp_path, b"%PDF-1.7", "a.pdf"))
    error = page.fails()
    assert (error["code"], error["status"]) == ("type_not_allowed", 403)
    assert error["message"] == "This upload token allows image/* only."
    assert error["requestId"]
    assert not page.to_s3()


@pytest.mark.parametrize("bound", ["stage", "token"])
def test_a_file_that_is_too_large_is_refused_before_a_byte_is_sent(
    open_filemill: OpenFilemill, new_token: Callable[..., str], api: Api, tmp_path: Path, bound: str
) -> None:
    page = open_filemill(api.key if bound == "stage" else new_token())
    path = write(tmp_path, SMALL)
    with path.open("ab") as file:
        file.truncate(60 * 10**9 if bound == "stage" else 21 * MIB)  # holes: nothing is on the disk
    page.begin(path)
    error = page.fails()
    assert (error["code"], error["field"]) == (
        ("invalid_field", "size") if bound == "stage" else ("too_large_for_token", "size")
    )
    assert "bytes" in error["message"]
    assert not page.to_s3()


def test_an_empty_file_is_refused_with_the_sentence_of_processing(
    open_filemill: OpenFilemill, api: Api, tmp_path: Path
) -> None:
    page = open_filemill()
    page.begin(write(tmp_path, b""))
    error = page.fails()
    assert error["code"] == "empty"
    assert (page.to_api(), page.to_s3()) == ([], [])
    from tests.e2e import stack

    assert stack.upload(api, b"")["error"] == {"code": "empty", "message": error["message"]}


def test_bytes_of_another_type_fail_in_the_end_with_their_record(
    open_filemill: OpenFilemill, new_token: Callable[..., str], tmp_path: Path
) -> None:
    page = open_filemill(new_token())
    page.begin(write(tmp_path, b"no picture at all", "picture.jpg"))
    assert "record" in page.ends("done")
    error = page.fails("ready")
    assert (error["code"], error["record"]["status"]) == ("type_mismatch", "failed")
    assert error["message"] == error["record"]["error"]["message"]


def test_a_key_that_was_revoked_meanwhile_ends_the_upload(
    open_filemill: OpenFilemill, api: Api, tmp_path: Path
) -> None:
    made = api("POST", "/v1/keys", json={"name": "short", "scopes": ["files:read", "files:write"]}).json()
    page = open_filemill(made["key"])
    page.page.route(PART.format(3), hang)
    page.begin(write(tmp_path, LARGE), **IN_PARTS)
    page.sent(10 * MIB)
    assert api("DELETE", f"/v1/keys/{made['id']}").status_code == 204
    own = Api(api.base, made["key"])
    deadline = time.monotonic() + 90
    while own("GET", "/v1/files?limit=1").status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(1)
    page.page.unroute(PART.format(3))
    page.value("upload.pause(), upload.resume()")
    error = page.fails()
    assert (error["code"], error["status"]) == ("unauthenticated", 401)
    assert page.value("upload.state") == "failed"


@pytest.mark.parametrize("change", ["changed", "deleted"])
def test_a_file_that_can_not_be_read_any_more_is_named(
    open_filemill: OpenFilemill, tmp_path: Path, change: str
) -> None:
    page = open_filemill()
    path = write(tmp_path, LARGE)
    page.page.route(PART.format(3), hang)
    page.begin(path, **IN_PARTS)
    page.sent(10 * MIB)
    if change == "changed":
        path.write_bytes(SMALL)
    else:
        path.unlink()
    page.page.unroute(PART.format(3))
    page.value("upload.pause(), upload.resume()")
    error = page.fails()
    assert error["code"] == "file_unreadable"
    assert error["message"].startswith("“picture.jpg” can't be read any more.")


# --- bad days


def once(page: Page, url: str, act: Callable[[Route], None]) -> list[str]:
    """Has the next request to `url` answered by `act`. Gives the list of the requests that were."""
    answered: list[str] = []

    def answer(route: Route) -> None:
        if route.request.method == "OPTIONS" or answered:
            route.continue_()
            return
        answered.append(route.request.url)
        act(route)

    page.route(url, answer)
    return answered


def s3_says(code: str, status: int) -> Callable[[Route], None]:
    body = f"<Error><Code>{code}</Code><Message>It is so.</Message></Error>"
    headers = {"Access-Control-Allow-Origin": "*"}
    return lambda route: route.fulfill(status=status, body=body, content_type="application/xml", headers=headers)


@pytest.mark.parametrize(
    ("act", "signed_again"),
    [
        (s3_says("AccessDenied", 403), 1),  # the address has expired
        (s3_says("ExpiredToken", 400), 1),  # the credentials that signed it have
        (s3_says("SlowDown", 503), 1),
        (s3_says("RequestTimeout", 400), 1),
        (lambda route: route.abort(), 1),
    ],
    ids=["expired", "credentials expired", "busy", "too slow", "broken"],
)
def test_a_part_that_fails_is_sent_again(
    open_filemill: OpenFilemill, tmp_path: Path, act: Callable[[Route], None], signed_again: int
) -> None:
    page = open_filemill()
    answered = once(page.page, PART.format(2), act)
    page.begin(write(tmp_path, LARGE), **IN_PARTS)
    assert holds(page.ready(), LARGE)
    assert len(answered) == 1
    assert page.parts() == [1, 2, 2, 3]
    assert page.to_api().count(("POST", "/v1/files/ID/parts")) == signed_again


def test_a_part_that_s3_refuses_again_and_again_ends_the_upload(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    page = open_filemill()
    page.page.route(PART.format(2), s3_says("AccessDenied", 403))
    page.begin(write(tmp_path, LARGE), **IN_PARTS)
    error = page.fails()
    assert error["code"] == "storage"
    assert error["message"] == "S3 refused the bytes: AccessDenied. It is so."
    assert page.parts().count(2) == 4


def test_a_form_that_has_expired_is_replaced(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    page = open_filemill()
    body = "<Error><Code>AccessDenied</Code><Message>Invalid according to Policy: Policy expired.</Message></Error>"
    headers = {"Access-Control-Allow-Origin": "*"}
    once(page.page, "**/*originals*", lambda route: route.fulfill(status=403, body=body, headers=headers))
    page.begin(write(tmp_path, SMALL))
    assert holds(page.ready(), SMALL)
    assert page.to_api().count(("POST", "/v1/files")) == 2


def test_a_refusal_for_a_while_is_waited_for_as_long_as_it_says(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    page = open_filemill()
    busy = problem(429, "too_many_requests", "Too many.", **{"Retry-After": "2"})
    answered = once(page.page, "**/v1/files", lambda route: route.fulfill(**busy))
    begun = time.monotonic()
    page.begin(write(tmp_path, SMALL))
    assert holds(page.ready(), SMALL)
    assert len(answered) == 1
    assert time.monotonic() - begun > 2
    assert page.value("seen.states").count("waiting") == 1


def test_a_create_whose_answer_is_lost_makes_one_file(open_filemill: OpenFilemill, api: Api, tmp_path: Path) -> None:
    page = open_filemill()

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    once(page.page, "**/v1/files", lose)
    tag = f"lost-{time.time_ns()}"
    page.begin(write(tmp_path, SMALL), tags=[tag])
    record = page.ready()
    found = api("GET", f"/v1/files?tag={tag}").json()["items"]
    assert [each["id"] for each in found] == [record["id"]]


def test_a_complete_whose_answer_is_lost_is_asked_for_again(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    page = open_filemill()

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    once(page.page, "**/complete", lose)
    page.begin(write(tmp_path, LARGE), **IN_PARTS)
    assert holds(page.ready(), LARGE)
    assert page.parts() == [1, 2, 3]


def test_a_part_that_s3_has_lost_is_sent_again(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    """The page believes that it was sent. `complete` says that it is not there."""
    page = open_filemill()
    exposed = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag", "ETag": '"0"'}
    once(page.page, PART.format(2), lambda route: route.fulfill(status=200, headers=exposed))
    page.begin(write(tmp_path, LARGE), **IN_PARTS)
    assert holds(page.ready(), LARGE)
    assert page.parts() == [1, 2, 2, 3]


def test_pages_that_s3_does_not_let_in_are_told_so(open_filemill: OpenFilemill, tmp_path: Path) -> None:
    page = open_filemill()
    page.page.route("**/*originals*", lambda route: route.abort())
    page.page.evaluate("Math.random = () => -0.99")  # pauses of milliseconds
    page.begin(write(tmp_path, SMALL))
    error = page.fails()
    assert error["code"] == "network"
    assert "CORS" in error["message"]


# --- the credential


def test_a_credential_is_asked_for_once_for_each_upload_and_again_when_it_is_refused(
    open_filemill: OpenFilemill, new_token: Callable[..., str], tmp_path: Path
) -> None:
    page = open_filemill()
    page.page.evaluate(
        """(tokens) => {
            window.asked = [];
            open_(async ({purpose, file, refresh}) => {
                asked.push([purpose, file.name, refresh]);
                return tokens.shift();
            });
        }""",
        ["fmu_0123456789ab_" + "0" * 48, new_token()],
    )
    page.begin(write(tmp_path, SMALL))
    assert holds(page.ready(), SMALL)
    assert page.value("asked") == [["upload", "picture.jpg", False], ["upload", "picture.jpg", True]]


def test_requests_of_the_page_give_json_or_the_problem(open_filemill: OpenFilemill) -> None:
    page = open_filemill()
    assert page.value("filemill.request('GET', '/v1/files', {query: {limit: 1, kind: null}})")["items"] is not None
    error = page.value("outcome(filemill.request('GET', '/v1/files', {query: {limit: 0}}))")["error"]
    assert (error["code"], error["field"], error["status"]) == ("invalid_field", "limit", 422)
