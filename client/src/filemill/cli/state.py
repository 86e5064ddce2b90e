"""The files that were sent: a small database in the state folder, and a lock for each folder that is synced."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from filemill._folders import make_file_private, make_private, state_folder, tighten
from filemill.cli.absence import is_gone
from filemill.cli.exits import BUSY, LOCAL
from filemill.cli.failures import Stop
from filemill.cli.walk import Local

_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    path BLOB NOT NULL, options TEXT NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL,
    inode INTEGER NOT NULL, sha256 TEXT, file_id TEXT NOT NULL, ours INTEGER NOT NULL, run INTEGER NOT NULL,
    PRIMARY KEY (path, options)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_hash ON files (sha256);
CREATE INDEX IF NOT EXISTS by_id ON files (file_id);
CREATE TABLE IF NOT EXISTS hashes (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL, inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replaced (file_id TEXT PRIMARY KEY, path BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mounts (path BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (number INTEGER PRIMARY KEY);
"""


def folder() -> Path:
    """The folder of all states."""
    found = state_folder()
    try:
        make_private(found)
    except OSError as error:
        raise Stop(f"The folder {found} can't be made: {error.strerror}. Set XDG_STATE_HOME.", LOCAL) from None
    return found


def name_of(*parts: str) -> str:
    """The name of a state: stable for the same parts, and no secret in it."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:24]


class State:
    """The files that were sent from this computer to one service. Each method is one transaction.

    A file is known as long as its size, its time of change and its inode stay, and it was sent with the same options.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        make_file_private(path)  # SQLite gives its log the rights of the database
        for each in path.parent.glob(f"{path.name}-*"):
            tighten(each, 0o600)
        self._base = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
        try:
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.executescript(_TABLES)
            self._base.execute("INSERT INTO runs DEFAULT VALUES")
            self.run = int(self._base.execute("SELECT max(number) FROM runs").fetchone()[0])
            self._base.execute("DELETE FROM runs WHERE number < ?", (self.run,))
        except sqlite3.DatabaseError as error:
            self._base.close()
            raise Stop(
                f"The state in {path} can't be used: {error}. Delete this file; then files are compared anew.", LOCAL
            ) from None

    def close(self) -> None:
        """Closes the database."""
        with self._lock:
            self._base.close()

    def known(self, local: Local, options: str = "") -> str | None:
        """The id of the file if it was sent as it is now. It counts as seen in this run."""
        key = (os.fsencode(local.path), options)
        with self._lock:
            row = self._base.execute(
                "SELECT size, modified, inode, file_id FROM files WHERE path = ? AND options = ?", key
            ).fetchone()
            if row is None:
                return None
            self._keep_mounts(local)
            self._base.execute("UPDATE files SET run = ? WHERE path = ? AND options = ?", (self.run, *key))
        return str(row[3]) if row[:3] == (local.size, local.modified, local.inode) else None

    def hash_of(self, local: Local) -> str | None:
        """The SHA-256 of the file as it is now, if it was computed before."""
        with self._lock:
            row = self._base.execute(
                "SELECT sha256 FROM hashes WHERE path = ? AND size = ? AND modified = ? AND inode = ?",
                (os.fsencode(local.path), local.size, local.modified, local.inode),
            ).fetchone()
        return str(row[0]) if row else None

    def keep_hash(self, local: Local, sha256: str) -> None:
        """Keeps a hash, so that the file is not read again after a stop."""
        with self._lock:
            self._base.execute(
                "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?)",
                (os.fsencode(local.path), local.size, local.modified, local.inode, sha256),
            )

    def sent_as(self, sha256: str) -> str | None:
        """The id of a file with these bytes that was sent before."""
        with self._lock:
            row = self._base.execute("SELECT file_id FROM files WHERE sha256 = ? LIMIT 1", (sha256,)).fetchone()
        return str(row[0]) if row else None

    def record(
        self, local: Local, file_id: str, sha256: str | None = None, *, options: str = "", ours: bool = True
    ) -> None:
        """Notes that a file was sent. `ours`: this computer sent it, and did not find it there.

        The id that the path had before is kept in `replaced`.
        """
        path = os.fsencode(local.path)
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            before = self._base.execute(
                "SELECT file_id, ours FROM files WHERE path = ? AND options = ?", (path, options)
            ).fetchone()
            if before and before[1] and before[0] != file_id:
                self._base.execute("INSERT OR IGNORE INTO replaced VALUES (?, ?)", (before[0], path))
            self._base.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (path, options, local.size, local.modified, local.inode, sha256, file_id, int(ours), self.run),
            )
            self._keep_mounts(local)
            self._base.execute("COMMIT")

    def _keep_mounts(self, local: Local) -> None:
        """Notes how many file systems begin above the file. Most files have none, and no row."""
        path = os.fsencode(local.path)
        if local.mounts:
            self._base.execute("INSERT OR REPLACE INTO mounts VALUES (?, ?)", (path, local.mounts))
        else:
            self._base.execute("DELETE FROM mounts WHERE path = ?", (path,))

    def is_ours(self, file_id: str) -> bool:
        """True if this computer sent the file itself, and did not find it there."""
        with self._lock:
            row = self._base.execute("SELECT max(ours) FROM files WHERE file_id = ?", (file_id,)).fetchone()
        return bool(row and row[0])

    def lost(self, file_ids: Iterable[str]) -> None:
        """Forgets files that the service does not have any more. Their hashes stay."""
        for each in file_ids:
            self.forget(each)

    def absent(self) -> set[str]:
        """The paths of files that were sent and are not there now."""
        with self._lock:
            rows = self._base.execute("SELECT path FROM files WHERE ours = 1").fetchall()
        return {path for path in (os.fsdecode(row[0]) for row in rows) if is_gone(path)}

    def mounts_of(self, path: str) -> int:
        """How many file systems began above the file when it was last seen, below the folder that is synced."""
        with self._lock:
            row = self._base.execute("SELECT number FROM mounts WHERE path = ?", (os.fsencode(path),)).fetchone()
        return int(row[0]) if row else 0

    def gone(self, before: set[str], unread: Iterable[str] = ()) -> Iterator[tuple[str, str, bool]]:
        """(path, file id, replaced) of each file that an earlier run sent and that this run did not see, or saw with
        new bytes (replaced).

        `before`: the paths that were absent when the run began; what vanished later waits for the next run. Files below
        the folders `unread` are left out: nobody knows whether they are gone. So is a file whose bytes another path
        still has, and one that the folder has although this run did not take it, such as an excluded one.
        """
        closed = tuple(f"{path.rstrip(os.sep)}{os.sep}" for path in unread)
        with self._lock:
            rows = self._base.execute(
                "SELECT path, file_id, 0 FROM files WHERE run < ? AND ours = 1"
                " UNION SELECT path, file_id, 1 FROM replaced",
                (self.run,),
            ).fetchall()
            alive = "SELECT file_id FROM files WHERE run = ?"
            living = {row[0] for row in self._base.execute(alive, (self.run,))} if rows else set()
        for path, file_id, replaced in rows:
            name = os.fsdecode(path)
            if file_id in living or name.startswith(closed) or name in unread:
                continue
            if replaced or (name in before and is_gone(name)):
                yield name, file_id, bool(replaced)

    def seen(self) -> bool:
        """True if this run saw a file that was sent."""
        with self._lock:
            return self._base.execute("SELECT 1 FROM files WHERE run = ? LIMIT 1", (self.run,)).fetchone() is not None

    def forget(self, file_id: str) -> None:
        """Forgets a file that was deleted."""
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            self._base.execute("DELETE FROM files WHERE file_id = ?", (file_id,))
            self._base.execute("DELETE FROM replaced WHERE file_id = ?", (file_id,))
            self._base.execute("COMMIT")


def lock(path: Path, busy: str) -> IO[str]:
    """Takes a lock that ends with the process, or raises Stop with the sentence `busy`. Keep the answer."""
    make_file_private(path)
    held = path.open("a+")
    try:
        if os.name == "nt":  # pragma: no cover
            import msvcrt

            held.seek(0)
            msvcrt.locking(held.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise Stop(busy, BUSY) from None
    return held
