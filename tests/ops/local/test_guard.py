"""Which requests the emulator answers, and which it refuses."""

import pytest

from ops.local.guard import is_loopback, refusal

OURS = frozenset({"https://app.example"})
HOST = {"host": "127.0.0.1:4566"}
SIGNED = "X-Amz-Credential=AKIA/20261122/us-east-1/s3/aws4_request&X-Amz-Signature=abc"
FORM = {"content-type": "multipart/form-data; boundary=x"}


def refused(method: str, path: str, query: str = "", **headers: str) -> bool:
    given = HOST | {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(method, path, query, given, OURS) is not None


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:4566", "[::1]:8000", "b.localhost:4566"])
def test_loopback_hosts_are_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:4566", "evillocalhost", "10.0.0.1"]
)
def test_a_name_that_dns_could_point_here_is_refused(host: str) -> None:
    assert refusal("GET", "/", "", {"host": host}, OURS)


def test_programs_may_do_everything() -> None:
    assert not refused("POST", "/2015-03-31/functions")
    assert not refused("GET", "/", "Action=ListQueues")


@pytest.mark.parametrize(
    "browser",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:8000"},
        {"referer": "https://evil.example/page"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("POST", "/2015-03-31/functions", ""),
        ("POST", "/", ""),
        ("GET", "/", "Action=DeleteQueue"),
        ("GET", "/_edge/origin", ""),
        ("POST", "/_ministack/reset", ""),
        ("POST", "/_ministack/reset", SIGNED),
        ("POST", "/restapis", "mode=import"),
        ("GET", "/", "Action=DeleteQueue&" + SIGNED),
    ],
)
def test_no_page_may_use_the_control_plane(method: str, path: str, query: str, browser: dict[str, str]) -> None:
    assert refused(method, path, query, **browser)


def test_a_form_upload_needs_a_known_origin() -> None:
    assert not refused("POST", "/bucket", **FORM, origin="http://localhost:8000")
    assert refused("POST", "/bucket", **FORM, origin="https://evil.example")
    assert refused("POST", "/bucket", **FORM, origin="null")
    assert refused("POST", "/bucket", **FORM, sec_fetch_site="cross-site")


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "http://localhost:8000",
            "http://localhost:3000",
            "http://127.0.0.1:5173",
            "http://[::1]:80",
            "http://localhost",
        ),
        *("https://localhost:8443", "http://app.localhost:3000", "https://app.example"),
    ],
)
def test_pages_of_this_computer_and_named_ones_may_upload(origin: str) -> None:
    assert not refused("POST", "/bucket", **FORM, origin=origin)
    assert not refused("PUT", "/bucket/a/key", SIGNED, origin=origin)
    assert refused("PUT", "/bucket/a/key", origin=origin), "not signed"
    assert refused("POST", "/2015-03-31/functions", origin=origin), "not S3"


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "https://evil.example", "http://localhost.evil.example", "http://evillocalhost:80", "file://"),
        *(
            "http://localhost:8000.evil.example",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.12",
            "ftp://localhost",
        ),
        *("http://10.0.0.1:3000", "http://user@localhost", "http://evil.example/localhost", "https://app.example:1"),
    ],
)
def test_no_other_page_may_upload(origin: str) -> None:
    assert refused("POST", "/bucket", **FORM, origin=origin)
    assert refused("PUT", "/bucket/a/key", SIGNED, origin=origin)


def test_a_form_goes_to_a_bucket_and_nowhere_else() -> None:
    ours = {**FORM, "origin": "http://localhost:8000"}
    assert refused("POST", "/", **ours)
    assert refused("POST", "/bucket/key", **ours)
    assert refused("POST", "/bucket", "delete", **ours)
    assert refused("PUT", "/bucket", **ours)
    assert refused("POST", "/bucket", content_type="application/json", origin="http://localhost:8000")


def test_a_refused_page_is_told_which_origin_it_has() -> None:
    form = {**HOST, **FORM}
    assert "Origin https://evil.example may not" in str(
        refusal("POST", "/bucket", "", {**form, "origin": "https://evil.example"}, OURS)
    )
    assert "ORIGIN=https://evil.example`" in str(
        refusal("POST", "/bucket", "", {**form, "origin": "https://evil.example"}, OURS)
    )
    assert "serve the page on this computer" in str(refusal("POST", "/bucket", "", {**form, "origin": "null"}, OURS))
    assert "Origin unknown may not" in str(
        refusal("POST", "/bucket", "", {**form, "sec-fetch-site": "cross-site"}, OURS)
    )


def test_a_request_with_a_credential_but_no_signature_is_not_presigned() -> None:
    unsigned = SIGNED.partition("&")[0]
    assert refused("PUT", "/bucket/a/key", unsigned, origin="http://localhost:8000")


def test_a_presigned_request_needs_a_known_origin() -> None:
    assert not refused("PUT", "/bucket/a/key", SIGNED, origin="http://localhost:8000")
    assert refused("PUT", "/bucket/a/key", SIGNED, origin="https://evil.example")
    assert refused("PUT", "/bucket/a/key", origin="http://localhost:8000")
    assert refused("PUT", "/bucket/a/key", SIGNED.replace("/s3/", "/lambda/"), origin="http://localhost:8000")


def test_a_picture_in_our_page_needs_no_origin_header() -> None:
    assert not refused("GET", "/bucket/key", SIGNED, sec_fetch_site="same-site")
    assert refused("GET", "/bucket/key", SIGNED, sec_fetch_site="cross-site")


def test_a_person_may_follow_a_link_to_a_download() -> None:
    """A share page tells nobody where its visitors come from, and localhost and 127.0.0.1 are two sites."""
    followed = {
        "sec_fetch_site": "cross-site",
        "sec_fetch_mode": "navigate",
        "sec_fetch_dest": "document",
        "sec_fetch_user": "?1",
    }
    assert not refused("GET", "/bucket/key", SIGNED, **followed)
    assert refused("POST", "/bucket/key", SIGNED, **followed)
    assert refused("GET", "/bucket/key", **followed), "not signed"
    assert refused("GET", "/bucket/key", SIGNED, **followed, referer="https://evil.example/")
    for name in ("sec_fetch_mode", "sec_fetch_dest", "sec_fetch_user"):
        assert refused("GET", "/bucket/key", SIGNED, **{**followed, name: "no-cors"}), name


def test_preflights_of_uploads_pass() -> None:
    asked = {"origin": "http://localhost:8000", "access_control_request_method": "POST"}
    assert not refused("OPTIONS", "/bucket", **asked)
    assert not refused("OPTIONS", "/bucket/key", SIGNED, **(asked | {"access_control_request_method": "PUT"}))
    assert refused("OPTIONS", "/bucket", **(asked | {"origin": "https://evil.example"}))
    assert refused("OPTIONS", "/bucket", **(asked | {"access_control_request_method": "PUT"}))
    assert refused("DELETE", "/bucket", **asked)


def test_the_api_is_open_to_every_page_as_on_aws() -> None:
    assert not refused("POST", "/restapis/abc/api/_user_request_/v1/files", origin="https://app.example")
    assert refused("POST", "/restapis/abc/deployments", origin="https://app.example")
    assert refused("POST", "/restapis/abc/api/x/_user_request_", origin="https://app.example")
