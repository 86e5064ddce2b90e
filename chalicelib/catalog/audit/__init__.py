"""The audit: who changed what, and when, kept for `audit_days` and sealed every hour.

`entries` has what is told of one change, `pages` stores entries and finds them, `seals` chains what was stored.
docs/decisions/0026-pages-of-the-audit.md says why it is stored in pages.
"""
