"""Sources on loopback that say, byte for byte, what a test has them say."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chalicelib.outbound.addresses import networks

LOOPBACK = networks("127.0.0.0/8")

Script = Callable[[str, socket.socket], None]
"""Gets a request's head and the connection to answer on; the connection is closed when it returns."""


@dataclass
class Server:
    address: str
    port: int
    requests: list[str] = field(default_factory=list)

    def url(self, path: str = "/a.jpg", *, host: str = "localhost", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [request.split(" ", 2)[1] for request in self.requests]


def answer(body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = -1) -> bytes:
    """A whole answer. `length` is what Content-Length says: by default the truth; None for no such header."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length == -1 else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return answer(b"elsewhere", f"Location: {location}", status=status)


def saying(*answers: bytes) -> Script:
    """One answer a request; the last one for ever."""
    left = list(answers)

    def script(_: str, connection: socket.socket) -> None:
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return script


@contextmanager
def serving(script: Script, *, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    with socket.create_server((address, 0)) as listener:
        server = Server(address, listener.getsockname()[1])

        def converse(connection: socket.socket) -> None:
            with connection, suppress(OSError):  # the client may have gone
                connection.settimeout(10)
                spoken = tls.wrap_socket(connection, server_side=True) if tls else connection
                with spoken:
                    head = b""
                    while b"\r\n\r\n" not in head and (more := spoken.recv(65536)):
                        head += more
                    if head:
                        server.requests.append(head.decode("latin-1"))
                        script(server.requests[-1], spoken)
                        with suppress(OSError):
                            spoken.shutdown(socket.SHUT_WR)
                            while spoken.recv(65536):  # so that what is unread is no reset
                                pass

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threads.append(threading.Thread(target=converse, args=(connection,), daemon=True))
                    threads[-1].start()

        threads = [threading.Thread(target=accept, daemon=True)]
        threads[0].start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(15)


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(a server's, a client's that trusts it): self-signed, for one host's name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    present = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(present - datetime.timedelta(days=1))
        .not_valid_after(present + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    public = folder / f"{name}.pem"
    public.write_bytes(signed.public_bytes(Encoding.PEM))
    private = folder / f"{name}.key"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(public, private)
    client = ssl.create_default_context(cafile=str(public))
    return server, client
