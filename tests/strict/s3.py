"""S3's rules for requests, for addresses and forms that are signed, and for lifecycles, by its documentation."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from moto.s3 import models

from tests.strict.rules import Params, Request, rule

KB, MB, GB = 1024, 1024**2, 1024**3

GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"
API = "https://docs.aws.amazon.com/AmazonS3/latest/API"
LIMITS = f"{GUIDE}/qfacts.html"

# Not operations of S3's: an address that is signed for somebody, and a form.
ADDRESS, FORM = "PresignedAddress", "PresignedForm"

WEEK = 604_800

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def size_of(body: Any) -> int | None:
    """Bytes of a body; None if it is a stream."""
    return len(body.encode() if isinstance(body, str) else body) if isinstance(body, bytes | bytearray | str) else None


@rule("s3", "a key has 1 to 1,024 bytes of UTF-8", source=f"{GUIDE}/object-keys.html")
def _keys(request: Request) -> Iterator[str]:
    keys = [request.params[name] for name in ("Key",) if name in request.params]
    keys += [each["Key"] for each in request.params.get("Delete", {}).get("Objects", [])]
    for key in keys:
        if not 1 <= len(key.encode()) <= 1024:
            yield f"a key has {len(key.encode())} bytes"


@rule("s3", "a bucket's name has 3 to 63 lower-case letters, digits, . and -", source=f"{GUIDE}/bucketnamingrules.html")
def _buckets(request: Request) -> Iterator[str]:
    bucket = request.params.get("Bucket")
    if bucket is not None and not re.fullmatch(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        yield f"the name is {bucket!r}"


@rule("s3", "metadata has at most 2 KB", source=f"{GUIDE}/UsingMetadata.html")
def _metadata(request: Request) -> Iterator[str]:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in request.params.get("Metadata", {}).items())
    if size > 2 * KB:
        yield f"it has {size} bytes"


@rule(
    "s3",
    "an object has at most 10 tags, each once, with a key of 1 to 128 and a value of at most 256 characters",
    source=f"{GUIDE}/object-tagging.html",
)
def _tags(request: Request) -> Iterator[str]:
    tagging = request.params.get("Tagging")
    if tagging is None:
        return
    pairs = (
        parse_qsl(tagging, keep_blank_values=True)
        if isinstance(tagging, str)
        else [(tag["Key"], tag["Value"]) for tag in tagging["TagSet"]]
    )
    if len(pairs) > 10 or len({name for name, _ in pairs}) < len(pairs):
        yield f"they are {pairs}"
    for name, value in pairs:
        if not 1 <= len(name) <= 128 or len(value) > 256 or name.lower().startswith("aws:"):
            yield f"a tag is {name!r}: {value!r}"


# --- uploads in parts

# Bytes of each part that was sent, by upload and number.
_parts: dict[str, dict[int, int]] = defaultdict(dict)


@rule("s3", "parts have the numbers 1 to 10,000, and at most 5 GiB", "UploadPart", "UploadPartCopy", source=LIMITS)
def _part_numbers(request: Request) -> Iterator[str]:
    params = request.params
    if not 1 <= params["PartNumber"] <= 10_000:
        yield f"PartNumber is {params['PartNumber']}"
    size = params.get("ContentLength", size_of(params.get("Body")))
    if size is not None:
        _parts[params["UploadId"]][params["PartNumber"]] = size
        if size > 5 * GB:
            yield f"the part has {size} bytes"


@rule(
    "s3", "an upload ends with 1 to 10,000 parts in order, each with an ETag", "CompleteMultipartUpload", source=LIMITS
)
def _completed(request: Request) -> Iterator[str]:
    if request.signed and "MultipartUpload" not in request.params:
        return
    numbers = [part["PartNumber"] for part in request.params.get("MultipartUpload", {}).get("Parts", [])]
    if not 1 <= len(numbers) <= 10_000 or numbers != sorted(set(numbers)):
        yield f"the parts are {numbers[:20]}"
    if not all(part.get("ETag") for part in request.params.get("MultipartUpload", {}).get("Parts", [])):
        yield "a part has no ETag"


@rule("s3", "each part but the last has 5 MiB or more", "CompleteMultipartUpload", source=LIMITS)
def _part_sizes(request: Request) -> Iterator[str]:
    sizes = _parts.get(request.params["UploadId"], {})
    numbers = [part["PartNumber"] for part in request.params.get("MultipartUpload", {}).get("Parts", [])]
    # The tests of faults make parts small, and tell moto so. Elsewhere this is 5 MiB.
    least: int = vars(models)["S3_UPLOAD_PART_MIN_SIZE"]
    if small := [number for number in numbers[:-1] if sizes.get(number, least) < least]:
        yield f"the parts {small} are too small"


# --- objects


@rule("s3", "one request puts at most 5 GiB", "PutObject", source=LIMITS)
def _put_sizes(request: Request) -> Iterator[str]:
    size = request.params.get("ContentLength", size_of(request.params.get("Body")))
    if size is not None:
        _stored[request.params["Bucket"], request.params["Key"]] = size
        if size > 5 * GB:
            yield f"it has {size} bytes"


# Bytes of each object that was put, by bucket and key.
_stored: dict[tuple[str, str], int] = {}


def source_of(params: Params) -> tuple[str, str] | None:
    """(bucket, key) of what is copied; None if that is not written as S3 reads it."""
    source = params["CopySource"]
    if isinstance(source, str):
        bucket, _, key = source.lstrip("/").partition("?")[0].partition("/")
        return (bucket, key) if bucket and key else None
    return (source["Bucket"], source["Key"]) if source.get("Bucket") and source.get("Key") else None


@rule(
    "s3",
    "a copy names its source as bucket and key, and is another object",
    "CopyObject",
    source=f"{API}/API_CopyObject.html",
)
def _copies(request: Request) -> Iterator[str]:
    params = request.params
    source = source_of(params)
    if source is None:
        yield f"the source is {params['CopySource']!r}"
    replaced = params.get("MetadataDirective") == "REPLACE" or "StorageClass" in params
    versioned = isinstance(params["CopySource"], Mapping) and params["CopySource"].get("VersionId")
    if source == (params["Bucket"], params["Key"]) and not replaced and not versioned:
        yield "an object is copied to itself, and nothing changes"


@rule("s3", "CopyObject copies at most 5 GiB", "CopyObject", source=f"{API}/API_CopyObject.html")
def _copy_sizes(request: Request) -> Iterator[str]:
    source = source_of(request.params)
    if source and _stored.get(source, 0) > 5 * GB:
        yield f"{source} has {_stored[source]} bytes"


@rule("s3", "DeleteObjects takes 1 to 1,000 keys", "DeleteObjects", source=f"{API}/API_DeleteObjects.html")
def _deletes(request: Request) -> Iterator[str]:
    count = len(request.params["Delete"]["Objects"])
    if not 1 <= count <= 1000:
        yield f"it has {count}"


@rule(
    "s3",
    "the range of a part that is copied is bytes=FIRST-LAST, with both",
    "UploadPartCopy",
    source=f"{API}/API_UploadPartCopy.html",
)
def _copied_ranges(request: Request) -> Iterator[str]:
    text = request.params.get("CopySourceRange")
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", text) if text is not None else None
    if text is not None and (not found or int(found[1]) > int(found[2])):
        yield f"the range is {text!r}"


@rule("s3", "a range is bytes=FIRST-LAST", "GetObject", "HeadObject", source=f"{API}/API_GetObject.html")
def _ranges(request: Request) -> Iterator[str]:
    text = request.params.get("Range")
    if text is None:
        return
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", text)
    if not found or not (found[1] or found[2]) or (found[1] and found[2] and int(found[1]) > int(found[2])):
        yield f"the range is {text!r}"


HEADERS = (
    *("ContentType", "ContentDisposition", "ContentEncoding", "ContentLanguage", "CacheControl"),
    *("ResponseContentType", "ResponseContentDisposition", "ResponseCacheControl", "ResponseContentEncoding"),
)


@rule(
    "s3",
    "headers have no control characters, and only those of Latin-1",
    source="https://www.rfc-editor.org/rfc/rfc9110.html#section-5.5",
)
def _headers(request: Request) -> Iterator[str]:
    for name, value in [*((n, request.params.get(n)) for n in HEADERS), *request.params.get("Metadata", {}).items()]:
        if isinstance(value, str) and (_CONTROL.search(value) or not value.isprintable() or _is_wide(value)):
            yield f"{name} is {value!r}"


def _is_wide(value: str) -> bool:
    return any(ord(character) > 255 for character in value)


CHECKSUMS = {
    "ContentMD5": 16,
    "ChecksumCRC32": 4,
    "ChecksumCRC32C": 4,
    "ChecksumCRC64NVME": 8,
    "ChecksumSHA1": 20,
    "ChecksumSHA256": 32,
}


@rule("s3", "a checksum is the Base64 of its bytes", source=f"{GUIDE}/checking-object-integrity.html")
def _checksums(request: Request) -> Iterator[str]:
    parts = request.params.get("MultipartUpload", {}).get("Parts", [])
    for params in (request.params, *parts):
        for name, size in CHECKSUMS.items():
            # The checksum of an upload in parts ends with a hyphen and their number.
            text = re.sub(r"-\d+$", "", params.get(name, ""))
            if name in params and _bytes_of(text) != size:
                yield f"{name} is {params[name]!r}"


def _bytes_of(text: str) -> int:
    try:
        return len(b64decode(text, validate=True))
    except Base64Error:
        return -1


@rule(
    "s3",
    "If-None-Match is * for a write",
    "CopyObject",
    "PutObject",
    "CompleteMultipartUpload",
    source=f"{GUIDE}/conditional-writes.html",
)
def _conditions(request: Request) -> Iterator[str]:
    if request.params.get("IfNoneMatch", "*") != "*":
        yield f"it is {request.params['IfNoneMatch']!r}"


@rule("s3", "ids of versions and uploads are not empty", source=f"{API}/API_GetObject.html")
def _ids(request: Request) -> Iterator[str]:
    given = [request.params, *request.params.get("Delete", {}).get("Objects", [])]
    for params in given:
        for name in ("VersionId", "UploadId", "KeyMarker", "VersionIdMarker", "ContinuationToken"):
            if name in params and not params[name]:
                yield f"{name} is empty"


@rule("s3", "a version id goes on only with its key", "ListObjectVersions", source=f"{API}/API_ListObjectVersions.html")
def _markers(request: Request) -> Iterator[str]:
    if "VersionIdMarker" in request.params and "KeyMarker" not in request.params:
        yield "VersionIdMarker without KeyMarker"


# --- what is signed for others


@rule("s3", "an address is valid for 1 to 604,800 seconds", ADDRESS, source=f"{API}/sigv4-query-string-auth.html")
def _addresses(request: Request) -> Iterator[str]:
    if not 1 <= request.params["ExpiresIn"] <= WEEK:
        yield f"it is valid for {request.params['ExpiresIn']}"


POLICY = f"{API}/sigv4-HTTPPOSTConstructPolicy.html"


@rule("s3", "a form is valid for 1 to 604,800 seconds", FORM, source=POLICY)
def _forms(request: Request) -> Iterator[str]:
    if not 1 <= request.params["ExpiresIn"] <= WEEK:
        yield f"it is valid for {request.params['ExpiresIn']}"


@rule("s3", "each condition of a form is a pair, a comparison, or a range of bytes up to 5 GiB", FORM, source=POLICY)
def _form_conditions(request: Request) -> Iterator[str]:
    for each in request.params["Conditions"]:
        if not _is_condition(each):
            yield f"a condition is {each}"


def _is_condition(condition: Any) -> bool:
    if isinstance(condition, Mapping):
        return len(condition) == 1 and all(isinstance(value, str) for value in condition.values())
    match condition:
        case ["content-length-range", int(least), int(most)]:
            return 0 <= least <= most <= 5 * GB
        case ["eq" | "starts-with", str(name), str()]:
            return name.startswith("$") and len(name) > 1
    return False


@rule("s3", "every field of a form has a condition, and its value meets it", FORM, source=POLICY)
def _form_fields(request: Request) -> Iterator[str]:
    for name, value in request.params["Fields"].items():
        met = [_is_met(each, value) for each in request.params["Conditions"] if _names(each) == name.lower()]
        free = name.lower() in ("policy", "file", "x-amz-signature") or name.lower().startswith("x-ignore-")
        if not free and (not met or not all(met)):
            yield f"{name} is {value!r}"


def _names(condition: Any) -> str | None:
    """The field that a condition is on, in lower case."""
    if isinstance(condition, Mapping):
        return str(next(iter(condition))).lower()
    return str(condition[1]).removeprefix("$").lower() if condition[0] in ("eq", "starts-with") else None


def _is_met(condition: Any, value: str) -> bool:
    if isinstance(condition, Mapping):
        return bool(value == next(iter(condition.values())))
    operator, _, wanted = condition
    # S3 puts the file's name in the place of ${filename}, which the beginning must leave room for.
    return value.startswith(wanted) if operator == "starts-with" else bool(value == wanted)


@rule("s3", "a form's fields have at most 20 KB, and answer 200, 201 or 204", FORM, source=f"{API}/RESTObjectPOST.html")
def _form_sizes(request: Request) -> Iterator[str]:
    fields = request.params["Fields"]
    size = sum(len(name.encode()) + len(str(value).encode()) for name, value in fields.items())
    if size > 20 * KB:
        yield f"they have {size} bytes"
    if fields.get("success_action_status", "204") not in ("200", "201", "204"):
        yield f"success_action_status is {fields['success_action_status']!r}"


# --- lifecycles

LIFECYCLE = "PutBucketLifecycleConfiguration"
LIFECYCLES = f"{API}/API_{LIFECYCLE}.html"
ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransitions",
    "AbortIncompleteMultipartUpload",
)


def lifecycle_rules(request: Request) -> list[Params]:
    found: list[Params] = request.params.get("LifecycleConfiguration", {}).get("Rules", [])
    return found


@rule("s3", "a lifecycle has 1 to 1,000 rules with ids of their own", LIFECYCLE, source=LIFECYCLES)
def _lifecycle_rules(request: Request) -> Iterator[str]:
    rules = lifecycle_rules(request)
    ids = [each["ID"] for each in rules if each.get("ID")]
    if not 1 <= len(rules) <= 1000 or len(set(ids)) < len(ids) or any(len(each) > 255 for each in ids):
        yield f"it has {len(rules)} rules, with the ids {ids[:10]}"


@rule(
    "s3", "a lifecycle's rule is enabled or disabled, does something, and has one filter", LIFECYCLE, source=LIFECYCLES
)
def _lifecycle_shapes(request: Request) -> Iterator[str]:
    for each in lifecycle_rules(request):
        if each.get("Status") not in ("Enabled", "Disabled"):
            yield f"{each.get('ID')} is {each.get('Status')}"
        if not any(each.get(action) for action in ACTIONS):
            yield f"{each.get('ID')} does nothing"
        if ("Filter" in each) == ("Prefix" in each) or len(each.get("Filter") or {}) > 1:
            yield f"{each.get('ID')} has the filter {each.get('Filter')} and the prefix {each.get('Prefix')}"


@rule("s3", "a lifecycle counts whole days from 1 on, and each action has one measure", LIFECYCLE, source=LIFECYCLES)
def _lifecycle_days(request: Request) -> Iterator[str]:
    for each in lifecycle_rules(request):
        expiration = each.get("Expiration", {})
        if "Expiration" in each and sum(n in expiration for n in ("Days", "Date", "ExpiredObjectDeleteMarker")) != 1:
            yield f"{each.get('ID')} expires by {expiration}"
        days = [
            expiration.get("Days", 1),
            each.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays", 1),
            each.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation", 1),
        ]
        if any(not isinstance(day, int) or day < 1 for day in days):
            yield f"{each.get('ID')} counts {days}"
        kept = each.get("NoncurrentVersionExpiration", {}).get("NewerNoncurrentVersions", 1)
        if not 1 <= kept <= 100:
            yield f"{each.get('ID')} keeps {kept} versions"


@rule(
    "s3",
    "a lifecycle that aborts uploads or removes delete markers has no filter by tags or size",
    LIFECYCLE,
    source=LIFECYCLES,
)
def _lifecycle_filters(request: Request) -> Iterator[str]:
    for each in lifecycle_rules(request):
        chosen = each.get("Filter") or {}
        narrow = {"Tag", "Tags", "ObjectSizeGreaterThan", "ObjectSizeLessThan"} & {*chosen, *chosen.get("And", {})}
        whole = "AbortIncompleteMultipartUpload" in each or each.get("Expiration", {}).get("ExpiredObjectDeleteMarker")
        if narrow and whole:
            yield f"{each.get('ID')} has the filter {chosen}"
