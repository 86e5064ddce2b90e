"""From claims to tenant, scopes and owner: the shapes of four providers, and claims of every wrong type."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.api.auth import claims
from chalicelib.api.auth.callers import Caller, Scope
from chalicelib.api.auth.jwt import RefusedError
from chalicelib.issuers import Issuer
from chalicelib.model import TENANT_PATTERN

# The payloads are those of the providers' documentation, with the ids shortened.

# https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
POOL = "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_example"
COGNITO_ACCESS = {
    "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "device_key": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "cognito:groups": ["testgroup"],
    "iss": POOL,
    "version": 2,
    "client_id": "xxxxxxxxxxxxexample",
    "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "event_id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "token_use": "access",
    "scope": "phone openid profile resourceserver.1/appclient2 email filemill/files:read",
    "auth_time": 1676313851,
    "exp": 1676317451,
    "iat": 1676313851,
    "jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "username": "my-test-user",
}
# https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html
COGNITO_ID = {
    "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "cognito:groups": ["test-group-a", "test-group-b"],
    "email_verified": True,
    "iss": POOL,
    "cognito:username": "my-test-user",
    "nonce": "abcdefg",
    "aud": "xxxxxxxxxxxxexample",
    "token_use": "id",
    "auth_time": 1676312777,
    "exp": 1676316377,
    "iat": 1676312777,
    "custom:org": "acme",
    "email": "my-test-user@example.com",
}
# https://www.keycloak.org/docs/latest/server_admin/#audience-support describes `aud` and `resource_access`; the whole
# payload is that of https://phasetwo.io/tutorials/getting-started/your-first-token/
KEYCLOAK = {
    "exp": 1673171296,
    "iat": 1673170996,
    "jti": "d58f5dc8-fd8f-462b-8a19-716f8f83985b",
    "iss": "https://id.example.com/realms/demo",
    "aud": ["filemill", "account"],
    "sub": "36fa0f91-f94d-4a0c-afed-6b7d952e47da",
    "typ": "Bearer",
    "azp": "demo-app",
    "sid": "2a88c258-f73a-4103-b862-e1fbd8f4e04e",
    "acr": "1",
    "allowed-origins": ["https://app.example.com"],
    "realm_access": {"roles": ["offline_access", "editor", "uma_authorization"]},
    "resource_access": {"account": {"roles": ["manage-account"]}, "filemill": {"roles": ["admin"]}},
    "scope": "email profile",
    "organization": "acme",
    "preferred_username": "ann",
}
# https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles, with the claims of
# https://auth0.com/docs/manage-users/organizations/using-tokens
AUTH0 = {
    "iss": "https://my-domain.auth0.com/",
    "sub": "auth0|123456",
    "aud": ["https://example.com/health-api", "https://my-domain.auth0.com/userinfo"],
    "azp": "my_client_id",
    "exp": 1311281970,
    "iat": 1311280970,
    "scope": "openid profile files:read read:admin",
    "org_id": "org_9ybsU1dN2dKfDkBi",
    "org_name": "acme",
    "permissions": ["files:write"],
    "https://my-app.example/tier": "gold",
}
# https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference
ENTRA = {
    "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
    "iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
    "iat": 1537231048,
    "nbf": 1537231048,
    "exp": 1537234948,
    "aio": "AXQAi/8IAAAA",
    "azp": "8b1a2f3c-0000-0000-0000-000000000000",
    "azpacr": "0",
    "name": "Abe Lincoln",
    "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
    "preferred_username": "abeli@microsoft.com",
    "roles": ["Files.Editor"],
    "scp": "access_as_user files:read",
    "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
    "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47",
    "ver": "2.0",
}


def issuer(**changes: Any) -> Issuer:
    entry = {
        "issuer": "https://id.example.com",
        "jwks": "https://id.example.com/keys",
        "audience": "filemill",
        "tenant": "acme",
        "scopes": "files:read",
    }
    entry |= changes
    return Issuer.model_validate({name: value for name, value in entry.items() if value is not None})


def mapped(payload: dict[str, Any], **entry: Any) -> Caller:
    chosen = issuer(issuer=payload["iss"], **entry)
    claims.check_audience(payload, chosen)
    claims.check_time(payload, payload["iat"])
    return claims.caller_of(payload, chosen)


def test_cognitos_access_token_has_a_client_id_groups_and_scopes_of_a_resource_server() -> None:
    caller = mapped(
        COGNITO_ACCESS,
        audience="xxxxxxxxxxxxexample",
        audience_claim="client_id",
        require={"token_use": "access"},
        scopes=None,
        scope_prefix="filemill/",
        groups="cognito:groups",
        group_scopes={"testgroup": "files:write events:read", "admins": "keys:admin"},
    )
    assert caller.scopes == {"files:read", "files:write", "events:read"}
    assert (caller.tenant, caller.owner) == ("acme", COGNITO_ACCESS["sub"])
    assert caller.user and caller.user.expires == 1676317451 + 60


def test_cognitos_id_token_has_custom_attributes() -> None:
    caller = mapped(
        COGNITO_ID, audience="xxxxxxxxxxxxexample", require={"token_use": "id"}, tenant="{custom:org}", owner="u-{sub}"
    )
    assert (caller.tenant, caller.owner) == ("acme", f"u-{COGNITO_ID['sub']}")


def test_cognitos_id_token_is_refused_where_access_tokens_are_wanted() -> None:
    with pytest.raises(RefusedError, match="token_use"):
        mapped(COGNITO_ID, audience="xxxxxxxxxxxxexample", require={"token_use": "access"})


def test_keycloaks_roles_are_two_and_three_steps_deep() -> None:
    entry = {
        "azp": ["demo-app", "other-app"],
        "require": {"typ": "Bearer"},
        "tenant": "kc-{organization}",
        "groups": "realm_access>roles",
        "group_scopes": {"editor": "files:write"},
    }
    caller = mapped(KEYCLOAK, **entry)
    assert caller.tenant == "kc-acme"
    assert caller.scopes == {"files:read", "files:write"}
    deeper = {**entry, "groups": "resource_access>filemill>roles", "group_scopes": {"admin": "keys:admin"}}
    assert mapped(KEYCLOAK, **deeper).scopes == {"files:read", "keys:admin"}


def test_auth0s_scopes_are_the_apis_own_and_its_permissions_are_a_list() -> None:
    caller = mapped(
        AUTH0,
        audience="https://example.com/health-api",
        azp="my_client_id",
        tenant="{org_name}",
        scopes=None,
        scope_prefix="",
        groups="permissions",
        group_scopes={"files:write": "files:write"},
    )
    assert (caller.tenant, caller.owner) == ("acme", "auth0|123456")
    assert caller.scopes == {"files:read", "files:write"}


def test_auth0s_id_of_an_organisation_is_no_tenant() -> None:
    with pytest.raises(RefusedError, match="no name of a tenant"):
        mapped(AUTH0, audience="https://example.com/health-api", tenant="{org_id}")


def test_a_claims_name_may_be_an_address() -> None:
    caller = mapped(AUTH0, audience="https://example.com/health-api", tenant="{https://my-app.example/tier}")
    assert caller.tenant == "gold"


def test_entras_directory_is_the_tenant_and_its_object_id_may_be_the_owner() -> None:
    caller = mapped(
        ENTRA,
        audience=ENTRA["aud"],
        tenant="{tid}",
        owner="{oid}",
        scopes=None,
        scope_prefix="",
        groups="roles",
        group_scopes={"Files.Editor": "files:write"},
    )
    assert (caller.tenant, caller.owner) == (ENTRA["tid"], ENTRA["oid"])
    assert caller.scopes == {"files:read", "files:write"}


# --- mapping


BASE = {"iss": "https://id.example.com", "aud": "filemill", "sub": "ann", "iat": 1_000_000, "exp": 1_000_600}


def test_nobody_gets_a_scope_that_the_settings_do_not_give() -> None:
    asking = {**BASE, "scope": "keys:admin files:own", "scp": ["webhooks:admin"], "groups": ["keys:admin"]}
    assert mapped(asking).scopes == {"files:read"}
    assert mapped(asking, scopes=None, scope_prefix="x/").scopes == set()
    listed = {**BASE, "scp": ["x/files:own", "x/all", "files:write", "x/files:read files:read"]}
    assert mapped(listed, scopes=None, scope_prefix="x/").scopes == {"files:own", "files:read"}


def test_equal_subjects_of_two_issuers_are_two_credentials() -> None:
    one, two = mapped(BASE), mapped({**BASE, "iss": "https://b.example.com"})
    assert one.key_id != two.key_id
    assert len(one.key_id) == len("user:") + 32
    assert "ann" not in one.key_id


def test_an_owner_of_its_own_tells_the_users_of_an_issuer_apart_as_actors() -> None:
    one, two = mapped(BASE, owner="a:{sub}"), mapped(BASE, owner="b:{sub}")
    assert one.actor != two.actor
    assert mapped(BASE).actor.id == BASE["sub"]


def test_the_credentials_name_keeps_issuer_and_subject_apart() -> None:
    one = mapped({**BASE, "iss": "https://b.example.com/a", "sub": "b"})
    two = mapped({**BASE, "iss": "https://b.example.com/", "sub": "ab"})
    assert one.key_id != two.key_id


@pytest.mark.parametrize("wrong", [None, "", 7, True, ["ann"], {"a": 1}, "a" * 256, "a\nb", "a\x00", "\ud800"])
def test_a_subject_is_a_text_of_255_characters(wrong: Any) -> None:
    with pytest.raises(RefusedError, match="`sub`"):
        mapped({**BASE, "sub": wrong})


@pytest.mark.parametrize("owner", ["a" * 129, "key:0123456789ab"])
def test_an_owner_is_short_and_no_keys(owner: str) -> None:
    with pytest.raises(RefusedError, match="owner"):
        mapped({**BASE, "sub": owner})
    assert mapped({**BASE, "sub": "a" * 128}).owner == "a" * 128


@pytest.mark.parametrize(
    "org",
    [None, "", "Acme", "-acme", "acme_1", "a" * 64, "acme/..", "acme#1", "ac me", 7, ["acme"], {"x": "acme"}, True],
)
def test_a_tenant_must_be_a_tenants_name(org: Any) -> None:
    with pytest.raises(RefusedError):
        mapped({**BASE, "org": org}, tenant="{org}")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": None},
        {"aud": []},
        {"aud": ""},
        {"aud": "filemill2"},
        {"aud": "FILEMILL"},
        {"aud": ["x", 7]},
        {"aud": {"filemill": 1}},
        {"aud": True},
        {"aud": ["x"], "client_id": "filemill", "azp": "filemill"},
    ],
)
def test_a_token_for_another_audience_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="`aud`"):
        mapped({**BASE, **changes})
    assert mapped({**BASE, "aud": ["x", "filemill"]}).tenant == "acme"


@pytest.mark.parametrize("azp", [None, "", "web2", ["web"], 7, "WEB"])
def test_another_client_is_refused_where_the_settings_name_clients(azp: Any) -> None:
    with pytest.raises(RefusedError, match="`azp`"):
        mapped({**BASE, "azp": azp}, azp="web")
    assert mapped({**BASE, "azp": "web"}, azp=["app", "web"]).tenant == "acme"
    assert mapped({**BASE, "azp": "anyone"}).tenant == "acme"


@pytest.mark.parametrize("value", [None, "no", True, ["yes"], {"yes": 1}])
def test_a_claim_that_is_required_must_be_equal(value: Any) -> None:
    with pytest.raises(RefusedError, match="`a>b`"):
        mapped({**BASE, "a": {"b": value}}, require={"a>b": "yes"})
    with pytest.raises(RefusedError):
        mapped({**BASE, "a>b": "yes", "a": ["b"]}, require={"a>b": "yes"})
    assert mapped({**BASE, "a": {"b": "yes"}}, require={"a>b": "yes"}).tenant == "acme"


@pytest.mark.parametrize("value", [None, False, 1, 1.0, "true", [True], {}])
def test_a_claim_may_be_required_to_be_true(value: Any) -> None:
    """An address that nobody has verified could name another user."""
    with pytest.raises(RefusedError, match="`email_verified`"):
        mapped({**BASE, "email_verified": value}, require={"email_verified": True})
    assert mapped({**BASE, "email_verified": True}, require={"email_verified": True}).tenant == "acme"


@pytest.mark.parametrize("name", ["scope", "scp", "groups"])
@pytest.mark.parametrize("value", [7, True, {"a": "files:read"}, ["files:read", 7], [["files:read"]]])
def test_scopes_and_groups_of_a_wrong_type_are_refused(name: str, value: Any) -> None:
    with pytest.raises(RefusedError, match=f"`{name}`"):
        mapped({**BASE, name: value}, scope_prefix="", groups="groups", group_scopes={"a": "files:read"})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
LIKELY = st.sampled_from(["acme", "ann", "files:read", "x/files:read x/all", ["staff"], ["files:own", 1], {"b": "yes"}])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["sub", "org", "scope", "scp", "groups", "a", "aud", "azp"]), ANYTHING | LIKELY))
def test_any_claims_give_a_sound_caller_or_a_refusal(payload: dict[str, Any]) -> None:
    entry = {"tenant": "{org}", "scope_prefix": "x/", "groups": "groups", "group_scopes": {"staff": "events:read"}}
    try:
        caller = mapped({**BASE, "org": "globex", **payload}, **entry)
    except RefusedError:
        return
    assert TENANT_PATTERN.fullmatch(caller.tenant)
    assert caller.scopes <= {*Scope}
    assert caller.owner
    assert len(caller.owner) <= 128


# --- time


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1000600", None, True, [], {}, -1, 1e300, 253_402_300_800])
def test_a_time_is_a_number_of_seconds(name: str, value: Any) -> None:
    with pytest.raises(RefusedError, match=f"`{name}`"):
        claims.check_time({**BASE, name: value}, 1_000_000)


def test_a_token_without_an_end_is_refused() -> None:
    with pytest.raises(RefusedError, match="`exp`"):
        claims.check_time({"sub": "ann"}, 0)


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_token_may_begin_60_seconds_in_the_future(name: str) -> None:
    claims.check_time({**BASE, name: 1_000_060}, 1_000_000)
    claims.check_time({**BASE, name: 1_000_060.0}, 1_000_000)
    with pytest.raises(RefusedError, match="future"):
        claims.check_time({**BASE, name: 1_000_060.5}, 1_000_000)


def test_a_token_ends_60_seconds_after_its_end() -> None:
    claims.check_time(BASE, 1_000_659.9)
    with pytest.raises(RefusedError) as refused:
        claims.check_time(BASE, 1_000_660)
    assert refused.value.expired
    assert claims.end_of(BASE) == 1_000_660
