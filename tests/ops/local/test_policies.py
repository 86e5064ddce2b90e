"""CloudFront's policies decide what reaches the cache key, the origin and the viewer."""

from typing import Any

import pytest

from ops.local.edge.distribution import Behavior, path_pattern
from ops.local.edge.policies import cache_key, chosen_origin, response_headers, to_origin

NOTHING: dict[str, Any] = {
    "ParametersInCacheKeyAndForwardedToOrigin": {
        "CookiesConfig": {"CookieBehavior": "none"},
        "HeadersConfig": {"HeaderBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"},
        "EnableAcceptEncodingGzip": False,
        "EnableAcceptEncodingBrotli": False,
    }
}
ALL_BUT_HOST = {
    "HeadersConfig": {"HeaderBehavior": "allExcept", "Headers": {"Items": ["host"]}},
    "CookiesConfig": {"CookieBehavior": "all"},
    "QueryStringsConfig": {"QueryStringBehavior": "all"},
}
VIEWER = {"host": "localhost:8000", "authorization": "Bearer fm_x", "accept": "image/avif", "user-agent": "test"}


def behavior(cache: dict[str, Any] = NOTHING, request: dict[str, Any] | None = None) -> Behavior:
    methods = frozenset(("GET",))
    return Behavior(path_pattern("*"), "o", methods, methods, cache, request, None, None)


def with_key(**parts: Any) -> dict[str, Any]:
    return {
        "ParametersInCacheKeyAndForwardedToOrigin": {**NOTHING["ParametersInCacheKeyAndForwardedToOrigin"], **parts}
    }


def test_all_but_host_reaches_the_api() -> None:
    query, headers = to_origin(behavior(request=ALL_BUT_HOST), "b=2&a=1&a=%20", VIEWER, {"s": "1"}, "127.0.0.1")
    assert query == "b=2&a=1&a=%20"
    assert headers["authorization"] == "Bearer fm_x"
    assert headers["user-agent"] == "test"
    assert headers["cookie"] == "s=1"
    assert "host" not in headers


def test_nothing_but_cloudfronts_own_reaches_an_origin_without_policies() -> None:
    query, headers = to_origin(behavior(), "a=1", VIEWER, {"s": "1"}, "127.0.0.1")
    assert query == ""
    assert headers == {
        "user-agent": "Amazon CloudFront",
        "x-forwarded-for": "127.0.0.1",
        "via": "1.1 local.cloudfront.net (CloudFront)",
    }


def test_the_viewers_address_is_added_to_those_before() -> None:
    _, headers = to_origin(behavior(), "", {"x-forwarded-for": "10.0.0.1"}, {}, "127.0.0.1")
    assert headers["x-forwarded-for"] == "10.0.0.1, 127.0.0.1"


def test_only_what_a_cache_policy_names_tells_answers_apart() -> None:
    plain = behavior()
    assert cache_key(plain, "/a", "x=1", VIEWER, {"s": "1"}) == cache_key(plain, "/a", "", {}, {})
    assert cache_key(plain, "/a", "", {}, {}) != cache_key(plain, "/b", "", {}, {})
    named = behavior(
        with_key(
            QueryStringsConfig={"QueryStringBehavior": "whitelist", "QueryStrings": {"Items": ["w"]}},
            HeadersConfig={"HeaderBehavior": "whitelist", "Headers": {"Items": ["Accept"]}},
        )
    )
    key = cache_key(named, "/a", "w=1&x=2", VIEWER, {})
    assert key == cache_key(named, "/a", "x=3&w=1", VIEWER, {})
    assert key != cache_key(named, "/a", "w=2", VIEWER, {})
    assert key != cache_key(named, "/a", "w=1", VIEWER | {"accept": "image/webp"}, {})


def test_encodings_are_reduced_to_those_the_policy_tells_apart() -> None:
    gzip = behavior(with_key(EnableAcceptEncodingGzip=True))
    keys = {cache_key(gzip, "/a", "", {"accept-encoding": e}, {}) for e in ("gzip, br", "deflate, gzip;q=0.5")}
    assert len(keys) == 1
    assert to_origin(gzip, "", {"accept-encoding": "gzip, br"}, {}, "127.0.0.1")[1]["accept-encoding"] == "gzip"


SECURITY = {
    "SecurityHeadersConfig": {
        "ContentTypeOptions": {"Override": True},
        "FrameOptions": {"FrameOption": "DENY", "Override": False},
        "StrictTransportSecurity": {"AccessControlMaxAgeSec": 60, "IncludeSubdomains": True, "Override": True},
    },
    "CustomHeadersConfig": {"Items": [{"Header": "X-A", "Value": "ours", "Override": False}]},
    "RemoveHeadersConfig": {"Items": [{"Header": "X-Secret"}]},
}


def test_response_headers_override_only_where_told() -> None:
    origin = {"x-frame-options": "SAMEORIGIN", "x-content-type-options": "odd", "x-a": "theirs", "x-secret": "1"}
    assert response_headers(SECURITY, origin, None, False) == {
        "x-frame-options": "SAMEORIGIN",
        "x-content-type-options": "nosniff",
        "x-a": "theirs",
        "strict-transport-security": "max-age=60; includeSubDomains",
    }
    assert response_headers(SECURITY, {}, None, False)["x-frame-options"] == "DENY"


def test_custom_headers_are_added_and_an_origins_own_ones_stay() -> None:
    assert response_headers(SECURITY, {}, None, False)["x-a"] == "ours"
    assert response_headers(SECURITY, {"x-a": "theirs"}, None, False)["x-a"] == "theirs"


@pytest.mark.parametrize(
    ("config", "value"),
    [
        ({"Protection": True, "ModeBlock": True}, "1; mode=block"),
        ({"Protection": True, "ModeBlock": False}, "1"),
        ({"Protection": False}, "0"),
    ],
)
def test_the_xss_header_says_what_the_policy_says(config: dict[str, bool], value: str) -> None:
    policy = {"SecurityHeadersConfig": {"XSSProtection": {**config, "Override": True}}}
    assert response_headers(policy, {}, None, False) == {"x-xss-protection": value}


def cors(*origins: str, override: bool = True) -> dict[str, Any]:
    return {
        "CorsConfig": {
            "AccessControlAllowOrigins": {"Items": list(origins)},
            "AccessControlAllowMethods": {"Items": ["GET", "HEAD"]},
            "AccessControlAllowHeaders": {"Items": ["Range"]},
            "AccessControlAllowCredentials": False,
            "OriginOverride": override,
        }
    }


def test_cors_answers_the_origins_it_names() -> None:
    named = cors("https://*.example.com")
    given = response_headers(named, {}, "https://a.example.com", False)
    assert given["access-control-allow-origin"] == "https://a.example.com"
    assert given["vary"] == "Origin"
    assert "access-control-allow-methods" not in given
    assert response_headers(named, {}, "https://evil.example", False) == {}
    assert response_headers(named, {}, None, False) == {}
    assert response_headers(cors("*"), {}, "https://x.example", True)["access-control-allow-methods"] == "GET, HEAD"


def test_cors_of_the_origin_stays_unless_overridden() -> None:
    theirs = {"access-control-allow-origin": "https://own.example"}
    assert response_headers(cors("*", override=False), theirs, "https://x.example", False) == theirs
    assert response_headers(cors("*"), theirs, "https://x.example", False)["access-control-allow-origin"] == "*"


def test_a_star_in_an_origin_stands_for_a_name_before_the_rest() -> None:
    assert chosen_origin("https://*.a.example", "https://b.a.example")
    assert not chosen_origin("https://*.a.example", "https://b.a.example.evil")
    assert not chosen_origin("https://*.a.example", "https://b.evil")
    assert not chosen_origin("https://*.a.example", "http://b.a.example")


def test_an_origin_without_a_scheme_covers_both_schemes() -> None:
    assert chosen_origin("*", "https://a.example")
    assert chosen_origin("a.example", "http://a.example")
    assert not chosen_origin("https://a.example", "http://a.example")
    assert not chosen_origin("https://*.a.example", "https://.a.example")
