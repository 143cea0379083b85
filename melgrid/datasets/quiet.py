"""Keep what C libraries print away from the terminal: mpg123, for one, comments on every odd MP3 frame."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

__all__ = ["quiet_stderr"]


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what C libraries write to standard error within the block; Python's own messages too.

    For short work in the main process. Workers have their own standard error.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with TemporaryFile() as aside:  # a file, as in workers: what is said of a clip can be read
        try:
            os.dup2(aside.fileno(), 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
