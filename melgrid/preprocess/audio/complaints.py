"""What libraries in C say of a file besides their error: it is kept with the reason."""

from __future__ import annotations

import os

__all__ = ["Complaints", "in_short"]

_WORDS = 300  # characters that are kept


def in_short(words: str) -> str:
    """One line of limited length."""
    return " ".join(words.split())[:_WORDS]


class Complaints:
    """What a C library prints on descriptor 2 from now on, if that is a file (as it is in a worker)."""

    def __init__(self) -> None:
        self._start = self._end()

    @staticmethod
    def _end() -> int:
        try:
            return os.lseek(2, 0, os.SEEK_END)
        except OSError:  # a terminal or a pipe
            return -1

    def read(self) -> str:
        if self._start < 0 or (size := self._end() - self._start) <= 0:
            return ""
        try:
            return os.pread(2, min(size, 2 * _WORDS), self._start).decode("utf-8", "replace")
        except OSError:  # a file that can only be written: outside of a worker
            return ""
