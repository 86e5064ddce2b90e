"""`python -m ops keys create|list|revoke`: a stage's API keys."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ops.config import load_stage

if TYPE_CHECKING:
    from chalicelib.catalog.credentials import ApiKey

SCOPES = ("files:read", "files:write")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    create = verbs.add_parser("create", help="make a key; it is shown once")
    create.add_argument("--tenant", required=True, help="whose files the key opens: lower-case letters, digits, -")
    create.add_argument("--name", default="", help="a note for people: who uses it")
    create.add_argument("--scope", action="append", choices=SCOPES, help="repeatable; all scopes when left out")
    show = verbs.add_parser("list", help="every key of the stage, without the keys themselves")
    revoke = verbs.add_parser("revoke", help="end a key; it stops within a minute")
    revoke.add_argument("id", help="the key's id: the part between fm_ and the next _")
    for verb in (create, show, revoke):
        verb.add_argument("--stage", required=True)
        verb.add_argument("--project-dir", type=Path, default=Path())
        verb.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    os.environ.update(load_stage(args.project_dir, args.stage))
    from chalicelib.catalog import credentials

    match args.verb:
        case "create":
            try:
                key, secret = create(args.tenant, args.name, tuple(args.scope or SCOPES))
            except ValueError as error:
                print(f"Not made: {error}.", file=sys.stderr)
                return 2
            print(json.dumps({"id": key.id, "key": secret}) if args.json else secret)
            print("Keep it: it is not shown again.", file=sys.stderr)
        case "list":
            keys = sorted(credentials.api_keys(), key=lambda k: k.created_at)
            if args.json:
                print(json.dumps([{n: v for n, v in asdict(k).items() if n != "hash"} for k in keys]))
            for k in [] if args.json else keys:
                state = f"revoked {k.revoked_at}" if k.revoked_at else "active"
                print(f"{k.id}  {k.tenant:20}  {','.join(k.scopes):24}  {k.created_at}  {state}  {k.name}")
        case "revoke":
            revoked = credentials.revoke_api_key(args.id)
            if revoked is None:
                print(f"No key has the id {args.id}. `python -m ops keys list` shows them.", file=sys.stderr)
                return 1
            print(f"Key {revoked.id} of tenant {revoked.tenant} is revoked; it stops within a minute.")
    return 0


def create(tenant: str, name: str = "", scopes: tuple[str, ...] = SCOPES) -> tuple[ApiKey, str]:
    """Makes a key and stores its hash; gives the record and the key itself, which is kept nowhere.

    Raises ValueError for a tenant that is not 1 to 63 lower-case letters, digits and hyphens.
    """
    from chalicelib.catalog import credentials
    from chalicelib.catalog.credentials import hash_key, new_credential
    from chalicelib.model import TENANT_PATTERN, now, timestamp

    if not TENANT_PATTERN.fullmatch(tenant):
        raise ValueError("a tenant is 1 to 63 lower-case letters, digits and hyphens, and starts with no hyphen")
    key_id, secret = new_credential()
    key = credentials.ApiKey(key_id, hash_key(secret), tenant, name, scopes, timestamp(now()))
    credentials.put_api_key(key)
    return key, secret
