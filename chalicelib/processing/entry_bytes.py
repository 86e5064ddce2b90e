"""The bytes of one entry: of a ZIP archive, read by ranges without the rest, or of an attachment to an e-mail.

Nothing is known of these bytes but that the file has them. So they are only ever saved by whoever gets them: never
shown, never run, and always under the type of unknown bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO, cast

from botocore.exceptions import ClientError

from chalicelib.model import File, original_key
from chalicelib.processing.entries import SEPARATOR
from chalicelib.storage import originals
from chalicelib.storage.objects import is_missing
from chalicelib.storage.ranged import Ranged


class EntryRefusedError(Exception):
    """These bytes are not given. `code` is a word for logs, the message a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class EntryBytes:
    """`name` is the file's own word for the entry, a path maybe."""

    name: str
    body: bytes = field(repr=False)

    @property
    def filename(self) -> str:
        """The last part of the name, which is still a stranger's word."""
        return SEPARATOR.split(self.name)[-1]


def read(file: File, number: int) -> EntryBytes:
    """The entry with this number in `entries.json`, from 0 on. Raises EntryRefusedError and OriginalMissingError."""
    key, version_id, size = original_key(file.tenant, file.id), file.version_id or "", file.size or 0
    if file.email is not None:
        from chalicelib.processing import email

        if size > email.MAX_BYTES:
            raise EntryRefusedError("too_large", "A message of this size was not read to its end.")
        with originals.open_version(key, version_id).body as body:
            return EntryBytes(*email.attachment(body.read(email.MAX_BYTES), number))
    from chalicelib.processing.archive import zip_entry

    data = cast(BinaryIO, Ranged(key, version_id, size, zip_entry.BUDGET))
    try:
        return EntryBytes(*zip_entry.read(data, size, number))
    except ClientError as error:
        if is_missing(error):
            raise originals.OriginalMissingError(key) from None
        raise
