"""Owners' marks: what stands for an owner where its name must not stay, such as in the record of a deleted file."""

from __future__ import annotations

from chalicelib import keyring

# Hexadecimal digits: 128 bits, so that no two owners of a tenant have the same mark.
DIGITS = 32


def mark(tenant: str, owner: str) -> str:
    """A keyed hash of an owner. Only the stage can compute it, and nobody can read the owner from it."""
    return keyring.mac("owner", f"{tenant}\0{owner}".encode()).hex()[:DIGITS]
