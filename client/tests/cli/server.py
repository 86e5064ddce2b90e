"""The service in memory behind a real port, for commands that are processes of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from cli.service import Service


@contextmanager
def served() -> Iterator[tuple[str, Service]]:
    """(address, service); it ends with the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "transfer-encoding"}
            request = httpx.Request(self.command, f"{address}{self.path}", headers=headers, content=body)
            answer = service._answer(request)
            content = b"".join(answer.iter_raw()) if not answer.is_closed else answer.content
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in {"content-length", "transfer-encoding"}:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_PATCH = do_OPTIONS = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

        def handle(self) -> None:
            with suppress(ConnectionError):  # a client that was killed
                super().handle()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that went away in the middle is no error here."""

    server = Server(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    service = Service(f"{address}/s3")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield address, service
    finally:
        server.shutdown()
        server.server_close()
