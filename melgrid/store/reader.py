"""Positional reads of stored frames, straight into the caller's memory and past HDF5.

HDF5 has one lock per process, advisory file locks, and handles that do not survive a fork. Features are one
contiguous block at a recorded offset, so a crop is one ``preadv``: it releases the interpreter lock, shares nothing
and meets a truncated file with a short count. Files that are in the page cache are copied from a memory map, which is
twice as fast; see `OpenFile.mapped`.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ShardError
from melgrid.store.descriptors import OPEN_FILES, Identity, OpenFile

__all__ = ["ShardFile", "advise", "read_spans"]

Ints = NDArray[np.int64]
Span = tuple[int, int, int, int]  # position, size, place in memory, number


class ShardFile:
    """A published shard as bytes.

    Parameters
    ----------
    path : Path
    size : int
        Bytes that the manifest says it has.
    data_offset : int or None
        Where its features begin.

    Raises
    ------
    ShardError
        The file is missing or has another size.
    """

    def __init__(self, path: Path, size: int, data_offset: int | None) -> None:
        self.path = path
        self.data_offset = data_offset or 0
        try:
            status = path.stat()
        except OSError as error:
            raise ShardError(f"{path}: is missing ({error.strerror}). {REMEDY}") from None
        if status.st_size != size:
            raise ShardError(f"{path}: has {status.st_size} bytes, should have {size}. {REMEDY}")
        self.identity: Identity = status.st_dev, status.st_ino, status.st_size


def read_spans(
    files: list[ShardFile],
    shards: Ints,
    positions: Ints,
    sizes: Ints,
    out: memoryview,
    places: Ints,
    clip_of: Callable[[int], str],
) -> bool:
    """Read spans of bytes, shard by shard.

    Parameters
    ----------
    files : list of ShardFile
    shards : ndarray, shape (n,)
        Which file each span is in.
    positions, sizes : ndarray, shape (n,), bytes
        From the start of the file's features.
    out : memoryview of bytes
    places : ndarray, shape (n,), bytes
        Where each span goes in `out`.
    clip_of : callable
        Id of the clip that span i belongs to, for messages.

    Returns
    -------
    bool
        Whether anything had to come from the disk.

    Raises
    ------
    ShardError
        A file has gone, has been replaced, is too short, or the disk fails.
    """
    target = np.frombuffer(out, np.uint8)
    used: list[OpenFile] = []
    before = _disk_reads()
    order = np.lexsort((positions, shards))
    shards, positions, sizes, places = shards[order], positions[order], sizes[order], places[order]
    first = 0
    for shard, group in groupby(shards.tolist()):
        part = slice(first, first := first + len(list(group)))
        file = files[shard]
        opened = _open(file)
        try:
            memory = opened.mapped()
            if memory is not None:
                from melgrid.store.gather import gather  # numba takes a while to load

                gather(memory, positions[part] + file.data_offset, sizes[part], target, places[part])
            else:
                # lists: taking numbers out of arrays one at a time would cost more than the reads
                columns = (a[part].tolist() for a in (positions, sizes, places, order))
                _read_runs(file, opened.fd, list(zip(*columns, strict=True)), out, clip_of)
        finally:
            OPEN_FILES.release(opened)
        used.append(opened)
    cold = _disk_reads() != before
    for opened in used:
        opened.warm = not cold
    return cold


def _read_runs(file: ShardFile, fd: int, spans: list[Span], out: memoryview, clip_of: Callable[[int], str]) -> None:
    first = 0
    while first < len(spans):
        begin, size, place, number = spans[first]
        after = first + 1
        # spans that follow one another in the file and in memory are one read
        while after < len(spans) and spans[after][0] == begin + size and spans[after][2] == place + size:
            size += spans[after][1]
            after += 1
        count = 0
        try:
            while count < size:
                more = os.preadv(fd, (out[place + count : place + size],), file.data_offset + begin + count)
                if not more:
                    number = next(s[3] for s in spans[first:after] if s[0] + s[1] > begin + count)
                    raise ShardError(
                        f"{file.path}: ends inside clip {clip_of(number)!r}, at byte "
                        f"{file.data_offset + begin + count}. {REMEDY}"
                    )
                count += more
        except ShardError:
            raise
        except OSError as error:
            raise ShardError(f"{file.path}: clip {clip_of(number)!r} cannot be read: {error.strerror}") from error
        first = after


def advise(files: list[ShardFile], shards: Ints, positions: Ints, sizes: Ints) -> None:
    """Ask the system to fetch spans that will be read soon; does nothing where it takes no advice."""
    if not hasattr(os, "posix_fadvise"):
        return
    spans = sorted(zip(shards.tolist(), positions.tolist(), sizes.tolist(), strict=True))
    for shard, group in groupby(spans, itemgetter(0)):
        file = files[shard]
        opened = _open(file)
        try:
            for _, position, size in group:
                os.posix_fadvise(opened.fd, file.data_offset + position, size, os.POSIX_FADV_WILLNEED)
        finally:
            OPEN_FILES.release(opened)


def _disk_reads() -> int:
    """Blocks that this thread has had read from disks; zero for ever on systems that do not count."""
    return resource.getrusage(_WHO).ru_inblock


def _open(file: ShardFile) -> OpenFile:
    try:
        return OPEN_FILES.acquire(file.path, file.identity)
    except OSError as error:
        raise ShardError(f"{file.path}: cannot be opened: {error.strerror}. {REMEDY}") from error


_WHO = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
REMEDY = "melgrid verify --repair says what can be done"
