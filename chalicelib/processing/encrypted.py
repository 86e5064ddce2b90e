"""Encrypted Office files of which nothing tells which sort they are: neither a declared type nor the name.

Their bytes prove that Office encrypted them, and nothing else. So they are of the kind `other`, and a warning says why.
"""

from __future__ import annotations

from chalicelib.model import FileWarning
from chalicelib.processing.kinds import Emit, Made, Order, Source

_MESSAGE = "This Office file is encrypted, so nobody without its password can tell which sort of file it is."


def process(source: Source, order: Order, emit: Emit) -> Made:
    return Made(warnings=(FileWarning(code="encrypted", message=_MESSAGE),))
