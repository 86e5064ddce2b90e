"""Docstrings of the methods that give the items of all pages."""

ALL_FILES = """All files that match the filters of `list`, page by page.

>>> for file in client.files.iter(status="ready"):
...     print(file.filename)
photo.jpg
"""

ALL_KEYS = """All of the tenant's keys, page by page.

>>> for key in client.keys.iter():
...     print(key.name)
the web shop
"""

ALL_TOKENS = """All upload tokens that work, page by page.

>>> for token in client.tokens.iter():
...     print(token.used)
2
"""
