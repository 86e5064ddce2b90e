"""API keys in requests and answers, for a tenant's own routes and for an operator's."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv6Network, ip_network
from typing import Annotated, Any

from chalice import Response
from pydantic import AfterValidator, Field

from chalicelib.api.answers import ActorResource, Resource, Time
from chalicelib.api.auth.callers import ORDINARY, Caller
from chalicelib.api.auth.rights import Rights
from chalicelib.api.errors import Problem
from chalicelib.api.fields import Moment, each_once, wrong
from chalicelib.api.parsing import Body
from chalicelib.api.routing import json_response
from chalicelib.catalog import credentials, tenant_keys, tenants
from chalicelib.catalog.credentials import ApiKey, hash_key, new_credential
from chalicelib.model import now, timestamp
from chalicelib.observability import logger

MAX_NAME = 128  # characters
MAX_NETWORKS = 20
MAX_CIDR = 43  # characters: an IPv6 address of 39, and /128
# A key that must work for longer has no end.
LONGEST = timedelta(days=3653)

_MAPPED = IPv6Network("::ffff:0:0/96")


def _check_scope(name: str) -> str:
    if name not in ORDINARY:
        raise wrong(f"must be one of {', '.join(ORDINARY)}")
    return name


def _canonical(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError:
        raise wrong("must be a network such as 203.0.113.0/24 or 2001:db8::/32, or one address") from None
    if isinstance(network, IPv6Network) and (network.network_address.scope_id or network.subnet_of(_MAPPED)):
        raise wrong("must not be an IPv4 network in the form of IPv6, and must have no zone")
    return str(network)


def _check_end(moment: datetime) -> datetime:
    present = now()
    if moment <= present:
        raise wrong("must be in the future")
    if moment > present + LONGEST:
        raise wrong("must be within ten years; null is for a key without an end")
    return moment


KeyName = Annotated[str, Field(min_length=1, max_length=MAX_NAME, description="A note for people")]
KeyScope = Annotated[
    str,
    Field(max_length=32, json_schema_extra={"enum": [str(each) for each in ORDINARY]}),
    AfterValidator(_check_scope),
]
KeyScopes = Annotated[list[KeyScope], Field(min_length=1, max_length=len(ORDINARY)), AfterValidator(each_once)]
Network = Annotated[
    str,
    Field(min_length=1, max_length=MAX_CIDR, json_schema_extra={"examples": ["203.0.113.0/24"]}),
    AfterValidator(_canonical),
]
Networks = Annotated[list[Network], Field(max_length=MAX_NETWORKS), AfterValidator(each_once)]
End = Annotated[Moment, Field(strict=False), AfterValidator(_check_end)]


class CreateKey(Body):
    """The body that makes an API key.

    `networks` are the networks that the key may be used from; an empty list allows all. Without `expires_at` and
    `networks`, the new key has those of the key that makes it.
    """

    name: KeyName
    scopes: KeyScopes
    expires_at: End | None = None
    networks: Networks | None = None


class KeyResource(Resource):
    """An API key, without its secret. An empty list of `networks` allows all."""

    id: str = Field(pattern="^[0-9a-f]{12}$")
    name: str
    scopes: list[str]
    networks: list[str]
    expires_at: Time | None
    created_at: Time
    created_by: ActorResource | None = Field(description="null for a key that an operator made at a terminal")
    last_used_at: Time | None = Field(description="The hour in which the key was last used")
    earlier_secrets_until: Time | None = Field(description="When the last secret ends that was rotated away")


class KeyWithSecretResource(KeyResource):
    """An API key with the secret that no other answer shows."""

    key: str = Field(pattern="^fm_[0-9a-f]{12}_[0-9a-f]{48}$")


def shown(key: ApiKey) -> dict[str, Any]:
    """A key as clients see it."""
    moment = now().timestamp()
    ends = [each.until for each in key.earlier if each.until > moment]
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "networks": list(key.networks),
        "expires_at": key.expires_at,
        "created_at": key.created_at,
        "created_by": key.created_by.model_dump() if key.created_by else None,
        "last_used_at": key.used_at,
        "earlier_secrets_until": timestamp(datetime.fromtimestamp(max(ends), now().tzinfo)) if ends else None,
    }


def wanted(body: CreateKey, own: Rights) -> Rights:
    """The rights that the body asks for. Those that it does not mention are as `own`."""
    sent = body.model_fields_set
    expires_at = (timestamp(body.expires_at) if body.expires_at else None) if "expires_at" in sent else own.expires_at
    networks = tuple(body.networks or ()) if "networks" in sent else own.networks
    return Rights(frozenset(body.scopes), networks, expires_at)


def make(tenant: str, body: CreateKey, rights: Rights, maker: Caller) -> Response:
    """Makes a key and gives the answer, which alone shows the key. Raises Problem `too_many_keys`."""
    if tenant_keys.is_full(tenant):
        detail = f"A tenant has at most {tenant_keys.MOST} keys. Delete those that nobody needs."
        raise Problem("too_many_keys", detail)
    key_id, secret = new_credential()
    key = ApiKey(
        key_id,
        hash_key(secret),
        tenant,
        body.name,
        tuple(body.scopes),
        timestamp(now()),
        expires_at=rights.expires_at,
        networks=rights.networks,
        created_by=maker.actor,
    )
    credentials.put_api_key(key)
    tenants.note(tenant)
    logger.info("key made", extra={"made": key_id})
    return json_response({"key": secret, **shown(key)}, 201, {"Location": f"/v1/keys/{key_id}"})
