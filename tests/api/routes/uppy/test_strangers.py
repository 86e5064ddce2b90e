"""Whose upload it is: nobody goes on with an upload of somebody else."""

from __future__ import annotations

import pytest

from tests.api.routes.uppy.asking import NEW, begin, params, presign, token_client
from tests.client import Answer, Client, new_client
from tests.making import open_uploads
from tests.stage import Calls


def each_route(client: Client, key: str, upload_id: str) -> dict[str, Answer]:
    """Every route that goes on with an upload, asked with this key and upload id."""
    query, parts = {"key": key}, {"parts": [{"PartNumber": 1, "ETag": "x"}]}
    base = f"/s3/multipart/{upload_id}"
    signed = {"key": key, "uploadId": upload_id}
    return {
        "part": client("GET", f"{base}/1", query=query),
        "batch": client("GET", f"{base}/batch", query=query | {"partNumbers": "1"}),
        "list": client("GET", base, query=query),
        "complete": client("POST", f"{base}/complete", parts, query=query),
        "abort": client("DELETE", base, query=query),
        "sign PUT": presign(client, method="PUT", partNumber=1, **signed),
        "sign GET": presign(client, method="GET", **signed),
        "sign POST": presign(client, method="POST", **signed),
        "sign DELETE": presign(client, method="DELETE", **signed),
    }


def refused_everywhere(answers: dict[str, Answer]) -> bool:
    found = {name: (answer.status, answer.json.get("code")) for name, answer in answers.items()}
    assert set(found.values()) == {(404, "not_found")}, found
    return True


def test_another_tenants_upload_is_not_there(client: Client, browser: Client) -> None:
    key, upload_id = begin(browser)
    stranger = new_client("other")
    assert refused_everywhere(each_route(stranger, key, upload_id))
    assert refused_everywhere(each_route(token_client(stranger), key, upload_id))
    assert refused_everywhere(each_route(stranger, key.replace("acme", "other"), upload_id))
    assert refused_everywhere(each_route(browser, key.replace("acme", "other"), upload_id))
    assert open_uploads() == [upload_id]


def test_another_tokens_upload_is_not_there(client: Client, browser: Client) -> None:
    key, upload_id = begin(browser)
    assert refused_everywhere(each_route(token_client(client), key, upload_id))
    by_key, by_key_id = begin(client)
    assert refused_everywhere(each_route(browser, by_key, by_key_id))
    assert sorted(open_uploads()) == sorted([upload_id, by_key_id])


def test_a_key_opens_no_other_upload_than_its_own(browser: Client) -> None:
    (key, upload_id), (other_key, other_id) = begin(browser), begin(browser)
    assert refused_everywhere(each_route(browser, key, other_id))
    assert refused_everywhere(each_route(browser, other_key, upload_id))
    assert refused_everywhere(each_route(browser, key, "no-such-upload"))


@pytest.mark.parametrize("key", ["", "acme/", "acme/../other/x", "file_x", "acme/file_00000000000000000000000000"])
def test_a_key_that_is_none_of_ours_is_not_found(browser: Client, key: str) -> None:
    _, upload_id = begin(browser)
    answers = each_route(browser, key, upload_id)
    assert {answer.status for answer in answers.values()} <= ({404} if key else {422})


def test_each_route_wants_a_credential(stage: Calls) -> None:
    anyone = Client(None)
    answers = {
        **each_route(anyone, "acme/file_00000000000000000000000000", "u"),
        "params": params(anyone),
        "create": anyone("POST", "/s3/multipart", NEW),
        "presign": presign(anyone, method="PUT", key="a.jpg"),
        "session": anyone("POST", "/s3/session"),
    }
    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(answers, 401)


def test_a_key_without_the_scope_uploads_nothing(client: Client) -> None:
    reader = new_client("acme", "files:read")
    assert {params(reader).status, reader("POST", "/s3/multipart", NEW).status} == {403}
    assert presign(reader, method="PUT", key="a.jpg").status == 403
