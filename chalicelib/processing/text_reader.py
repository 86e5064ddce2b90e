"""Reads a text from beginning to end, a piece at a time: decodes it, counts, and keeps its beginning."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from chalicelib.processing.encodings import Decoder

PIECE = 1024**2  # bytes that are read at once

# Characters. A longer line is cut, so that none takes all memory.
MAX_LINE = 1024**2


class Reader:
    """Counts the `lines` (ended by CR, LF or both, or by the end) and `words` of all pieces that were read so far.

    `text` has the first characters, `keep` at most. `cut` is true if a line was too long.
    """

    def __init__(self, data: BinaryIO, content_type: str, keep: int) -> None:
        self.words = 0
        self.cut = False
        self._data, self._decoder = data, Decoder(content_type)
        self._ends = 0
        self._last = ""
        self._kept: list[str] = []
        self._room = keep
        data.seek(0)

    @property
    def lines(self) -> int:
        return self._ends + (self._last not in ("", "\n", "\r"))

    @property
    def text(self) -> str:
        return "".join(self._kept)

    @property
    def encoding(self) -> str:
        return self._decoder.encoding

    def pieces(self, *, count_words: bool) -> Iterator[str]:
        """The pieces that were not read yet."""
        while True:
            block = self._data.read(PIECE)
            piece = self._decoder.decode(block, final=len(block) < PIECE)
            if piece:
                self._note(piece, count_words)
                yield piece
            if len(block) < PIECE:
                return

    def each_line(self, *, count_words: bool) -> Iterator[str]:
        """The lines with their ends. Of a line that is too long, its parts."""
        rest = ""
        for piece in self.pieces(count_words=count_words):
            *full, rest = io.StringIO(rest + piece, newline="").readlines()
            yield from full
            if len(rest) > MAX_LINE and rest[-1] != "\n":
                self.cut = True
                yield rest
                rest = ""
        if rest:
            yield rest

    def _note(self, piece: str, count_words: bool) -> None:
        self._ends += piece.count("\n") + piece.count("\r") - piece.count("\r\n")
        if self._last == "\r" and piece[0] == "\n":
            self._ends -= 1  # its first half was counted with the piece before
        if count_words:
            self.words += len(piece.split())
            if self._last and not self._last.isspace() and not piece[0].isspace():
                self.words -= 1  # so was the word's
        self._last = piece[-1]
        if self._room:
            self._kept.append(piece[: self._room])
            self._room -= len(self._kept[-1])
