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
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from melgrid.errors import StoreError

__all__ = ["lock", "publish_bytes", "publish_new", "stale", "sweep", "sync", "temporary", "write_all"]

UNSUPPORTED = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
NO_HARD_LINKS = UNSUPPORTED | {errno.EPERM, errno.EMLINK, errno.EXDEV}


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
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError as error:  # about the file that its caller knows of
            raise OSError(error.errno, error.strerror, str(folder / name)) from None
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
    """Remove temporaries and shard locks whose makers are gone.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of Path, those removed; none where the file system has no locks, because then nobody can know
    """
    return [path for path in _abandoned(folder) if _remove(path)]


def stale(folder: Path) -> list[Path]:
    """Return the temporaries and shard locks in `folder` whose makers are gone."""
    return list(_abandoned(folder))


def _abandoned(folder: Path) -> Iterator[Path]:
    """Yield each while its lock is held, so that nobody can come to own it before it is removed."""
    for path in sorted([*folder.glob(".*.tmp"), *folder.glob(".lock-*")]):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if _flock(fd) and os.fstat(fd).st_nlink:
                yield path
        except BlockingIOError:
            pass
        finally:
            os.close(fd)


def write_all(fd: int, data: bytes | memoryview, position: int) -> None:
    """Write every byte of `data` at `position`, however little the system takes at a time."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, position)
        view, position = view[written:], position + written


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
    sync(final.parent)


def publish_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a small file so that readers see either the old or the new one, also after a power cut.

    Parameters
    ----------
    path : Path
        Replaced when it exists.
    data : bytes
    durable : bool
        False does not wait for the disk: for what is derived and can be made again after a power cut.
    """
    fd, temp = temporary(path.parent, path.name)
    try:
        write_all(fd, data, 0)
        if durable:
            os.fsync(fd)
        temp.replace(path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    if durable:
        sync(path.parent)


def sync(path: Path) -> None:
    """Make the bytes of a file, or the names in a folder, durable."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(fd)


@contextlib.contextmanager
def lock(
    store: Path,
    part: int | Literal["deal"] | None = None,
    *,
    shared: bool = False,
    wait: Callable[[], object] | None = None,
) -> Iterator[None]:
    """Keep other producers away from a store, or from a part of it.

    Locks are `flock`'s, which end with the process that holds them, however it ends. Over NFS (version 4) and on
    cluster file systems they hold between machines; the text in a lock file is for people and never judged.

    Parameters
    ----------
    store : Path
        Folder of the store; made when it does not exist.
    part : int, "deal" or None
        Number of a shard, or the making of the manifest; None locks the store itself.
    shared : bool
        Let others in who share, too, and keep away who does not.
    wait : callable or None
        Called between attempts while somebody holds it; None gives up at once.

    Raises
    ------
    StoreError
        Somebody holds it; the message says who.
    """
    name = f"{part:05d}" if isinstance(part, int) else part
    what = str(store) if part is None else f"{'shard ' * isinstance(part, int)}{part} of {store}"
    store.mkdir(parents=True, exist_ok=True)
    path = store / (".lock" if name is None else f".lock-{name}")
    fd = _acquire(path, what, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait)
    try:
        os.ftruncate(fd, 0)
        write_all(fd, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        if not shared:  # else others may hold it; who has it alone next removes it
            path.unlink(missing_ok=True)
        os.close(fd)


def _acquire(path: Path, what: str, kind: int, wait: Callable[[], object] | None) -> int:
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path.parent)) from None
        try:
            if not _flock(fd, kind):
                warnings.warn(f"{path.parent} has no file locks: run only one producer at a time", stacklevel=5)
            if os.fstat(fd).st_nlink:  # else its holder has just finished and removed it
                return fd
        except BlockingIOError:
            if wait is None:
                holder = _holder(fd)
                os.close(fd)
                raise StoreError(f"{what} is being written by {holder}; wait for it to end, or stop it") from None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        if wait is not None:
            wait()


def _holder(fd: int) -> str:
    """Who has the lock: it writes its name just after it took it, so a look may come too soon."""
    for _ in range(100):
        if name := os.pread(fd, 200, 0).decode(errors="replace").strip():
            return name
        time.sleep(0.01)
    return "another process"


def _flock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock without waiting; False where the file system cannot, BlockingIOError when somebody else did."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
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
