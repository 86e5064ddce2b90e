"""The examples in the OpenAPI document: bodies and answers. A test checks each of them against its model."""

from __future__ import annotations

from typing import Any

REQUEST_ID = "1f6b7c1e-6f1b-4b6b-9a55-0b6f1f0f3c11"
FILE_ID = "file_01KAP3Y5ZD4Q8R2V7W9XABCDEF"
OTHER_ID = "file_01KAP3Y5ZD4Q8R2V7W9XABCDEG"
WEBHOOK_ID = "wh_01KAP3Y5ZD4Q8R2V7W9XABCDEF"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

# Model of a body → title of the example → the body.
BODIES: dict[str, dict[str, Any]] = {
    "CreateFile": {
        "A picture": {
            "filename": "IMG 1.jpg",
            "content_type": "image/jpeg",
            "size": 2766997,
            "sha256": SHA256,
            "tags": ["cats"],
            "metadata": {"album": "Lisbon"},
        },
        "A large file, in parts": {
            "filename": "film.mov",
            "content_type": "video/quicktime",
            "size": 5_000_000_000,
            "recipe": "original-only",
        },
        "From a URL": {"source_url": "https://example.com/a.jpg", "visibility": "public"},
    },
    "PatchFile": {"Other tags, another name": {"filename": "Lisbon.jpg", "tags": ["cats", "Lisbon"]}},
    "Reprocess": {"With another recipe": {"recipe": "avatar"}},
    "AddCaptions": {
        "In English, as SubRip": {
            "language": "en",
            "label": "English",
            "default": True,
            "text": "1\n00:00:01,000 --> 00:00:02,500\nGood morning.\n",
        }
    },
    "CreateGrant": {"For an hour, as cookies": {"expires_in": 3600, "cookie_domain": "cloudfront.net"}},
    "CreateShare": {"For a day, with a password": {"expires_in": 86_400, "password": "open sesame", "max_views": 10}},
    "CreateGrants": {"Two files": {"ids": [FILE_ID, OTHER_ID]}},
    "BatchGet": {"Two files": {"ids": [FILE_ID, OTHER_ID]}},
    "SignParts": {
        "By number": {"part_numbers": [11, 12]},
        "With checksums": {"parts": [{"part_number": 11, "sha256": SHA256}]},
    },
    "CompleteUpload": {"Two parts": {"parts": [{"part_number": 1, "etag": "a1"}, {"part_number": 2, "etag": "b2"}]}},
    "CreateUploadToken": {
        "For a profile picture": {
            "max_bytes": 20_000_000,
            "content_types": ["image/*"],
            "tags": ["avatars"],
            "recipe": "avatar",
            "visibility": "public",
        }
    },
    "CreateKey": {
        "For a web shop": {"name": "the web shop", "scopes": ["files:read", "files:write"]},
        "For a time, from one network": {
            "name": "the importer",
            "scopes": ["files:write"],
            "expires_at": "2030-11-22T12:00:00Z",
            "networks": ["203.0.113.0/24"],
        },
    },
    "PatchKey": {
        "Another name": {"name": "the old shop"},
        "From everywhere, for ever": {"expires_at": None, "networks": None},
    },
    "RotateKey": {"With a day to change it": {"overlap": 86400}},
    "PutTenant": {
        "With the stage's settings": {},
        "With bounds": {"quotas": {"stored_bytes": 1_000_000_000_000, "files": 1_000_000}},
    },
    "PatchTenant": {
        "Suspend it": {"suspended": True},
        "Another quota": {"quotas": {"files": None, "renders_per_day": 1000}},
    },
    "CreateWebhook": {
        "All events of files": {"url": "https://example.com/hooks/filemill"},
        "Pictures that are ready": {
            "url": "https://example.com/hooks/filemill",
            "types": ["filemill.file.ready", "filemill.file.failed"],
            "kinds": ["image"],
            "tags": ["avatars"],
        },
    },
    "PatchWebhook": {
        "Other filters": {"types": ["filemill.file.deleted"], "filename_prefix": None},
        "Again, with what was missed": {"enabled": True, "replay": True},
    },
    "RotateSecret": {"With a day to change it": {"overlap": 86400}},
    "ReplayEvents": {
        "Since a moment": {"since": "2026-11-22T12:00:00Z"},
        "Of one type": {"since": "2026-11-22T12:00:00Z", "types": ["filemill.file.ready"]},
    },
    "UppyFile": {"A film": {"filename": "film.mov", "type": "video/quicktime", "metadata": {"album": "Lisbon"}}},
    "UppyParts": {"One part": {"parts": [{"PartNumber": 1, "ETag": '"a1"'}]}},
    "SignRequest": {
        "A new file": {"method": "PUT", "key": "0d3f4b0c-8a3e-4f0a-9d43-0a0f3f8a4b1e-a.jpg", "filename": "a.jpg"}
    },
}

BASE_URL = f"https://d111.cloudfront.net/f/private/{FILE_ID}/1c9e0a7b5d3f2468-7d3a9e4f1b2c6058/"
_SIGNED = "Signature=MEUCIQDx…&Key-Pair-Id=K2JCJMDEHXQW5F&Hash-Algorithm=SHA256"
_QUERY = f"Policy=eyJTdGF0ZW1lbnQ…&{_SIGNED}"

FILE: dict[str, Any] = {
    "id": FILE_ID,
    "status": "ready",
    "kind": "image",
    "filename": "IMG 1.jpg",
    "content_type": "image/jpeg",
    "size": 2766997,
    "sha256": SHA256,
    "visibility": "private",
    "recipe": "photo",
    "tags": ["cats"],
    "metadata": {"album": "Lisbon"},
    "focus": None,
    "revision": 3,
    "created_at": "2026-11-22T12:00:00.000Z",
    "updated_at": "2026-11-22T12:00:03.125Z",
    "expires_at": None,
    "error": None,
    "image": {
        "width": 3024,
        "height": 4032,
        "format": "jpeg",
        "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
        "dominant_color": "#a1b2c3",
        "exif": {"Model": "Pixel 9"},
        "frames": 1,
        "megapixels": 12.2,
        "color_space": "sRGB",
        "has_alpha": False,
        "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        "palette": ["#a1b2c3", "#0f1a20"],
        "phash": "c3d2e1f0a5b49687",
        "sharpness": 0.61,
        "artist": None,
        "copyright": None,
        "caption": "A cat on a wall",
    },
    "source_url": None,
    "renditions": [
        {
            "name": "w640",
            "format": "webp",
            "content_type": "image/webp",
            "width": 640,
            "height": 853,
            "size": 48211,
            "url": f"https://d111.cloudfront.net/f/private/{FILE_ID}/1c9e0a7b5d3f2468/w640.webp?Expires=1795780800&{_SIGNED}",
        }
    ],
}

_BRIEF_IMAGE = ("width", "height", "format", "thumbhash", "dominant_color", "frames", "has_alpha")
_LISTED = {
    **{name: value for name, value in FILE.items() if name not in ("focus", "source_url")},
    "image": {name: FILE["image"][name] for name in _BRIEF_IMAGE},
    "renditions": [
        {name: value for name, value in each.items() if name != "content_type"} for each in FILE["renditions"]
    ],
}

_NEW = {
    **FILE,
    "status": "awaiting_upload",
    "kind": None,
    "revision": 1,
    "updated_at": "2026-11-22T12:00:00.000Z",
    "expires_at": "2026-11-22T13:00:00.000Z",
    "image": None,
    "renditions": [],
}

_COOKIE = f"; Path=/f/private/{FILE_ID}/; Max-Age=3600; Domain=cloudfront.net; Secure; HttpOnly; SameSite=Lax"
_GRANT = {
    "id": FILE_ID,
    "base_url": BASE_URL,
    "resource": f"https://d111.cloudfront.net/f/private/{FILE_ID}/*",
    "query": _QUERY,
    "cookies": [f"CloudFront-{parameter}{_COOKIE}" for parameter in _QUERY.split("&")],
    "expires_at": "2026-11-22T13:00:00.000Z",
}

_WEBHOOK = {
    "id": WEBHOOK_ID,
    "url": "https://example.com/hooks/filemill",
    "types": ["filemill.file.ready", "filemill.file.failed"],
    "kinds": ["image"],
    "tags": ["avatars"],
    "filename_prefix": None,
    "enabled": True,
    "disabled_reason": None,
    "disabled_at": None,
    "created_at": "2026-11-22T12:00:00.000Z",
    "updated_at": "2026-11-22T12:00:00.000Z",
    "created_by": {"type": "key", "id": "0123456789ab"},
    "earlier_secrets_until": None,
}
_KEY = {
    "id": "0123456789ab",
    "name": "the web shop",
    "scopes": ["files:read", "files:write"],
    "networks": [],
    "expires_at": None,
    "created_at": "2026-11-22T12:00:00.000Z",
    "created_by": {"type": "key", "id": "ba9876543210"},
    "last_used_at": "2026-11-23T09:00:00.000Z",
    "earlier_secrets_until": None,
}
_TENANT = {
    "name": "acme",
    "default_recipe": "photo",
    "unscannable": None,
    "suspended": False,
    "quotas": {"stored_bytes": 1_000_000_000_000},
}
_ATTEMPT = {"at": "2026-11-22T12:00:03.412Z", "ms": 87, "status": 200, "error": None}
_DELIVERY: dict[str, Any] = {
    "id": f"evt_{FILE_ID}_3",
    "type": "filemill.file.ready",
    "time": "2026-11-22T12:00:03.125Z",
    "subject": FILE_ID,
    "revision": 3,
    "state": "delivered",
    "attempts": [_ATTEMPT],
    "next_attempt_at": None,
}

# Model of an answer → the answer.
ANSWERS: dict[str, Any] = {
    "GrantResource": _GRANT,
    "GrantList": {"items": [_GRANT]},
    "PartialFile": FILE,
    "FilePage": {"items": [_LISTED], "next_cursor": None},
    "ChangedFile": FILE,
    "CreatedFile": {
        **_NEW,
        "upload": {
            "method": "POST",
            "url": "https://filemill-originals.s3.eu-west-1.amazonaws.com/",
            "fields": {"key": f"acme/{FILE_ID}", "policy": "eyJ…", "Content-Type": "image/jpeg"},
            "expires_at": "2026-11-22T13:00:00.000Z",
        },
    },
    "KeyWithSecretResource": {**_KEY, "key": f"fm_0123456789ab_{'0' * 48}", "last_used_at": None},
    "KeyResource": _KEY,
    "KeyPage": {"items": [_KEY], "next_cursor": None},
    "TenantResource": _TENANT,
    "TenantPage": {"items": [_TENANT], "next_cursor": None},
    "WebhookWithSecretResource": {**_WEBHOOK, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="},
    "WebhookResource": _WEBHOOK,
    "WebhookList": {"items": [_WEBHOOK]},
    "WebhookDeliveryResource": {**_DELIVERY, "attempts": [{**_ATTEMPT, "answer": "ok"}]},
    "DeliveryPage": {"items": [_DELIVERY], "next_cursor": None},
    "ReplayResource": {"since": "2026-11-22T12:00:00.000Z", "types": []},
    "Health": {"status": "ok", "stage": "prod"},
}
