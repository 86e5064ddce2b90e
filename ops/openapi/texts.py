"""The texts of the OpenAPI document that stand in no route or model: tags, headers, and links between operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ops.openapi.schemas import Schema

INFO: Schema = {
    "title": "Filemill",
    "version": "",
    "summary": "An event-driven file pipeline in your own AWS account.",
    "description": "Times are UTC, RFC 3339 with milliseconds; sizes are bytes; widths and heights pixels. "
    "Every error is an RFC 9457 problem document with a stable `code`. New fields and new codes may come at "
    "any time; what is there stays (docs/api.md, Versions).",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}

# Tag → pattern of its paths. The first pattern that matches the beginning of a path decides.
TAGS = {
    "Upload tokens": r"/v1/upload-tokens",
    "API keys": r"/v1/(keys|me)",
    "Tenants": r"/v1/tenants",
    "Webhooks": r"/v1/webhooks",
    "Uploads": r"/v1/files/{file_id}/(parts|complete)",
    "Share links": r"/v1/files/{file_id}/shares|/s/{token}",
    "Finding files": r"/v1/(search|changes|stats|usage)|/v1/files/batch-get",
    "Files": r"/v1/files",
    "Uppy": r"/s3/",
    "Service": r"/",
}
DESCRIPTIONS = {
    "Files": "One record a file: create it, read it, change it, delete it.",
    "Finding files": "Search, counts, and the feed of changes.",
    "Uploads": "A large file's parts.",
    "Share links": "A page about one file, for people without a credential.",
    "Upload tokens": "What a backend gives a browser, so that it can upload and nothing else.",
    "API keys": "The tenant's API keys: made, changed, rotated and deleted by one of them. Who am I.",
    "Webhooks": "Events are sent to your own server as they happen, signed by Standard Webhooks.",
    "Uppy": "What `@uppy/aws-s3` asks of a server, on the same uploads.",
    "Tenants": "For operators of a stage, with an operator key: its tenants and their settings.",
    "Service": "The API itself.",
}
ORDER = tuple(DESCRIPTIONS)

SECURITY_SCHEMES: dict[str, Schema] = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "fm_…",
        "description": "An API key, with one or more of the scopes `files:read`, `files:write`, `events:read`, "
        "`webhooks:admin` and `keys:admin`. It decides the tenant. Never in a browser. An operator key has no tenant "
        "and the scope `tenants:admin` only.",
    },
    "signInToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of an OpenID Connect issuer that the stage's operator has set up. The operator decides "
        "how its claims become a tenant, scopes and the owner of files. A stage without issuers refuses it.",
    },
    "uploadToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "fmu_…",
        "description": "What a backend gave a browser (`POST /v1/upload-tokens`): for its own uploads.",
    },
    "uploadCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "filemill_upload",
        "description": "An upload token in the cookie that `POST /s3/session` sets.",
    },
}

# Path parameters by name. `file_id` is not here: its schema comes from the API.
PATH_PARAMETERS: dict[str, Schema] = {
    "upload_id": {"schema": {"type": "string", "minLength": 1, "maxLength": 1024}, "description": "S3's upload id"},
    "part_number": {"schema": {"type": "integer", "minimum": 1, "maximum": 10_000}},
    "token_id": {
        "schema": {"type": "string", "pattern": "^[0-9a-f]{12}$"},
        "example": "0123456789ab",
        "description": "The token's `id`",
    },
    "key_id": {
        "schema": {"type": "string", "pattern": "^[0-9a-f]{12}$"},
        "example": "0123456789ab",
        "description": "The key's `id`: the part between `fm_` and the next `_`",
    },
    "tenant": {
        "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
        "example": "acme",
        "description": "The tenant's name",
    },
    "webhook_id": {
        "schema": {"type": "string", "pattern": "^wh_[0-9A-HJKMNP-TV-Z]{26}$"},
        "example": "wh_01KAP3Y5ZD4Q8R2V7W9XABCDEF",
        "description": "The webhook's `id`",
    },
    "event_id": {
        "schema": {"type": "string", "pattern": "^evt_[0-9A-Za-z_]{1,100}$"},
        "example": "evt_file_01KAP3Y5ZD4Q8R2V7W9XABCDEF_3",
        "description": "The event's `id`",
    },
    "language": {
        "schema": {"type": "string", "pattern": "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", "maxLength": 35},
        "example": "en",
        "description": "The captions' `language`",
    },
    "share_id": {
        "schema": {"type": "string", "pattern": "^shr_[0-9a-f]{18}$"},
        "example": "shr_030123456789abcdef",
        "description": "The link's `id`",
    },
    "token": {
        "schema": {"type": "string", "pattern": "^[0-9A-Za-z_-]{60}$"},
        "example": "01KAP3Y5ZD4Q8R2V7W9XABCDEF03hQv8mJt2Lk0sYw4ZcXn7Bd6Pf1Rg5VaQ",
        "description": "The last part of the link",
    },
    "asset": {"schema": {"type": "string", "pattern": r"^[a-z0-9.-]+$"}},
}

REQUEST_HEADERS: dict[str, Schema] = {
    "Idempotency-Key": {
        "description": "Sent again with the same body within 24 hours, the request gets the same answer.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "If-Match": {
        "description": "The record's `ETag`: the request is refused if it is another by now. `*` is any.",
        "schema": {"type": "string"},
        "example": '"3-0f5d3c1b2a497e68"',
    },
    "If-None-Match": {
        "description": "An `ETag` that the client has: the answer is 304 without a body while it is the same.",
        "schema": {"type": "string"},
        "example": '"3-0f5d3c1b2a497e68"',
    },
}

RESPONSE_HEADERS: dict[str, Schema] = {
    "Cache-Control": {"schema": {"type": "string"}},
    "ETag": {"description": "Names this state; for `If-Match` and `If-None-Match`.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "The answer was given before, to the same `Idempotency-Key`.",
        "schema": {"const": "true"},
    },
    "Location": {"description": "The address of what was made.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}},
    "X-Request-Id": {"description": "Finds the request in the logs.", "schema": {"type": "string"}},
}

# What a client can call next: (operation, status of its answer) → [(operations, their parameters)].
FILE_LINK = {"file_id": "$response.body#/id"}

FILE_LINKS = ("get_file", "patch_file", "delete_file", "reprocess_file")

PART_LINKS = ("list_parts", "sign_parts", "complete_upload")

UPPY_LINKS = ("uppy_list_parts", "uppy_sign_batch", "uppy_complete", "uppy_abort")

UPPY_LINK = {"upload_id": "$response.body#/uploadId", "key": "$response.body#/key"}

WEBHOOK_LINKS = (
    *("get_webhook", "patch_webhook", "delete_webhook", "rotate_webhook_secret"),
    *("send_test_event", "list_deliveries", "replay_events"),
)

WEBHOOK_LINK = {"webhook_id": "$response.body#/id"}

KEY_LINKS = ("get_key", "patch_key", "rotate_key", "delete_key")

KEY_LINK = {"key_id": "$response.body#/id"}

LINKS: dict[tuple[str, int], list[tuple[Iterable[str], Mapping[str, str]]]] = {
    ("create_file", 201): [(FILE_LINKS + PART_LINKS, FILE_LINK)],
    ("patch_file", 200): [(("get_file", "patch_file", "delete_file"), FILE_LINK)],
    ("reprocess_file", 200): [(("get_file",), FILE_LINK)],
    ("restore_file", 200): [(("get_file", "patch_file", "delete_file"), FILE_LINK)],
    ("list_files", 200): [
        (("get_file",), {"file_id": "$response.body#/items/0/id"}),
        (("list_files",), {"cursor": "$response.body#/next_cursor"}),
    ],
    ("list_entries", 200): [(("list_entries",), {"cursor": "$response.body#/next_cursor"})],
    ("list_changes", 200): [(("list_changes",), {"after": "$response.body#/next_after"})],
    ("create_key", 201): [(KEY_LINKS, KEY_LINK)],
    ("list_keys", 200): [
        (("get_key",), {"key_id": "$response.body#/items/0/id"}),
        (("list_keys",), {"cursor": "$response.body#/next_cursor"}),
    ],
    ("list_tenants", 200): [
        (("get_tenant",), {"tenant": "$response.body#/items/0/name"}),
        (("list_tenants",), {"cursor": "$response.body#/next_cursor"}),
    ],
    ("list_upload_tokens", 200): [
        (("revoke_upload_token",), {"token_id": "$response.body#/items/0/id"}),
        (("list_upload_tokens",), {"cursor": "$response.body#/next_cursor"}),
    ],
    ("create_webhook", 201): [(WEBHOOK_LINKS, WEBHOOK_LINK)],
    ("list_webhooks", 200): [(("get_webhook",), {"webhook_id": "$response.body#/items/0/id"})],
    ("send_test_event", 202): [
        (
            ("get_delivery", "retry_delivery"),
            {"webhook_id": "$response.body#/subject", "event_id": "$response.body#/id"},
        )
    ],
    ("list_deliveries", 200): [(("list_deliveries",), {"cursor": "$response.body#/next_cursor"})],
    ("uppy_create_multipart", 200): [(UPPY_LINKS, UPPY_LINK)],
}


def header(name: str) -> Schema:
    return {"$ref": f"#/components/headers/{name}"}
