"""Examples of the OpenAPI document: what a client sends and gets. A test holds each to its model."""

from __future__ import annotations

from typing import Any

REQUEST_ID = "1f6b7c1e-6f1b-4b6b-9a55-0b6f1f0f3c11"
FILE_ID = "file_01KAP3Y5ZD4Q8R2V7W9XABCDEF"
OTHER_ID = "file_01KAP3Y5ZD4Q8R2V7W9XABCDEG"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

# Body's model → what it is an example of → the body.
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
    "UppyFile": {"A film": {"filename": "film.mov", "type": "video/quicktime", "metadata": {"album": "Lisbon"}}},
    "UppyParts": {"One part": {"parts": [{"PartNumber": 1, "ETag": '"a1"'}]}},
    "SignRequest": {
        "A new file": {"method": "PUT", "key": "0d3f4b0c-8a3e-4f0a-9d43-0a0f3f8a4b1e-a.jpg", "filename": "a.jpg"}
    },
}

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
            "url": f"https://d111.cloudfront.net/f/private/{FILE_ID}/1c9e0a7b5d3f2468/w640.webp?Expires=1764000000",
        }
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

# Answer's model → an answer.
ANSWERS: dict[str, Any] = {
    "FileResource": FILE,
    "PartialFile": FILE,
    "FilePage": {"items": [FILE], "next_cursor": None},
    "CreatedFileResource": {
        **_NEW,
        "upload": {
            "method": "POST",
            "url": "https://filemill-originals.s3.eu-west-1.amazonaws.com/",
            "fields": {"key": f"acme/{FILE_ID}", "policy": "eyJ…", "Content-Type": "image/jpeg"},
            "expires_at": "2026-11-22T13:00:00.000Z",
        },
    },
    "Health": {"status": "ok", "stage": "prod"},
}
