"""CORS, and the headers that every answer has: caching and rate limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import settings
from chalicelib.api import application, cors
from tests.client import Client
from tests.stage import STAGE, Calls, lambda_context

SEVERAL = "https://app.example.com, https://admin.example.com:8443"


@pytest.fixture
def setting(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import app

    def set_(name: str, value: str) -> None:
        if name == "CORS_ORIGIN":  # the app was made with another one; it is made once a process
            for entries in app.app.routes.values():
                for entry in entries.values():
                    monkeypatch.setattr(entry, "cors", None)
        monkeypatch.setenv(f"FILEMILL_{name}", value)
        settings.settings.cache_clear()

    yield set_
    monkeypatch.undo()
    settings.settings.cache_clear()


@pytest.mark.parametrize("path", ["/v1/health", "/v1/files", "/nope"])
def test_any_page_reads_answers_and_errors_alike_unless_told_otherwise(stage: Calls, path: str) -> None:
    answer = Client(None)("GET", path, headers={"Origin": "https://anyone.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {"ETag", "Location", "Retry-After", "X-Request-Id"} <= set(
        answer.headers["Access-Control-Expose-Headers"].split(",")
    )


def test_of_several_origins_the_asking_one_is_named(setting: Any) -> None:
    setting("CORS_ORIGIN", SEVERAL)
    for header in ("Origin", "origin"):
        for origin in ("https://app.example.com", "https://admin.example.com:8443"):
            for path, status in (("/v1/health", 200), ("/v1/files", 401), ("/nope", 404)):
                answer = Client(None)("GET", path, headers={header: origin})
                assert answer.status == status
                assert answer.headers["Access-Control-Allow-Origin"] == origin
                assert answer.headers["Vary"] == "Origin"
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "https://app.example.com.evil.example"}, {}):
        answer = Client(None)("GET", "/v1/health", headers=headers)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"


def test_one_origin_is_named_to_everyone(setting: Any) -> None:
    setting("CORS_ORIGIN", "https://app.example.com")
    answer = Client(None)("GET", "/v1/health", headers={"Origin": "https://evil.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"


def test_with_several_origins_a_preflight_is_the_functions_work(setting: Any) -> None:
    setting("CORS_ORIGIN", SEVERAL)
    app = application.Application(app_name="test", configure_logs=False)
    app.route("/v1/files/{file_id}", methods=["GET", "PATCH"])(lambda file_id: None)
    cors.mount_preflights(app)

    def preflight(origin: str) -> Any:
        return app(
            {
                "httpMethod": "OPTIONS",
                "headers": {"origin": origin, "access-control-request-method": "PATCH"},
                "multiValueQueryStringParameters": None,
                "pathParameters": {"file_id": "x"},
                "stageVariables": None,
                "requestContext": {"httpMethod": "OPTIONS", "resourcePath": "/v1/files/{file_id}", "identity": {}},
                "body": None,
            },
            lambda_context(),
        )

    answer = preflight("https://app.example.com")
    assert answer["statusCode"] == 204
    assert answer["headers"]["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert answer["headers"]["Access-Control-Allow-Methods"] == "GET,PATCH,OPTIONS"
    assert {"Authorization", "If-Match", "If-None-Match", "Idempotency-Key"} <= set(
        answer["headers"]["Access-Control-Allow-Headers"].split(",")
    )
    assert "Access-Control-Allow-Origin" not in preflight("https://evil.example")["headers"]


def test_with_one_origin_api_gateway_answers_preflights(stage: Calls) -> None:
    import app

    assert not any("OPTIONS" in methods for methods in app.app.routes.values())
    assert {entry.cors.allow_origin for methods in app.app.routes.values() for entry in methods.values()} == {"*"}


@pytest.mark.parametrize(
    "value",
    ["", "https://app.example.com/", "app.example.com", "https://*.example.com", "*,https://a.example", "https://a b"],
)
def test_a_wrong_origin_stops_the_start(value: str) -> None:
    with pytest.raises(settings.NotProvisionedError, match="FILEMILL_CORS_ORIGIN"):
        settings.load({**STAGE, "FILEMILL_CORS_ORIGIN": value})


def test_the_stages_bound_is_said_where_there_is_one(setting: Any) -> None:
    assert "RateLimit-Policy" not in Client(None)("GET", "/v1/health").headers
    setting("RATE_LIMIT", "100")
    assert Client(None)("GET", "/v1/health").headers["RateLimit-Policy"] == '"stage";q=100;w=1'


def test_errors_are_kept_nowhere(stage: Calls) -> None:
    for path in ("/v1/files", "/docs/nope.js", "/nope"):
        assert Client(None)("GET", path).headers["Cache-Control"] == "no-store"
