"""The setting FILEMILL_OIDC: what it may hold, and the sentence for everything else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from chalicelib import issuers, settings
from chalicelib.api.auth.callers import Scope
from chalicelib.settings import NotProvisionedError
from tests.stage import ROOT, STAGE

ONE = {
    "issuer": "https://id.example.com",
    "jwks": "https://id.example.com/keys",
    "audience": "filemill",
    "tenant": "acme",
    "scopes": "files:read",
}


def read(*entries: Any) -> tuple[issuers.Issuer, ...]:
    return issuers.read(json.dumps(entries))


def other(**changes: Any) -> dict[str, Any]:
    return {**ONE, "issuer": "https://b.example.com", "jwks": "https://b.example.com/keys", **changes}


def test_one_issuer_has_the_defaults() -> None:
    (issuer,) = read(ONE)
    assert (issuer.audience, issuer.audience_claim, issuer.owner) == (("filemill",), "aud", "{sub}")
    assert (issuer.scopes, issuer.azp, issuer.require) == (("files:read",), None, {})


EXAMPLES = re.findall(r"```json\n(\[.+?)```", (ROOT / "docs/sign-in-tokens.md").read_text(), re.DOTALL)


def test_the_examples_of_the_documentation_can_be_copied() -> None:
    assert len(EXAMPLES) == 5
    for example in EXAMPLES:
        compact = json.dumps(json.loads(example), separators=(",", ":"))
        assert len(issuers.read(compact)) == 1
        assert len(compact) < issuers.MAX_BYTES / 3


def test_no_setting_is_no_issuer() -> None:
    assert settings.load(STAGE).issuers == ()
    assert settings.load(STAGE | {"FILEMILL_OIDC": ""}).issuers == ()


def test_the_scopes_are_those_of_the_api() -> None:
    assert tuple(each for each in Scope if each is not Scope.TENANTS_ADMIN) == issuers.SCOPES


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"issuer": None}, "issuer"),
        ({"issuer": "http://id.example.com"}, "https://"),
        ({"jwks": "http://id.example.com/keys"}, "https://"),
        ({"jwks": "https://ann:secret@id.example.com/keys"}, "user name"),
        ({"jwks": "https://"}, "https://"),
        ({"jwks": "https://id.example.com/keys#1"}, "#"),
        ({"audience": []}, "audience"),
        ({"audience": ""}, "audience"),
        ({"audience": 7}, "audience"),
        ({"azp": []}, "azp"),
        ({"tenant": "Acme"}, "tenant's name"),
        ({"tenant": "{a}-{b}"}, "at most one claim"),
        ({"tenant": "{a"}, "at most one claim"),
        ({"tenant": "{}"}, "at most one claim"),
        ({"tenant": "A{org}"}, "lower-case"),
        ({"tenant": "{a>>b}"}, "must name a claim"),
        ({"owner": "everybody"}, "one owner"),
        ({"owner": "key:{sub}"}, "API keys"),
        ({"scopes": "files:all"}, "no scope"),
        ({"scopes": None}, "gives no scope"),
        ({"groups": "groups"}, "group_scopes"),
        ({"group_scopes": {"staff": "files:read"}}, "group_scopes"),
        ({"groups": "groups", "group_scopes": {"staff": "all"}}, "no scope"),
        ({"require": {"": "x"}}, "must name a claim"),
        ({"scope": "files:read"}, "`scope` is no key of an issuer"),
    ],
)
def test_a_wrong_entry_is_a_sentence_that_says_where(changes: dict[str, Any], sentence: str) -> None:
    entry = {name: value for name, value in {**ONE, **changes}.items() if value is not None}
    with pytest.raises(ValueError, match="issuer 2") as raised:
        read(other(), entry)
    assert sentence.lower() in str(raised.value).lower()


@pytest.mark.parametrize("text", ["{", "{}", "[]", "7", '"x"', "[1]", "[[]]", "null", "[" * 1000])
def test_anything_but_a_list_of_issuers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        issuers.read(text)


def test_too_many_issuers_and_too_many_bytes_are_refused() -> None:
    short = [{**ONE, "issuer": f"https://{n}.b"} for n in range(11)]
    with pytest.raises(ValueError, match="1 to 10 issuers"):
        read(*short)
    with pytest.raises(ValueError, match="at most 2000 fit"):
        read({**ONE, "audience": ["é" * 450, "é" * 450]})


def test_a_stage_with_a_wrong_issuer_does_not_start_and_says_why() -> None:
    text = json.dumps([{**ONE, "jwks": "http://id.example.com/Keys"}])
    with pytest.raises(NotProvisionedError, match=r"FILEMILL_OIDC .issuer 1: `jwks` must be an address"):
        settings.load(STAGE | {"FILEMILL_OIDC": text})


def test_a_deployed_function_reads_the_issuers_when_it_needs_them() -> None:
    """At a terminal they are checked at once; a function that never sees a sign-in token does not pay for them."""
    wrong = STAGE | {"FILEMILL_OIDC": "[", "AWS_LAMBDA_FUNCTION_NAME": "filemill-test"}
    deployed = settings.load(wrong)
    with pytest.raises(ValueError, match="no JSON"):
        _ = deployed.issuers


def test_more_variables_than_a_function_takes_are_refused_with_the_longest_one() -> None:
    assert settings.load(STAGE | {"FILEMILL_SCAN_COMMAND": "x" * 1000})
    with pytest.raises(NotProvisionedError, match=r"4096 bytes.*FILEMILL_SCAN_COMMAND"):
        settings.load(STAGE | {"FILEMILL_SCAN_COMMAND": "x" * 4000})


# --- two issuers, one tenant


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("acme", "acme"),
        ("acme", "{org}"),
        ("{org}", "{org}"),
        ("acme-{org}", "{org}"),
        ("acme-{org}", "acme-eu-{org}"),
        ("acme-eu", "acme-{org}"),
        ("{org}-eu", "acme-{org}"),
        ("{org}-eu", "{org}-west-eu"),
    ],
)
def test_issuers_of_one_tenant_need_owners_that_cannot_be_equal(one: str, two: str) -> None:
    for owners in (("{sub}", "{sub}"), ("{sub}", "b:{sub}"), ("b:{sub}", "{sub}"), ("a:{sub}", "a:x:{sub}")):
        with pytest.raises(ValueError, match="issuers 1 and 2 can name the same tenant"):
            read({**ONE, "tenant": one, "owner": owners[0]}, other(tenant=two, owner=owners[1]))
    assert len(read({**ONE, "tenant": one, "owner": "a:{sub}"}, other(tenant=two, owner="b:{sub}"))) == 2


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("acme", "globex"),
        ("acme-{org}", "globex-{org}"),
        ("{org}-a", "{org}-b"),
        ("acme", "acme-{org}"),
        ("acme-", "acme-{org}"),
        ("eu", "acme-{org}"),
    ],
)
def test_issuers_of_different_tenants_may_have_equal_owners(one: str, two: str) -> None:
    assert len(read({**ONE, "tenant": one}, other(tenant=two))) == 2


def test_one_issuer_cannot_stand_twice() -> None:
    with pytest.raises(ValueError, match="issuers 1 and 2 have the same `issuer`"):
        read(ONE, {**ONE, "tenant": "globex"})
