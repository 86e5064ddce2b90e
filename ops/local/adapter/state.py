"""The state that is kept between runs.

- It is saved every few seconds if something has changed, so that `kill -9` loses at most ten seconds. MiniStack saves
  only when it ends. `POST /_edge/save` saves at once. A copy of the process (fork) writes the state, as Redis does it:
  the copy has all services as they were at one moment, and requests are answered meanwhile.
- All files of one save count together, or none of them does (snapshot.py).
- A message that a function held when the emulator ended is visible again as soon as the emulator starts. Otherwise it
  would stay hidden for the rest of its visibility timeout (90 minutes), although the function has ended, too.
- The records of a table's stream that no function has read yet are kept. MiniStack keeps only how far the stream was
  read, so it would skip those records, and after them as many changes as there ever were.
"""

import asyncio
import copy
import ctypes
import json
import logging
import os
import signal
import time
from pathlib import Path

import snapshot

RELIED_ON = {
    "ministack.app:save_all": "(services: dict) -> None",
    "ministack.app:_build_persistence_save_dict": "()",
    "ministack.core.persistence:_json_default": "(obj)",
    "ministack.core.persistence:_state_format_version": "(service: str) -> int",
    "ministack.services.lambda_svc:_prune_orphan_code_blobs": "(referenced: set[str]) -> None",
    "ministack.services.dynamodb:get_state": "()",
    "ministack.services.dynamodb:load_persisted_state": "(data)",
    "ministack.services.dynamodb:stream_start_position": "(table_name: str, *, account_id=None, region=None) -> int",
    "ministack.services.dynamodb:_next_stream_seq": "()",
    "ministack.services.sqs:load_persisted_state": "(data)",
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""


INTERVAL = 6.0  # seconds from one save to the next; with the time that a save takes, less than ten
LONGEST = 60.0  # seconds after which a save is ended that hangs

READS = ("Get", "Describe", "List", "Query", "Scan", "BatchGet", "TransactGet", "Head")

log = logging.getLogger("filemill.state")


def apply() -> None:
    give_back_messages()
    keep_streams()
    save_together()


def give_back_messages() -> None:
    """Makes messages visible again that were in flight when the state was saved: nobody holds them any more."""
    from ministack.services import sqs

    load = sqs.load_persisted_state

    def load_and_give_back(data):
        load(data)
        for _, queue in sqs._queues.all_items():
            for message in queue["messages"]:
                if message.get("receive_count"):
                    message["visible_at"] = 0

    sqs.load_persisted_state = load_and_give_back


def keep_streams() -> None:
    """Saves the end of each table's stream, from the first record on that some function has not read."""
    from ministack.services import dynamodb, lambda_svc

    save, load = dynamodb.get_state, dynamodb.load_persisted_state

    def read_up_to(account, region, table):
        positions = lambda_svc._dynamodb_stream_positions
        for (_, _, mapping), esm in lambda_svc._esms.all_items():
            if f":{region}:{account}:table/{table}/stream/" in esm.get("EventSourceArn", ""):
                yield positions.get_scoped(account, region, mapping, 0)

    def tails():
        for (account, region, table), records in dynamodb._stream_records.all_items():
            begin = dynamodb.stream_start_position(table, account_id=account, region=region)
            at = max(begin, min([begin + len(records), *read_up_to(account, region, table)]))
            yield [account, region, table, at, records[at - begin :]]

    def save_with_streams():
        return {**save(), "streams": list(tails()), "stream_sequence": dynamodb._stream_seq_counter}

    def load_with_streams(data):
        load(data)
        dynamodb._stream_seq_counter = (data or {}).get("stream_sequence", 0)
        for account, region, table, at, records in (data or {}).get("streams", []):
            dynamodb._stream_records.set_scoped(account, region, table, records)
            dynamodb._stream_trimmed.set_scoped(account, region, table, at)

    dynamodb.get_state, dynamodb.load_persisted_state = save_with_streams, load_with_streams


def save_together() -> None:
    """Makes MiniStack's own save, when it ends, write all files together."""
    from ministack import app

    def save_at_the_end(services):
        saver.end()
        write(services)

    app.save_all = save_at_the_end


def write(services: dict) -> None:
    """Writes the state of all services, in MiniStack's format."""
    from ministack.core import persistence
    from ministack.services import lambda_svc

    # MiniStack deletes the code of functions that are gone while it collects the state. Until the new state counts, the
    # old one still needs that code.
    prune, referenced = lambda_svc._prune_orphan_code_blobs, set()
    lambda_svc._prune_orphan_code_blobs = referenced.update
    files = {}
    try:
        for name, get_state in services.items():
            if (state := get_state()) is not None:
                wrapped = {"__ministack_format__": persistence._state_format_version(name), "payload": state}
                files[f"{name}.json"] = json.dumps(wrapped, default=persistence._json_default).encode()
    finally:
        lambda_svc._prune_orphan_code_blobs = prune
    folder = Path(persistence.STATE_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    snapshot.write(folder, files)
    if "lambda.json" in files:
        prune(referenced)


def is_read(method: str, path: str, headers: dict) -> bool:
    """True if a request can't change the state. An SQS receive does: it hides the message."""
    if method in ("GET", "HEAD", "OPTIONS"):
        return True
    return headers.get("x-amz-target", "").rpartition(".")[2].startswith(READS) or path.startswith("/_edge/")


class Saver:
    """Saves the state in the background. It runs in the thread of the event loop, which is the main thread."""

    def __init__(self) -> None:
        self.requests = 0  # that may have changed something
        self.saved = None  # the marks at the last save
        self.child = None  # process id of the save that is under way

    def note(self, method: str, path: str, headers: dict) -> None:
        if not is_read(method, path, headers):
            self.requests += 1

    def marks(self) -> tuple:
        """Numbers of which one changes with each change: of requests, and of the work that nobody requested."""
        from ministack.services import dynamodb, lambda_svc, sqs

        messages = [message for _, queue in list(sqs._queues.all_items()) for message in list(queue["messages"])]
        return (
            self.requests,
            dynamodb._stream_seq_counter,
            len(messages),
            sum(message.get("receive_count") or 0 for message in messages),
            sorted(map(str, list(lambda_svc._dynamodb_stream_positions.all_items()))),
        )

    async def run(self) -> None:
        """Saves whenever something has changed, until the event loop ends."""
        self.saved = self.marks()
        while True:
            began = time.monotonic()
            try:
                await self.save_if_changed()
            except Exception:
                log.exception("the state could not be saved")
            await asyncio.sleep(max(0, began + INTERVAL - time.monotonic()))

    async def save_if_changed(self) -> None:
        if self.child is None and (marks := self.marks()) != self.saved and await self.save():
            self.saved = marks

    async def save(self) -> bool:
        """Saves now. False if that failed; the old files then still count."""
        while self.child is not None:  # it may have begun before the last change
            await asyncio.sleep(0.02)
        self.child = pid = fork_and_write()
        began = time.monotonic()
        while self.child == pid:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self.child = None
                if status:
                    log.error("the state could not be saved (wait status %d)", status)
                return status == 0
            if time.monotonic() - began > LONGEST:
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.02)
        return False

    def end(self) -> None:
        """Ends the save that is under way."""
        if self.child is not None:
            pid, self.child = self.child, None
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


saver = Saver()


def fork_and_write() -> int:
    """Makes a copy of this process that writes the state and ends. Returns the copy's process id."""
    from ministack import app
    from ministack.services import dynamodb, sqs

    parent = os.getpid()
    with dynamodb._lock, sqs._queues_lock:  # no transaction is half-way, and the copy finds the locks as they are
        pid = os.fork()
    if pid:
        return pid
    try:
        # Connections and pipes must end when the emulator closes them, not when the copy does.
        os.closerange(3, 65536)
        end_with(parent)
        os.nice(5)
        copy.deepcopy = lambda value, memo=None: value  # nobody else changes the copy's memory
        write(app._build_persistence_save_dict())
        os._exit(0)
    except BaseException as error:
        os.write(2, f"the state could not be saved: {error!r}\n".encode())
    finally:
        os._exit(1)


def end_with(parent: int) -> None:
    """Lets the kernel kill this process when its parent ends, so that two emulators never write one state."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


async def save_state(send) -> None:
    saved = await saver.save()
    await send({"type": "http.response.start", "status": 204 if saved else 500, "headers": []})
    await send({"type": "http.response.body"})
