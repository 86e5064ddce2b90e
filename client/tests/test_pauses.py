"""A pause that makes no sense is not waited for."""

from __future__ import annotations

import pytest
from fake_filemill import FakeFilemill, Reply

from filemill import Filemill, RateLimited, _api
from filemill._effects import Answer


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1e308", 366 * 86_400.0),
        ("inf", 366 * 86_400.0),
        ("9" * 400, 366 * 86_400.0),
        ("-1", None),
        ("-inf", None),
        ("nan", None),
        ("NaN", None),
        ("", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 366 * 86_400.0),
        ("Fri, 27 Nov 2026 04:09:22 +99999999999999999999", None),
        ("Fri, 27 Nov 2026 04:09:22 -0000", None),
        ("Fri, 27 Nov 1926 04:09:22 GMT", 0.0),
        ("7", 7.0),
    ],
)
def test_a_pause_that_makes_no_sense_is_not_waited_for(text: str, seconds: float | None) -> None:
    assert _api.retry_after({"retry-after": text}) == seconds
    assert _api.clock_note(Answer(401, {"date": text}, b"")) is not None


@pytest.mark.parametrize("text", ["nan", "-1"])
def test_after_a_pause_that_makes_no_sense_the_usual_one_is_made(
    filemill: Filemill, fake: FakeFilemill, text: str
) -> None:
    replies = iter([Reply(429, {"code": "too_many_requests"}, {"Retry-After": text})])
    fake.before = lambda call: next(replies, None)
    assert filemill.me().type == "key"
    assert len(fake.calls) == 2


def test_a_pause_without_end_is_an_error_at_once(filemill: Filemill, fake: FakeFilemill) -> None:
    fake.before = lambda call: Reply(429, {"code": "too_many_requests"}, {"Retry-After": "1e308"})
    with pytest.raises(RateLimited) as caught:
        filemill.me()
    assert caught.value.retry_after == 366 * 86_400.0
    assert len(fake.calls) == 1
