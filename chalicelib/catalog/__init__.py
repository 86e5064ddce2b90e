"""DynamoDB: the only room that knows keys, indexes and expressions. docs/scale.md lists the access patterns."""

from chalicelib.catalog.changes import ChangesPage, FileChange, Positions, changes
from chalicelib.catalog.credentials import (
    ApiKey,
    api_keys,
    get_api_key,
    get_token,
    put_api_key,
    put_token,
    revoke_api_key,
)
from chalicelib.catalog.edits import change, cleared, reprocess, restore, retire, tombstone
from chalicelib.catalog.files import (
    Refusal,
    Refused,
    TokenSpentError,
    as_file,
    batch_get,
    claim,
    create,
    fail,
    fail_import,
    finish,
    get,
    mark_deleted,
    mark_purged,
    older,
    release,
    with_sha256,
)
from chalicelib.catalog.idempotency import Remembered, RepeatedError, remembered
from chalicelib.catalog.index import Change, ContendedError, index
from chalicelib.catalog.listing import ListQuery, Page, UnservedQueryError, list_files
from chalicelib.catalog.postings import split_words
from chalicelib.catalog.search import MAX_QUERY_WORDS, Found, search
from chalicelib.catalog.stats import Count, Stats, stats
from chalicelib.catalog.tenants import Tenant, get_tenant, put_tenant

__all__ = [
    "MAX_QUERY_WORDS",
    "ApiKey",
    "Change",
    "ChangesPage",
    "ContendedError",
    "Count",
    "FileChange",
    "Found",
    "ListQuery",
    "Page",
    "Positions",
    "Refusal",
    "Refused",
    "Remembered",
    "RepeatedError",
    "Stats",
    "Tenant",
    "TokenSpentError",
    "UnservedQueryError",
    "api_keys",
    "as_file",
    "batch_get",
    "change",
    "changes",
    "claim",
    "cleared",
    "create",
    "fail",
    "fail_import",
    "finish",
    "get",
    "get_api_key",
    "get_tenant",
    "get_token",
    "index",
    "list_files",
    "mark_deleted",
    "mark_purged",
    "older",
    "put_api_key",
    "put_tenant",
    "put_token",
    "release",
    "remembered",
    "reprocess",
    "restore",
    "retire",
    "revoke_api_key",
    "search",
    "split_words",
    "stats",
    "tombstone",
    "with_sha256",
]
