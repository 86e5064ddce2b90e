"""The pages about security: each row of the threat model names its tests, and the headers are those that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from chalicelib.api.application import _common_headers
from chalicelib.api.routes import reference
from ops.stack import gateway, template
from tests.stage import ROOT

DOCS = ROOT / "docs"
_TEST = re.compile(r"`(tests/[\w/]+\.py)`")
_MAIL = re.compile(r"\w@\w+\.\w")


def rows(page: str, heading: str) -> Iterator[list[str]]:
    """The cells of each row of the table below a heading."""
    section = (DOCS / page).read_text(encoding="utf-8").partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    for line in lines[1:]:
        yield [cell.strip() for cell in line.strip("|").split(" | ")]


def test_each_attack_is_by_somebody_we_know_and_shown_by_a_test_that_exists() -> None:
    known = {who for who, _ in rows("threat-model.md", "## Who")} | {"anybody"}
    attacks = list(rows("threat-model.md", "## Attacks"))
    assert len(attacks) > 30
    for who, what, held, tests in attacks:
        assert who in known, what
        assert held
        named = _TEST.findall(tests)
        assert named, what
        assert ", ".join(f"`{each}`" for each in named) == tests
        for each in named:
            assert (ROOT / each).is_file(), each
            assert "def test_" in (ROOT / each).read_text(encoding="utf-8"), each
    assert known - {"anybody"} <= {who for who, *_ in attacks}, "each of them tries something"


def test_the_page_of_headers_says_what_the_template_and_the_code_say(stage: Any) -> None:
    said = {(answer, header.strip("`")): value.strip("`") for answer, header, value, _ in table_of_headers()}
    api = {name: value for name, value in _common_headers(None).items() if not name.startswith(("Access-", "Vary"))}
    own = gateway.headers("unauthorized")
    wanted = {
        **{("API", name): value for name, value in api.items()},
        **{("API Gateway's own errors", name): own[name] for name in ("Cache-Control", "X-Content-Type-Options")},
        ("/docs", "Content-Security-Policy"): reference.POLICY,
        ("/docs", "X-Frame-Options"): "DENY",
        ("/docs", "Referrer-Policy"): "no-referrer",
        ("icons", "Content-Security-Policy"): reference.ICON_POLICY,
        **{("front door, files", name): value for name, value in of_policy("FileHeaders").items()},
        **{("console", name): value for name, value in of_policy("ConsoleHeaders").items()},
        **{("/filemill.js", name): value for name, value in of_policy("ModuleHeaders").items()},
        **{("front door, else", name): value for name, value in of_policy("AppHeaders").items()},
    }
    assert said == wanted


def table_of_headers() -> Iterator[list[str]]:
    page = (DOCS / "headers.md").read_text(encoding="utf-8")
    for line in page.splitlines():
        if line.startswith("| ") and not line.startswith("| Answer"):
            answer, header, value, why = (cell.strip() for cell in line.strip("|").split(" | "))
            yield [answer.strip("`"), header, value, why]


def of_policy(name: str) -> dict[str, str]:
    """Header → value of a response headers policy; CORS is in another page."""
    config = template.document(ROOT)["Resources"][name]["Properties"]["ResponseHeadersPolicyConfig"]
    found = {each["Header"]: each["Value"] for each in config.get("CustomHeadersConfig", {}).get("Items", [])}
    for kind, body in config["SecurityHeadersConfig"].items():
        match kind:
            case "ContentSecurityPolicy":
                policy = body["ContentSecurityPolicy"]
                found["Content-Security-Policy"] = policy if isinstance(policy, str) else policy["Fn::Sub"]
            case "ContentTypeOptions":
                found["X-Content-Type-Options"] = "nosniff"
            case "FrameOptions":
                found["X-Frame-Options"] = body["FrameOption"]
            case "ReferrerPolicy":
                found["Referrer-Policy"] = body["ReferrerPolicy"]
            case "StrictTransportSecurity":
                assert not body["IncludeSubdomains"]
                found["Strict-Transport-Security"] = f"max-age={body['AccessControlMaxAgeSec']}"
            case _:
                raise AssertionError(f"{kind} is not in docs/headers.md")
    return found


def test_nobody_is_told_to_write_to_an_address_that_does_not_exist() -> None:
    for page in (ROOT / "SECURITY.md", DOCS / "security-questionnaire.md", DOCS / "threat-model.md"):
        assert not _MAIL.search(page.read_text(encoding="utf-8")), page


def test_the_questionnaire_answers_every_question() -> None:
    text = (DOCS / "security-questionnaire.md").read_text(encoding="utf-8")
    questions = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| **")][1:]
    assert len(questions) > 35
    for line in questions:
        question, answer = (cell.strip() for cell in line.strip("|").split(" | "))
        assert question.endswith("?"), question
        assert len(answer) > 1, question
