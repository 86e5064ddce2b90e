"""API keys and upload tokens: their form, and how one is found by its id."""

from __future__ import annotations

import re

from chalicelib.catalog import credentials
from chalicelib.catalog.credentials import ApiKey
from chalicelib.model import UploadToken

CREDENTIAL = re.compile(r"(fmu?)_([0-9a-f]{12})_[0-9a-f]{48}")


def find(name: str) -> ApiKey | UploadToken | None:
    """The key or token of a name such as `fm_0123456789ab`: one read of the table; None when there is none."""
    prefix, _, credential_id = name.partition("_")
    return credentials.get_api_key(credential_id) if prefix == "fm" else credentials.get_token(credential_id)
