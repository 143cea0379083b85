"""Open shard files, shared by all readers of a process and bounded in number.

Reads name their position, so any threads may share a file, and so may a forked child.
"""

from __future__ import annotations

import errno
import os
import resource
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

__all__ = ["OPEN_FILES", "Descriptors", "Identity", "OpenFile"]

Identity = tuple[int, int, int]  # device, inode, size
Key = tuple[Path, Identity]


@dataclass
class OpenFile:
    """A file that is open for reading.

    Attributes
    ----------
    fd : int
    users : int
        Reads that need it now.
    """

    fd: int
    users: int = 0


class Descriptors:
    """Least-recently-used set of files open for reading; those in use are never closed.

    Parameters
    ----------
    limit : int or None
        Files to keep; None takes an eighth of the descriptors that the process may have, at most 128.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._open: OrderedDict[Key, OpenFile] = OrderedDict()
        self._lock = threading.Lock()

    def acquire(self, path: Path, identity: Identity) -> OpenFile:
        """Open `path` if it is not; `release` it after use.

        Raises
        ------
        OSError
            The file cannot be opened; ESTALE when another file has taken its place.
        """
        key = path, identity
        with self._lock:
            entry = self._open.get(key)
            if entry is None:
                self._close_idle(self._keep() - 1)
                entry = self._open[key] = OpenFile(self._open_file(path, identity))
            self._open.move_to_end(key)
            entry.users += 1
            return entry

    def release(self, opened: OpenFile) -> None:
        """End one use of a file."""
        with self._lock:
            opened.users -= 1

    @property
    def at_once(self) -> int:
        """Files that one thread should use at a time, so that several threads keep within the limit."""
        return max(1, self._keep() // 8)

    def __len__(self) -> int:
        return len(self._open)

    def after_fork(self) -> None:
        """Forget the parent's threads: none of them is using a file here."""
        self._lock = threading.Lock()
        for entry in self._open.values():
            entry.users = 0

    def _keep(self) -> int:
        if self._limit is None:
            soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            self._limit = 128 if soft == resource.RLIM_INFINITY else max(1, min(128, soft // 8))
        return self._limit

    def _open_file(self, path: Path, identity: Identity) -> int:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or not self._close_idle(0):
                raise
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino, status.st_size) != identity:
            os.close(fd)
            raise OSError(errno.ESTALE, "has been replaced or changed since the store was opened", str(path))
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        return fd

    def _close_idle(self, keep: int) -> int:
        """Close unused files, oldest first, until `keep` are left; return how many were closed."""
        idle = [key for key, entry in self._open.items() if not entry.users]
        idle = idle[: max(0, len(self._open) - keep)]
        for key in idle:
            os.close(self._open.pop(key).fd)
        return len(idle)


OPEN_FILES = Descriptors()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=OPEN_FILES.after_fork)
