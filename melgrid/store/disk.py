"""Files that are either absent or whole: exclusive temporaries, durable publishing, locks.

Nothing here knows what is in the files.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path

from melgrid.errors import StoreError

__all__ = ["lock", "publish_bytes", "publish_new", "reserve", "sweep", "temporary", "write_all"]

UNSUPPORTED = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
NO_HARD_LINKS = UNSUPPORTED | {errno.EPERM, errno.EMLINK, errno.EXDEV}
RESERVE_STEP = 16 << 20  # at most; small files claim less


def temporary(folder: Path, name: str) -> tuple[int, Path]:
    """Make an empty file that only its maker knows, and hold a lock on it.

    Parameters
    ----------
    folder : Path
        Where the finished file will stand.
    name : str
        The finished file's name.

    Returns
    -------
    descriptor : int, open for reading and writing
    path : Path, ``folder/.NAME.RANDOM.tmp``
    """
    while True:
        path = folder / f".{name}.{secrets.token_hex(6)}.tmp"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            _flock(fd)
            if os.fstat(fd).st_nlink:
                return fd, path
        except BlockingIOError:
            pass  # a sweep came between the two calls and is about to remove the file
        except BaseException:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        os.close(fd)


def sweep(folder: Path) -> list[Path]:
    """Remove temporaries whose makers are gone.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of Path, those removed; none where the file system has no locks, because then nobody can know
    """
    return [path for path in stale(folder) if _remove(path)]


def stale(folder: Path) -> list[Path]:
    """Return the temporaries in `folder` whose makers are gone."""
    found = []
    for path in sorted(folder.glob(".*.tmp")):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if _flock(fd):
                found.append(path)
        except BlockingIOError:
            pass
        finally:
            os.close(fd)
    return found


def write_all(fd: int, data: bytes | memoryview, position: int) -> None:
    """Write every byte of `data` at `position`, however little the system takes at a time."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, position)
        view, position = view[written:], position + written


def reserve(fd: int, size: int) -> int:
    """Claim disk blocks up to at least `size`, in large steps, so that a full disk is a plain error now.

    Parameters
    ----------
    fd : int
    size : int, bytes

    Returns
    -------
    int, the size claimed; where the file system cannot reserve, a size that is never reached

    Raises
    ------
    OSError
        The disk is full.
    """
    claimed = size + min(max(size // 4, 1 << 20), RESERVE_STEP)
    present = os.fstat(fd).st_size
    if size <= present:
        return present
    try:
        os.posix_fallocate(fd, present, claimed - present)
    except AttributeError:
        return 1 << 62
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return 1 << 62
    return claimed


def publish_new(temp: Path, final: Path) -> None:
    """Give a finished, synced temporary its final name, never replacing a file that has it.

    Raises
    ------
    FileExistsError
        A file of that name exists; the temporary is left alone.
    """
    try:
        os.link(temp, final)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        # Without hard links there is no atomic call for this: the shard's lock keeps others away.
        if final.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final)) from None
        temp.rename(final)
    else:
        temp.unlink()
    sync_folder(final.parent)


def publish_bytes(path: Path, data: bytes) -> None:
    """Write a small file so that readers see either the old or the new one, also after a power cut.

    Parameters
    ----------
    path : Path
        Replaced when it exists.
    data : bytes
    """
    fd, temp = temporary(path.parent, path.name)
    try:
        write_all(fd, data, 0)
        os.fsync(fd)
        temp.replace(path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(fd)


@contextlib.contextmanager
def lock(store: Path, shard: int | None = None) -> Iterator[None]:
    """Keep other producers away from a store, or from one of its shards.

    Locks end with the process that holds them, however it ends.

    Parameters
    ----------
    store : Path
        Folder of the store; made when it does not exist.
    shard : int or None
        Number of a shard; None locks the store itself.

    Raises
    ------
    StoreError
        Somebody holds it; the message says who.
    """
    what = str(store) if shard is None else f"shard {shard} of {store}"
    store.mkdir(parents=True, exist_ok=True)
    path = store / (".lock" if shard is None else f".lock-{shard:05d}")
    fd = _acquire(path, what)
    try:
        os.ftruncate(fd, 0)
        write_all(fd, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)


def _acquire(path: Path, what: str) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if not _flock(fd):
                warnings.warn(f"{path.parent} has no file locks: run only one producer at a time", stacklevel=5)
            if os.fstat(fd).st_nlink:  # else its holder has just finished and removed it
                return fd
        except BlockingIOError:
            holder = os.pread(fd, 200, 0).decode(errors="replace").strip() or "another process"
            os.close(fd)
            raise StoreError(f"{what} is being written by {holder}; wait for it to end, or stop it") from None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _flock(fd: int) -> bool:
    """Lock without waiting; False where the file system cannot, BlockingIOError when somebody else did."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return False
    return True


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
