"""Open shard files, shared by all readers of a process and bounded in number.

Reads name their position, so any threads may share a descriptor, and so may a forked child.
"""

from __future__ import annotations

import errno
import os
import resource
import threading
from collections import OrderedDict
from pathlib import Path

__all__ = ["OPEN_FILES", "Descriptors", "Identity"]

Identity = tuple[int, int, int]  # device, inode, size
Key = tuple[Path, Identity]


class Descriptors:
    """Least-recently-used set of read-only descriptors; those in use are never closed.

    Parameters
    ----------
    limit : int or None
        Descriptors to keep; None takes a quarter of what the process may open, at most 256.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._open: OrderedDict[Key, list[int]] = OrderedDict()  # [descriptor, users]
        self._lock = threading.Lock()

    def acquire(self, path: Path, identity: Identity) -> int:
        """Return a descriptor of `path`; `release` it after use.

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
                entry = self._open[key] = [self._open_file(path, identity), 0]
            self._open.move_to_end(key)
            entry[1] += 1
            return entry[0]

    def release(self, path: Path, identity: Identity) -> None:
        """End one use of a descriptor."""
        with self._lock:
            self._open[path, identity][1] -= 1

    def forget(self, path: Path, identity: Identity) -> None:
        """Close the descriptor of `path` if nobody uses it."""
        with self._lock:
            entry = self._open.get((path, identity))
            if entry is not None and not entry[1]:
                del self._open[path, identity]
                os.close(entry[0])

    def __len__(self) -> int:
        return len(self._open)

    def after_fork(self) -> None:
        """Forget the parent's threads: none of them is using a descriptor here."""
        self._lock = threading.Lock()
        for entry in self._open.values():
            entry[1] = 0

    def _keep(self) -> int:
        if self._limit is None:
            soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            self._limit = 256 if soft == resource.RLIM_INFINITY else max(1, min(256, soft // 4))
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
        """Close unused descriptors, oldest first, until `keep` are left; return how many were closed."""
        idle = [key for key, entry in self._open.items() if not entry[1]]
        idle = idle[: max(0, len(self._open) - keep)]
        for key in idle:
            os.close(self._open.pop(key)[0])
        return len(idle)


OPEN_FILES = Descriptors()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=OPEN_FILES.after_fork)
