"""The AWS emulator: MiniStack, with the additions that `chalice deploy` needs and that make it safe on a laptop.

The emulator's own Python runs this (ops/local/requirements.txt), never ours, and it never imports chalicelib:

    .local/emulator/bin/python ops/local/emulator.py --port 4566 --state .local/state --origin http://localhost:8000

The folder adapter/ adds what MiniStack 1.5.33 lacks, one module per service. This module adds:

- Loopback counts as TLS, so that a policy's `aws:SecureTransport` has the same effect here as on AWS.
- A guard checks every request (guard.py).

The additions replace private functions, so `self_test` refuses another version of MiniStack and changed signatures.
"""

import argparse
import asyncio
import ctypes
import importlib
import importlib.metadata
import inspect
import os
import re
import signal
import sys
from pathlib import Path

import guard
from adapter import archives, backups, cdn, change_sets, functions, objects, principals, rest_apis, state, web_sockets

RELIED_ON = {
    **archives.RELIED_ON,
    **backups.RELIED_ON,
    **cdn.RELIED_ON,
    **functions.RELIED_ON,
    **objects.RELIED_ON,
    **principals.RELIED_ON,
    **change_sets.RELIED_ON,
    **rest_apis.RELIED_ON,
    **state.RELIED_ON,
    **web_sockets.RELIED_ON,
    "ministack.app:app": "(scope, receive, send)",
    "ministack.app:main": "()",
    "ministack.app:pin_request_origin": "(source_ip: str, secure_transport: bool) -> None",
}


def pinned_version() -> str:
    requirements = Path(__file__).with_name("requirements.txt").read_text()
    return re.search(r"^ministack==(\S+)", requirements, re.MULTILINE)[1]


def self_test() -> str | None:
    """One sentence that says how the installed MiniStack differs from the pinned one, or None if it does not."""
    pinned = pinned_version()
    installed = importlib.metadata.version("ministack")
    if installed != pinned:
        return f"ministack {installed} is installed, but ops/local/adapter was written for {pinned}"
    for name, expected in RELIED_ON.items():
        module, _, path = name.partition(":")
        try:
            found = importlib.import_module(module)
            for part in path.split("."):
                found = getattr(found, part)
            signature = str(inspect.signature(found))
        except (ImportError, AttributeError):
            return f"ministack {installed} has no {name} any more (pinned {pinned})"
        if signature != expected:
            return f"ministack {installed} changed {name} from {expected} to {signature} (pinned {pinned})"
    return None


def trust_loopback() -> None:
    """Makes `aws:SecureTransport` true, because no request leaves this machine."""
    from ministack import app

    pin_request_origin = app.pin_request_origin
    app.pin_request_origin = lambda source_ip, secure_transport: pin_request_origin(source_ip, True)


def guarded(app, origins: frozenset[str]):
    """The ASGI app, with guard.py before it and the adapter's own addresses beside it."""

    async def checked(scope, receive, send):
        if scope["type"] == "lifespan":
            await saving(app, scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        query = scope.get("query_string", b"").decode("latin-1")
        reason = guard.refusal(scope.get("method", "GET"), scope["path"], query, headers, origins)
        if reason and scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif reason:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
        elif scope["type"] == "http" and scope["path"] == "/_edge/origin":
            await cdn.fetch_from_origin(scope, headers, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/_edge/invalidations":
            await cdn.tell_invalidations(headers, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/_edge/workers":
            await functions.tell_workers(send)
        elif scope["type"] == "http" and scope["path"] == "/_edge/save" and scope["method"] == "POST":
            await state.save_state(send)
        else:
            if scope["type"] == "http":
                state.saver.note(scope["method"], scope["path"], headers)
            await app(scope, receive, send)

    return checked


async def saving(app, scope, receive, send) -> None:
    """The life of the ASGI app. From its start to its end the state is saved in the background."""
    tasks = []

    async def heard(message) -> None:
        if message["type"] == "lifespan.startup.complete":  # the state is loaded
            tasks.append(asyncio.create_task(state.saver.run()))
        await send(message)

    try:
        await app(scope, receive, heard)
    finally:
        for task in tasks:
            task.cancel()


def end_with_parent(parent: int) -> None:
    """Asks the kernel to send SIGTERM when the process that started us dies, so that the state is saved even then."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("The process that started the emulator is gone.")


def end_children() -> None:
    """Sends SIGTERM to the functions' processes, which are in our process group, if we lead it."""
    if os.getpgid(0) == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps the state between runs")
    parser.add_argument(
        "--origin", action="append", default=[], help="origin of a web page that may use S3 (repeatable)"
    )
    parser.add_argument(
        "--concurrency", type=int, help="the account's limit of concurrent executions; new AWS accounts may have 10"
    )
    parser.add_argument(
        "--socket-seconds", nargs=2, metavar=("IDLE", "LIFE"), help="when WebSocket connections end (default: 600 7200)"
    )
    parser.add_argument("--parent", type=int, help="end when this process, our parent, ends")
    args = parser.parse_args()
    if args.parent:
        end_with_parent(args.parent)
    os.umask(0o077)  # the state holds secrets, and so do the functions' environments and logs
    # MiniStack reads its settings when it is imported, so they are set before that.
    os.environ.update(
        AUTH="true",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(args.port),
        MINISTACK_HOST="127.0.0.1",
        SFTP_ENABLED="0",
        IOT_MTLS_ENABLED="0",
        DOCKER_HOST="unix:///nonexistent",
        PERSIST_STATE="1",
        S3_PERSIST="1",
        STATE_DIR=str(args.state / "services"),
        S3_DATA_DIR=str(args.state / "s3"),
    )
    if args.concurrency:
        os.environ["LAMBDA_ACCOUNT_CONCURRENCY"] = str(args.concurrency)
    if args.socket_seconds:
        os.environ.update(zip(("SOCKET_IDLE_SECONDS", "SOCKET_LIFE_SECONDS"), args.socket_seconds, strict=True))
    if difference := self_test():
        sys.exit(f"{difference}. Install the pinned one again (ops/setup.sh), or adapt ops/local/adapter.")
    from ministack import app as ministack_app

    for service in (archives, backups, change_sets, functions, objects, principals, rest_apis, state, web_sockets):
        service.apply()
    trust_loopback()
    ministack_app.app = guarded(ministack_app.app, frozenset(args.origin))
    sys.argv = sys.argv[:1]
    try:
        ministack_app.main()
    finally:
        end_children()


if __name__ == "__main__":
    main()
