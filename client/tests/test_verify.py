"""Webhooks are taken if, and only if, the reference library takes them."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing import signed
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from filemill import InvalidSignature, verify

SECRET = "whsec_" + base64.b64encode(b"a secret of the webhook").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret").decode()
EVENT = {"id": "evt_1", "type": "filemill.file.ready", "data": {"file": {"id": "file_1", "revision": 3}}}
BODY = json.dumps(EVENT).encode()


def test_a_signed_event_is_given() -> None:
    headers, body = signed(BODY, SECRET, time.time())
    event = verify(headers, body, SECRET)
    assert event.file is not None
    assert (event.id, event.type, event.file.revision) == ("evt_1", "filemill.file.ready", 3)


def test_headers_may_come_as_asgi_has_them_and_the_body_as_text() -> None:
    headers, body = signed(BODY, SECRET, time.time())
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    assert verify(pairs, body.decode(), SECRET).id == "evt_1"


def test_one_right_signature_of_several_is_enough_after_a_rotation() -> None:
    headers, body = signed(BODY, SECRET, time.time())
    wrong, _ = signed(BODY, OTHER, time.time())
    headers["Webhook-Signature"] = f"{wrong['Webhook-Signature']} v2,x {headers['Webhook-Signature']}"
    assert verify(headers, body, SECRET).id == "evt_1"


@given(
    st.binary(max_size=60) | st.just(BODY),
    st.sampled_from([SECRET, OTHER]),
    st.integers(-900, 900).filter(lambda off: not 290 < abs(off) < 310),
    st.text(max_size=8) | st.just(None),
)
def test_the_reference_library_is_of_the_same_opinion(
    body: bytes, secret: str, off: int, signature: str | None
) -> None:
    headers, _ = signed(BODY, secret, time.time() + off)
    if signature is not None:
        headers["Webhook-Signature"] = signature
    try:
        Webhook(SECRET).verify(body, {name.lower(): value for name, value in headers.items()})
        taken = True
    except (WebhookVerificationError, ValueError):
        taken = False
    try:
        verify(headers, body, SECRET)
    except InvalidSignature:
        assert not taken
    else:
        assert taken


def test_an_old_request_is_refused_with_its_age() -> None:
    headers, body = signed(BODY, SECRET, time.time() - 3600)
    with pytest.raises(InvalidSignature, match=r"360[0-9] seconds before this computer's time"):
        verify(headers, body, SECRET)
    assert verify(headers, body, SECRET, tolerance=4000).id == "evt_1"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_*", "not base64!"])
def test_a_secret_that_is_none_is_an_error_of_the_caller(secret: str) -> None:
    headers, body = signed(BODY, SECRET, time.time())
    with pytest.raises(ValueError, match="whsec_"):
        verify(headers, body, secret)


@pytest.mark.parametrize("value", ["", "now", "-5", "9" * 40, "\u0665"])
def test_a_time_that_is_none_is_refused(value: str) -> None:
    headers, body = signed(BODY, SECRET, time.time())
    with pytest.raises(InvalidSignature):
        verify({**headers, "Webhook-Timestamp": value}, body, SECRET)
