"""A Filemill on loopback, and a wire to it that breaks after so many bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fake_filemill import FakeFilemill


@contextlib.contextmanager
def served(fake: FakeFilemill) -> Iterator[int]:
    """Serves the fake on a free port, and gives it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:  # the wire broke: nothing of it was received
                self.close_connection = True
                return
            reply = fake.answer(self.command, fake.url + self.path, dict(self.headers), body)
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any  # noqa: N815

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Wire:
    """Passes bytes on to a port. The connection that carries byte number `cut` of a direction is broken there, once.

    direction: `up` for requests, `down` for answers. passed: bytes that have gone each way.
    """

    def __init__(self, to: int, direction: str = "up", cut: int | None = None) -> None:
        self._to = to
        self._direction = direction
        self._cut = cut
        self.passed = {"up": 0, "down": 0}
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
                for source, sink, direction in ((near, far, "up"), (far, near, "down")):
                    threading.Thread(target=self._pump, args=(source, sink, direction), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                keep = self._kept(data, direction)
                sink.sendall(data[:keep])
                if keep < len(data):
                    for each in (source, sink):
                        each.shutdown(socket.SHUT_RDWR)
                    return
            sink.shutdown(socket.SHUT_WR)

    def _kept(self, data: bytes, direction: str) -> int:
        with self._lock:
            before = self.passed[direction]
            self.passed[direction] += len(data)
            if direction == self._direction and self._cut is not None and before <= self._cut < self.passed[direction]:
                return self._cut - before
            return len(data)
