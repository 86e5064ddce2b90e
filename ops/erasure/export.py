"""`python -m ops tenants export`: writes everything of a tenant into a directory or a bucket, with a manifest.

`manifest.jsonl` has one line for each file that is written: its name, bytes and SHA-256. It is also how far the export
has come: a line is added when its file is complete, and a repeated run does what is not in it yet. For a bucket it is
kept in the working directory until the end. Originals are streamed: nothing is held in memory but a part of one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ops.config import add_stage_arguments
from ops.errors import OpsError
from ops.progress import Bar

if TYPE_CHECKING:
    from chalicelib.catalog.credentials import ApiKey
    from chalicelib.model import File, UploadToken

MANIFEST = "manifest.jsonl"
CHUNK = 1024**2
# The parts of an upload to a bucket; S3 takes at most 10,000 of them, so that a file may have 640 GB.
PART = 64 * 1024**2

# Tokens of one page.
TOKENS = 100

# Fields of a webhook, a key and a token that nobody may carry away.
SECRETS = frozenset({"hash", "earlier", "earlier_secrets", "secret_version", "remembered_as"})


class Target(Protocol):
    """A place to write files to, by names with slashes. A file is there whole, or not at all."""

    def write(self, name: str, chunks: Iterable[bytes]) -> None: ...


@dataclass(frozen=True)
class Directory:
    """A directory on this computer."""

    path: Path

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        with part.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        part.replace(target)


@dataclass(frozen=True)
class Bucket:
    """A prefix in a bucket, which is the operator's own: the policy of `ops policy` does not name it."""

    bucket: str
    prefix: str

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        import boto3

        s3, key = boto3.client("s3"), f"{self.prefix}{name}"
        upload = s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
        whole: dict[str, Any] = {"Bucket": self.bucket, "Key": key, "UploadId": upload}
        try:
            parts: list[Any] = []
            for number, body in enumerate(_blocks(chunks, PART), 1):
                etag = s3.upload_part(**whole, PartNumber=number, Body=body)["ETag"]
                parts.append({"PartNumber": number, "ETag": etag})
            s3.complete_multipart_upload(**whole, MultipartUpload={"Parts": parts})
        except BaseException:
            s3.abort_multipart_upload(**whole)
            raise


def _blocks(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in blocks of `size`; at least one, which may be empty."""
    block = bytearray()
    for chunk in chunks:
        block += chunk
        while len(block) > size:
            yield bytes(block[:size])
            del block[:size]
    yield bytes(block)


def target_of(text: str) -> tuple[Target, Path | None]:
    """(the target that `--to` names, the directory where its manifest grows; None for the working directory)."""
    if not text.startswith("s3://"):
        return Directory(Path(text)), Path(text)
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not bucket:
        raise OpsError("Name a bucket: --to s3://BUCKET/PREFIX.")
    return Bucket(bucket, f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""), None


@dataclass
class Export:
    """One run for one tenant. `manifest` is the file that grows."""

    tenant: str
    target: Target
    manifest: Path
    renditions: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)
    _done: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Writes what the manifest does not have yet. Can be stopped at any point and run again.

        The lists of records, keys, tokens, webhooks and audit entries are written anew in each run, so they are as of
        its end.
        """
        from chalicelib.catalog import scanning

        self._done = {line["name"] for line in self._lines()}
        files = sorted((file for page in scanning.files_of_tenant(self.tenant) for file in page), key=lambda f: f.id)
        with Bar(len(files), "files") as bar:
            for file in files:
                self._bytes_of(file)
                bar.step()
        self._lists(files)

    def _lines(self) -> list[dict[str, Any]]:
        """The lines of the manifest. One that a killed run left half-written is left out, and its file comes again."""
        lines = []
        for text in self.manifest.read_text().splitlines() if self.manifest.exists() else ():
            try:
                lines.append(json.loads(text))
            except ValueError:
                continue
        return lines

    def _bytes_of(self, file: File) -> None:
        from chalicelib.model import original_key, rendition_key
        from chalicelib.storage import derived, originals

        if file.version_id:
            key, version = original_key(self.tenant, file.id), file.version_id
            self._write(f"originals/{file.id}", lambda: _read(originals.open_version(key, version).body))
        if not self.renditions or not file.source_version:
            return
        for each in file.all_renditions:
            place = rendition_key(file.visibility, file.id, file.source_version, each)

            def read(place: str = place) -> Iterator[bytes]:
                found = derived.read(place, PART)
                if found is None or found.body is None:
                    raise LookupError(place)
                return iter([found.body])

            self._write(f"renditions/{file.id}/{each.basename}", read)

    def _lists(self, files: Iterable[File]) -> None:
        from chalicelib.catalog import credentials, tenants, webhooks
        from chalicelib.delivery.view import unsigned

        keys = sorted((k for k in credentials.api_keys() if k.tenant == self.tenant), key=lambda k: k.id)
        lists: dict[str, Iterator[dict[str, Any]]] = {
            "records.jsonl": (unsigned(file) for file in files),
            "keys.jsonl": (_key(key) for key in keys),
            "webhooks.jsonl": (_public(each.model_dump(mode="json")) for each in webhooks.of_tenant(self.tenant)),
            "tokens.jsonl": (_public(each.model_dump(mode="json")) for each in _tokens(self.tenant)),
            "audit.jsonl": _audit(self.tenant),
            "settings.jsonl": iter([asdict(tenants.get_tenant(self.tenant))]),
        }
        for name, values in lists.items():
            self._done.discard(name)
            self._write(name, lambda values=values: (f"{json.dumps(each)}\n".encode() for each in values))  # type: ignore[misc]
        last = {line["name"]: line for line in self._lines()}
        self.target.write(MANIFEST, (f"{json.dumps(last[name])}\n".encode() for name in sorted(last)))

    def _write(self, name: str, read: Callable[[], Iterator[bytes]]) -> None:
        """Writes one file, and then its line; does nothing if the manifest has it."""
        if name in self._done:
            self.counts["there already"] += 1
            return
        digest, size = hashlib.sha256(), 0

        def hashed(chunks: Iterable[bytes]) -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        try:
            chunks = read()
        except LookupError:  # it is gone, or the bucket's policy keeps it in quarantine
            self.skipped.append(name)
            return
        self.target.write(name, hashed(chunks))
        self.manifest.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"name": name, "bytes": size, "sha256": digest.hexdigest()})
        with self.manifest.open("a") as file:
            # After a run that was killed within a line, this begins a line of its own.
            file.write(f"\n{line}\n")
        self.counts["files written"] += 1
        self.counts["bytes"] += size


def _tokens(tenant: str) -> Iterator[UploadToken]:
    """The upload tokens that work, the newest first: pages of a Query for each shard."""
    from chalicelib.catalog import token_list

    after: str | None = None
    while True:
        page = token_list.page(tenant, TOKENS, after)
        yield from page.tokens
        if page.cursor is None:
            return
        after = page.cursor


def _audit(tenant: str) -> Iterator[dict[str, Any]]:
    """The entries of the audit, by shards and moments, with what seals cover: Queries over all pages."""
    from chalicelib.catalog.audit import pages

    return (dict(entry) for page in pages.all_of(tenant, "") for entry in page.entries)


def _read(body: Any) -> Iterator[bytes]:
    with body:
        while chunk := body.read(CHUNK):
            yield chunk


def _key(key: ApiKey) -> dict[str, Any]:
    created_by = key.created_by.model_dump(mode="json") if key.created_by else None
    return _public({**asdict(key), "created_by": created_by})


def _public(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in SECRETS}


def add_arguments(verbs: Any) -> None:
    """Adds the verb to those of `ops tenants`."""
    verb: argparse.ArgumentParser = verbs.add_parser(
        "export",
        help="write everything of a tenant into a directory or a bucket",
        description="Write a tenant's originals, records, webhooks, keys, upload tokens (without secrets), audit and "
        "settings into a directory or a bucket, with a manifest of their SHA-256. If it is stopped, run it again.",
    )
    verb.add_argument("tenant", help="name of the tenant")
    add_stage_arguments(verb)
    verb.add_argument("--to", required=True, metavar="DIR|s3://BUCKET/PREFIX", help="where to write it")
    verb.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="where an export keeps how far it came (default: in the directory, or for a bucket in this one)",
    )
    verb.add_argument("--renditions", action="store_true", help="write renditions, too")
    verb.add_argument("--dry-run", action="store_true", help="write nothing, only count files and bytes")
    verb.add_argument("--json", action="store_true", help="print the report as JSON")


def main(args: argparse.Namespace) -> int:
    """Returns 1 if something could not be read."""
    from chalicelib.catalog import scanning

    if args.dry_run:
        sizes = [file.size or 0 for page in scanning.files_of_tenant(args.tenant) for file in page]
        said: dict[str, Any] = {"tenant": args.tenant, "dry_run": True, "files": len(sizes), "bytes": sum(sizes)}
        print(json.dumps(said) if args.json else f"{args.tenant} has {len(sizes)} files with {sum(sizes)} bytes.")
        return 0
    target, directory = target_of(args.to)
    manifest = (directory / f".{MANIFEST}") if directory else Path(f".filemill-export-{args.stage}-{args.tenant}.jsonl")
    export = Export(args.tenant, target, args.state or manifest, args.renditions)
    export.run()
    # The target's own manifest is whole now. This one stays, so that a later run writes only what is new.
    said = {"tenant": args.tenant, "dry_run": False, "to": args.to, **export.counts, "skipped": export.skipped}
    if args.json:
        print(json.dumps(said))
    else:
        print(", ".join(f"{number} {name}" for name, number in export.counts.items()))
        for name in export.skipped:
            print(f"not written, because it is gone or in quarantine: {name}")
    return 1 if export.skipped else 0
