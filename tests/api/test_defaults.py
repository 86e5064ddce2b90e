"""A tenant's default recipe: for every way a file comes to be, and for no other tenant."""

from __future__ import annotations

import pytest

from chalicelib.catalog import memory, tenants
from chalicelib.catalog.tenants import Tenant
from tests.client import Client, new_client
from tests.stage import Calls

PICTURE = {"filename": "a.png", "content_type": "image/png", "size": 9}


@pytest.fixture
def avatars(client: Client) -> Client:
    tenants.put_tenant(Tenant("acme", "avatar"))
    return client


def recipe_of(answer: object) -> str:
    return str(answer.json["recipe"])  # type: ignore[attr-defined]


def test_files_get_the_tenants_recipe_unless_they_name_one(avatars: Client) -> None:
    assert recipe_of(avatars("POST", "/v1/files", PICTURE)) == "avatar"
    assert recipe_of(avatars("POST", "/v1/files", PICTURE | {"recipe": "photo"})) == "photo"
    assert recipe_of(avatars("POST", "/v1/files", {"source_url": "https://files.example.com/a.png"})) == "avatar"
    assert recipe_of(new_client("other")("POST", "/v1/files", PICTURE)) == "photo"


def test_tokens_take_the_default_over_when_they_are_made(avatars: Client) -> None:
    made = avatars("POST", "/v1/upload-tokens", {"max_bytes": 100}).json
    assert made["recipe"] == "avatar"
    tenants.put_tenant(Tenant("acme"))
    memory.forget()
    assert recipe_of(Client(made["token"])("POST", "/v1/files", PICTURE)) == "avatar"
    assert recipe_of(avatars("POST", "/v1/files", PICTURE)) == "photo"


def test_a_default_that_is_no_recipe_any_more_is_passed_over(client: Client) -> None:
    tenants.put_tenant(Tenant("acme", "gone"))
    assert recipe_of(client("POST", "/v1/files", PICTURE)) == "photo"


def test_the_tenants_default_is_read_once_while_it_is_remembered(avatars: Client, stage: Calls) -> None:
    avatars("POST", "/v1/files", PICTURE)
    stage.clear()
    avatars("POST", "/v1/files", PICTURE)
    assert stage.names == ["dynamodb.PutItem"]


def test_naming_a_recipe_reads_nothing(client: Client, stage: Calls) -> None:
    client("GET", "/v1/files")  # the key is remembered from here on
    stage.clear()
    client("POST", "/v1/files", PICTURE | {"recipe": "photo"})
    assert stage.names == ["dynamodb.PutItem"]
