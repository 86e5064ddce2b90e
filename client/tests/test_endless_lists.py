"""A list, a feed and a batch that would never end are errors."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_filemill import KEY, URL, Call, FakeFilemill, Reply
from ways import both

from filemill import ApiError, AsyncFilemill, Filemill, _cursors, _follow
from filemill._effects import NoSocket


def pages(cursors: Iterator[str], items: list[Any] | None = None) -> Callable[[Call], Reply]:
    return lambda call: Reply(
        200, {"items": items or [], "next_cursor": (now := next(cursors)), "next_after": now, "more": True}
    )


CIRCLES = [["a"], ["a", "b"], ["a", "b", "c"], [str(number) for number in range(50)]]


@both
@pytest.mark.parametrize("circle", CIRCLES)
def test_a_list_that_goes_round_in_a_circle_ends_with_an_error(
    filemill: Filemill, fake: FakeFilemill, way: str, circle: list[str]
) -> None:
    fake.before = pages(itertools.cycle(["begin", *circle] if len(circle) > 1 else circle), [{"id": "file_1"}])

    async def wait() -> None:
        async with AsyncFilemill(URL, KEY, transport=fake.async_transport()) as client:
            async for _ in client.files.iter():
                pass

    with pytest.raises(ApiError, match="never end"):
        if way == "async":
            asyncio.run(wait())
        else:
            list(filemill.files.iter())
    assert len(fake.calls) <= 4 * len(circle) + 4


def test_pages_without_end_and_without_items_end_with_an_error(
    filemill: Filemill, fake: FakeFilemill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cursors, "MOST_EMPTY", 50)
    fake.before = pages(map(str, itertools.count()))
    with pytest.raises(ApiError, match="50 empty pages"):
        list(filemill.keys.iter())


def test_empty_pages_between_others_are_no_error(
    filemill: Filemill, fake: FakeFilemill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cursors, "MOST_EMPTY", 3)
    replies = [
        Reply(200, {"items": [] if number % 3 else [{"id": str(number)}], "next_cursor": str(number)})
        for number in range(20)
    ]
    replies.append(Reply(200, {"items": [], "next_cursor": None}))
    left = iter(replies)
    fake.before = lambda call: next(left)
    assert len(list(filemill.files.iter())) == 7


def test_a_feed_that_says_more_and_goes_no_further_is_an_error(filemill: Filemill, fake: FakeFilemill) -> None:
    fake.before = pages(itertools.repeat("7"))
    with pytest.raises(ApiError, match="goes no further"):
        filemill.files.changes(cursor="7")


def test_following_a_feed_that_goes_round_in_a_circle_ends_with_an_error(
    filemill: Filemill, fake: FakeFilemill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_follow, "Connect", lambda *_: _no_socket())
    fake.before = pages(itertools.cycle(["1", "2", "3"]))
    for cursor in (None, "0"):
        with pytest.raises(ApiError, match="never end"):
            next(iter(filemill.events.follow(cursor=cursor, on_state=lambda sentence: None)))


def _no_socket() -> None:
    raise NoSocket("No.")


def test_a_batch_that_is_never_answered_is_an_error(filemill: Filemill, fake: FakeFilemill) -> None:
    fake.before = lambda call: Reply(200, {"items": [], "omitted": call.json["ids"]})
    with pytest.raises(ApiError, match="leaves out every file"):
        filemill.files.batch(["file_1", "file_2"])
