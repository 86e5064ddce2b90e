"""`python -m ops webhooks list|disable`: shows a stage's webhooks, and stops one that does harm."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.model import timestamp
from chalicelib.text import has_controls
from ops.config import add_stage_arguments, load_stage
from ops.errors import OpsError

if TYPE_CHECKING:
    from chalicelib.catalog.webhooks import Webhook

EXAMPLES = (
    "webhooks list --stage prod",
    "webhooks list --stage prod --tenant acme",
    'webhooks disable --stage prod wh_01KAP3Y5ZD4Q8R2V7W9XABCDEF --reason "It floods a customer"',
    "webhooks disable --stage prod --tenant acme",
)

MAX_REASON = 200  # characters
REASON = "The operator has disabled it."

# Pending deliveries that are counted for each webhook. One that has more is shown with a `+`.
COUNTED = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{list,disable}")
    show = verbs.add_parser(
        "list",
        help="list the webhooks",
        description="List webhooks with the hosts of their URLs, which may hold secrets of their tenants.",
    )
    disable = verbs.add_parser(
        "disable",
        help="send no more events to webhooks",
        description="Disable webhooks, by id, or all of a tenant. Their tenant reads the reason, and can enable them.",
    )
    disable.add_argument("id", nargs="*", help="id of a webhook")
    disable.add_argument("--reason", default=REASON, help=f"a sentence for the tenant (default: {REASON!r})")
    for verb in (show, disable):
        verb.add_argument("--tenant", help="only webhooks of this tenant")
        add_stage_arguments(verb)
        verb.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    os.environ.update(load_stage(args.project_dir, args.stage))
    if args.verb == "disable":
        return _disable(args)
    rows = [_row(webhook) for webhook in _chosen(args.tenant)]
    if args.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        state = "enabled" if row["enabled"] else f"disabled {row['disabled_at']}: {row['disabled_reason']}"
        more = "+" if row["pending"] == COUNTED else ""
        failing = f"failing since {row['failing_since']}" if row["failing_since"] else ""
        print(f"{row['id']}  {row['tenant']:20}  {row['host']:30}  {row['pending']}{more} pending  {state}  {failing}")
    if not rows:
        print("There are no webhooks.")
    return 0


def _chosen(tenant: str | None) -> list[Webhook]:
    from chalicelib.catalog import webhooks

    return webhooks.of_tenant(tenant) if tenant else webhooks.of_stage()


def _row(webhook: Webhook) -> dict[str, Any]:
    """A webhook as an operator sees it."""
    from chalicelib.catalog import webhook_deliveries, webhook_states

    health = webhook_states.get(webhook.id)
    since = health.failing_since if health else None
    return {
        "id": webhook.id,
        "tenant": webhook.tenant,
        "host": urlsplit(webhook.url).hostname,
        "enabled": webhook.enabled,
        "disabled_reason": webhook.disabled_reason,
        "disabled_at": timestamp(webhook.disabled_at) if webhook.disabled_at else None,
        "failing_since": timestamp(since) if since else None,
        "pending": len(webhook_deliveries.due(webhook.id, COUNTED)),
    }


def _disable(args: argparse.Namespace) -> int:
    from chalicelib.catalog import webhooks

    if not args.id and not args.tenant:
        raise OpsError("Name webhooks by their ids, or a tenant with --tenant. `ops webhooks list` shows both.")
    if not 0 < len(args.reason) <= MAX_REASON or has_controls(args.reason):
        raise OpsError(f"--reason must be a sentence of at most {MAX_REASON} characters.")
    known = {webhook.id: webhook for webhook in _chosen(args.tenant)}
    if missing := [each for each in args.id if each not in known]:
        raise OpsError(f"There is no webhook {missing[0]}, so nothing was changed. `ops webhooks list` shows all ids.")
    wanted = [known[each] for each in args.id] or list(known.values())
    done = [each for each in wanted if webhooks.disable(each.tenant, each.id, args.reason)]
    if args.json:
        print(json.dumps({"disabled": [each.id for each in done]}))
        return 0
    for each in wanted:
        print(f"{each.id} of tenant {each.tenant} is disabled{'' if each in done else ' already'}.")
    if not wanted:
        print("There are no webhooks.")
    return 0
