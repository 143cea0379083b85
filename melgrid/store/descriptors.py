"""Open shard files, shared by all readers of a process and bounded in number.

Reads name their position, so any threads may share a file, and so may a forked child.
"""

from __future__ import annotations

import errno
import mmap
import os
import resource
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["OPEN_FILES", "Descriptors", "Identity", "OpenFile"]

Identity = tuple[int, int, int]  # device, inode, size
Key = tuple[Path, Identity]


class OpenFile:
    """A file that is open for reading, and mapped into memory once it is known to be in the page cache.

    Attributes
    ----------
    fd : int
    users : int
    warm : bool
        Whether the last reads found everything in the page cache. Set by readers.
    """

    def __init__(self, fd: int, size: int) -> None:
        self.fd = fd
        self.users = 0
        self.warm = False
        self._size = size
        self._map: NDArray[np.uint8] | None = None

    def mapped(self) -> NDArray[np.uint8] | None:
        """Return the bytes of the file as memory, or None where that would be slower or unsafe.

        Copying from a map costs half of what ``preadv`` costs. But it reads page by page what is not in the cache,
        and a page behind the end of a file that has become shorter is a signal (SIGBUS), not an error. So the size is
        looked at each time; the signal remains possible in the microseconds between that and the copy.
        """
        if not self.warm or os.fstat(self.fd).st_size != self._size:
            return None
        if self._map is None:
            try:
                self._map = np.frombuffer(mmap.mmap(self.fd, self._size, access=mmap.ACCESS_READ), np.uint8)
            except (OSError, ValueError):  # no address space, no descriptor for the map's own copy, no maps here
                self.warm = False
        return self._map

    def close(self) -> None:
        """Close the descriptor; the map goes when its last view does."""
        self._map = None
        os.close(self.fd)


class Descriptors:
    """Least-recently-used set of files open for reading; those in use are never closed.

    Parameters
    ----------
    limit : int or None
        Files to keep; None takes an eighth of the descriptors that the process may have, at most 128. A file that is
        mapped has two.
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
                entry = self._open[key] = OpenFile(self._open_file(path, identity), identity[2])
            self._open.move_to_end(key)
            entry.users += 1
            return entry

    def release(self, opened: OpenFile) -> None:
        """End one use of a file."""
        with self._lock:
            opened.users -= 1

    def forget(self, path: Path, identity: Identity) -> None:
        """Close `path` if nobody uses it."""
        with self._lock:
            entry = self._open.get((path, identity))
            if entry is not None and not entry.users:
                del self._open[path, identity]
                entry.close()

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
            self._open.pop(key).close()
        return len(idle)


OPEN_FILES = Descriptors()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=OPEN_FILES.after_fork)
