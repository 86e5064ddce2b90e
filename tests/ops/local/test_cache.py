"""How long the edge keeps an answer, and what it gives out of its memory."""

from dataclasses import replace

import pytest

from ops.local.edge.cache import Cache, Entry, byte_range, lifetime, not_modified

POLICY = {"MinTTL": 1, "DefaultTTL": 86400, "MaxTTL": 31536000}
DISABLED = {"MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 0}
NOW = 1_800_000_000.0


def ttl(status: int = 200, policy: dict[str, int] = POLICY, error_ttl: int = 10, **headers: str) -> float:
    return lifetime(status, {k.replace("_", "-"): v for k, v in headers.items()}, policy, error_ttl, NOW)


def test_the_origin_says_how_long_within_the_policys_bounds() -> None:
    assert ttl() == 86400
    assert ttl(cache_control="max-age=60") == 60
    assert ttl(cache_control="public, max-age=60, s-maxage=120") == 120
    assert ttl(cache_control="max-age=99999999999") == 31536000
    assert ttl(expires="Fri, 15 Jan 2027 08:01:00 GMT") == 60
    assert ttl(expires="0") == 1


def test_no_store_is_kept_for_the_least_time_only() -> None:
    assert ttl(cache_control="no-store") == 1
    assert ttl(cache_control="private, max-age=600", policy=POLICY | {"MinTTL": 0}) == 0


def test_caching_disabled_keeps_nothing() -> None:
    assert ttl(policy=DISABLED) == 0
    assert ttl(policy=DISABLED, cache_control="max-age=600") == 0


def test_errors_are_kept_for_their_own_time_even_where_caching_is_disabled() -> None:
    assert ttl(404, DISABLED, 10) == 10
    assert ttl(404, DISABLED, 0) == 0
    assert ttl(404, POLICY, 10, cache_control="max-age=60") == 60
    assert ttl(401, POLICY, 10) == 0


def test_part_of_an_answer_is_not_kept() -> None:
    assert ttl(206) == 0


def entry(size: int) -> Entry:
    return Entry(200, {}, b"x" * size, NOW, NOW + 60)


def test_the_cache_drops_what_was_used_longest_ago() -> None:
    cache = Cache(limit=100, entry_limit=50)
    for key in "ab":
        cache.put(key, entry(50))
    cache.get("a")
    cache.put("c", entry(50))
    assert cache.get("b") is None
    assert cache.get("a")
    assert cache.get("c")
    assert cache.size == 100


def test_the_cache_counts_a_replaced_answer_once() -> None:
    cache = Cache(limit=100, entry_limit=50)
    cache.put("a", entry(50))
    cache.put("a", entry(10))
    assert cache.size == 10
    cache.discard("a")
    assert cache.size == 0


def test_an_answer_that_is_too_large_is_not_kept() -> None:
    cache = Cache(limit=100, entry_limit=50)
    cache.put("a", entry(50))
    cache.put("a", entry(51))
    assert cache.get("a") is None
    assert cache.size == 0


@pytest.mark.parametrize(
    ("invalidated", "left"),
    [
        ("/f/a/*", ["/f/ab", "/g"]),
        ("/f/a*", ["/g"]),
        ("f/a/1", ["/f/a/2", "/f/ab", "/g"]),
        ("/*", []),
        ("/f/*/1", ["/f/a/1", "/f/a/2", "/f/ab", "/g"]),  # only at the end is it a wildcard
        ("/h", ["/f/a/1", "/f/a/2", "/f/ab", "/g"]),
    ],
)
def test_an_invalidation_forgets_a_path_or_all_that_begin_so(invalidated: str, left: list[str]) -> None:
    cache = Cache()
    for path in ("/f/a/1", "/f/a/2", "/f/ab", "/g"):
        cache.put(f"origin {path}", replace(entry(10), path=path))
    assert cache.invalidate([invalidated]) == 4 - len(left)
    assert [e.path for e in cache.entries.values()] == left
    assert cache.size == 10 * len(left)


STORED = {"etag": '"abc"', "last-modified": "Sun, 22 Nov 2026 12:00:00 GMT"}


@pytest.mark.parametrize(
    ("request_headers", "fresh"),
    [
        ({}, False),
        ({"if-none-match": '"abc"'}, True),
        ({"if-none-match": 'W/"abc"'}, True),
        ({"if-none-match": '"x", "abc"'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"x"'}, False),
        ({"if-none-match": '"x"', "if-modified-since": "Sun, 22 Nov 2026 12:00:00 GMT"}, False),
        ({"if-modified-since": "Sun, 22 Nov 2026 12:00:00 GMT"}, True),
        ({"if-modified-since": "Sun, 22 Nov 2026 11:59:59 GMT"}, False),
        ({"if-modified-since": "rubbish"}, False),
    ],
)
def test_a_viewers_copy_is_recognised(request_headers: dict[str, str], fresh: bool) -> None:
    assert not_modified(request_headers, STORED) is fresh


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("bytes=0-9", (0, 9)),
        ("bytes=90-", (90, 99)),
        ("bytes=90-1000", (90, 99)),
        ("bytes=-10", (90, 99)),
        ("bytes=-1000", (0, 99)),
        ("bytes=100-", False),
        ("bytes=-0", False),
        ("bytes=9-0", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-9", None),
        ("bytes=\u0665-", None),
        ("bytes=-" + "9" * 5000, None),
        ("bytes=--5", None),
        ("bytes=+1-5", None),
        ("", None),
    ],
)
def test_a_range_is_answered_with_its_bytes(asked: str, given: tuple[int, int] | bool | None) -> None:
    assert byte_range({"range": asked}, STORED, 100) == given


def test_a_range_of_another_version_gets_all_of_this_one() -> None:
    assert byte_range({"range": "bytes=0-9", "if-range": '"abc"'}, STORED, 100) == (0, 9)
    assert byte_range({"range": "bytes=0-9", "if-range": '"old"'}, STORED, 100) is None
