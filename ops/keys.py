"""`python -m ops keys create|list|scopes|revoke`: makes, lists, changes and revokes a stage's API keys."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from chalicelib.api.auth.callers import ORDINARY, Scope
from ops.config import add_stage_arguments, load_stage

if TYPE_CHECKING:
    from chalicelib.catalog.credentials import ApiKey

# All that a key of a team can have. `files:own` is for end users, and says nothing beside these.
SCOPES = tuple(str(scope) for scope in ORDINARY if scope is not Scope.FILES_OWN)
CHOICES = tuple(map(str, ORDINARY))


EXAMPLES = (
    'keys create --stage dev --tenant acme --name "the web shop"',
    "keys create --stage dev --tenant acme --scope files:read",
    "keys create --stage dev --operator",
    "keys list --stage dev",
    "keys scopes --stage dev 0123456789ab --add webhooks:admin --remove files:write",
    "keys revoke --stage dev 0123456789ab",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{create,list,scopes,revoke}")
    create = verbs.add_parser(
        "create",
        help="make a key",
        description="Make a key and print it. It is not stored, so it can't be shown again.",
    )
    whose = create.add_mutually_exclusive_group(required=True)
    whose.add_argument("--tenant", help="the tenant whose files the key opens: lower-case letters, digits, hyphens")
    whose.add_argument(
        "--operator", action="store_true", help="a key that manages tenants over the API, and opens no file"
    )
    create.add_argument("--name", default="", help="a note for people, such as who uses the key")
    create.add_argument(
        "--scope",
        action="append",
        choices=CHOICES,
        help=f"what the key allows (repeatable; default: all but {Scope.FILES_OWN})",
    )
    show = verbs.add_parser(
        "list", help="list the keys", description="List the stage's keys with their ids, but not the keys themselves."
    )
    change = verbs.add_parser(
        "scopes",
        help="change what a key allows",
        description="Give scopes to a key, or take them away. The change takes effect within a minute.",
    )
    change.add_argument("--add", action="append", choices=CHOICES, default=[], help="a scope to give (repeatable)")
    change.add_argument("--remove", action="append", choices=CHOICES, default=[], help="one to take away (repeatable)")
    revoke = verbs.add_parser(
        "revoke", help="revoke a key", description="Revoke a key. It stops working within a minute."
    )
    for verb in (change, revoke):
        verb.add_argument("id", help="the key's id: the part between fm_ and the next _")
    for verb in (create, show, change, revoke):
        add_stage_arguments(verb)
        verb.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    os.environ.update(load_stage(args.project_dir, args.stage))
    from chalicelib.catalog import credentials

    match args.verb:
        case "create":
            try:
                if args.operator and args.scope:
                    raise ValueError(f"an operator key has the scope {Scope.TENANTS_ADMIN} and no other")
                if args.operator:
                    key, secret = create_operator(args.name)
                else:
                    key, secret = create(args.tenant, args.name, tuple(args.scope or SCOPES))
            except ValueError as error:
                print(f"No key was made: {error}.", file=sys.stderr)
                return 2
            print(json.dumps({"id": key.id, "key": secret}) if args.json else secret)
            print("Store it safely: it can't be shown again.", file=sys.stderr)
        case "list":
            keys = sorted(credentials.api_keys(), key=lambda k: k.created_at)
            if args.json:
                print(json.dumps([_shown(k) for k in keys]))
            for k in [] if args.json else keys:
                state = f"revoked {k.revoked_at}" if k.revoked_at else "active"
                state = f"expired {k.expires_at}" if k.is_over and not k.revoked_at else state
                print(f"{k.id}  {k.tenant:20}  {','.join(k.scopes):49}  {k.created_at}  {state}  {k.name}")
        case "scopes":
            return _scopes(args)
        case "revoke":
            revoked = credentials.revoke_api_key(args.id)
            if revoked is None:
                return _unknown(args.id)
            print(f"Key {revoked.id} of tenant {revoked.tenant} is revoked. It stops working within a minute.")
    return 0


def _shown(key: ApiKey) -> dict[str, Any]:
    """A key without the hashes of its secrets."""
    values = {name: value for name, value in asdict(key).items() if name not in ("hash", "earlier", "created_by")}
    return {**values, "created_by": key.created_by.model_dump() if key.created_by else None}


def _scopes(args: argparse.Namespace) -> int:
    """Changes a key's scopes, and says which ones it has."""
    from chalicelib.catalog import credentials

    if both := sorted({*args.add} & {*args.remove}):
        print(f"{both[0]} can't be both given and taken away.", file=sys.stderr)
        return 2
    try:
        key = credentials.change_scopes(args.id, add=args.add, remove=args.remove)
    except credentials.RevokedError:
        print(f"Key {args.id} is revoked. Make a new one with `python -m ops keys create`.", file=sys.stderr)
        return 1
    if key is None:
        return _unknown(args.id)
    if args.json:
        print(json.dumps({"id": key.id, "scopes": key.scopes}))
    else:
        print(f"Key {key.id} of tenant {key.tenant} has {', '.join(key.scopes) or 'no scope'}.")
        if args.add or args.remove:
            print("The change takes effect within a minute.")
    return 0


def _unknown(key_id: str) -> int:
    print(f"No key has the id {key_id}. Run `python -m ops keys list` to see all ids.", file=sys.stderr)
    return 1


def create(tenant: str, name: str = "", scopes: tuple[str, ...] = SCOPES) -> tuple[ApiKey, str]:
    """Makes a key and stores its hash. Returns the record and the key itself, which is stored nowhere.

    Raises
    ------
    ValueError
        The tenant's name is not 1 to 63 lower-case letters, digits and hyphens.
    """
    from chalicelib.catalog import tenants
    from chalicelib.model import TENANT_PATTERN

    if not TENANT_PATTERN.fullmatch(tenant):
        raise ValueError(
            f"{tenant!r} can't be a tenant's name, which has 1 to 63 lower-case letters, digits and hyphens, and no "
            "hyphen first"
        )
    made = _put(tenant, name, scopes)
    tenants.note(tenant)
    return made


def create_operator(name: str = "") -> tuple[ApiKey, str]:
    """Makes an operator key, as `create` makes a tenant's."""
    from chalicelib.catalog.credentials import OPERATOR

    return _put(OPERATOR, name, (str(Scope.TENANTS_ADMIN),))


def _put(tenant: str, name: str, scopes: tuple[str, ...]) -> tuple[ApiKey, str]:
    from chalicelib.catalog import credentials
    from chalicelib.catalog.credentials import hash_key, new_credential
    from chalicelib.model import now, timestamp

    key_id, secret = new_credential()
    key = credentials.ApiKey(key_id, hash_key(secret), tenant, name, scopes, timestamp(now()))
    credentials.put_api_key(key)
    return key, secret
