"""How a file's state may change."""

from __future__ import annotations

DUE = ("due_pk", "due_sk")
LEASE = ("lease_until", "claim_id", "expires_at")
