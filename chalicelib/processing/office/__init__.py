"""Office files: what documents, decks and workbooks have in common.

`formats` is their table, and `reading` the processors' side. All other modules run in a child (child.py) on the bytes
that somebody uploaded.
"""
