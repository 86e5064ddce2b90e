"""Office files: what documents, decks and workbooks have in common.

`reading` is the processors' side, and all other modules run in a child (child.py) on the bytes that somebody uploaded.
"""
