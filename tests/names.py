"""A resolver for tests, so that none of them asks a real one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PUBLIC, PRIVATE = "93.184.215.14", "10.0.0.7"

# Host → its addresses. There are no other hosts.
HOSTS = {
    "example.com": [PUBLIC],
    "hooks.example.com": [PUBLIC],
    "inside.example.com": [PRIVATE],
    "both.example.com": [PUBLIC, PRIVATE],
    "metadata.example.com": ["169.254.169.254"],
    "localhost": ["127.0.0.1"],
}
SILENT = "silent.example.com"
"""A host whose name servers do not answer."""


def look_up(host: str, port: int) -> list[str]:
    if host == SILENT:
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")
    if host not in HOSTS:
        raise socket.gaierror(socket.EAI_NONAME, "no such host")
    return HOSTS[host]


@contextmanager
def known() -> Iterator[None]:
    """Meanwhile the code under test asks this resolver about webhooks' hosts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chalicelib.outbound.lookup.look_up", look_up)
        yield
