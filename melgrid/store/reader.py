"""Positional reads of stored frames, straight into the caller's memory and past HDF5.

HDF5 has one lock per process, advisory file locks, and handles that do not survive a fork. Features are one
contiguous block at a recorded offset, so a crop is one ``preadv``: it releases the interpreter lock, shares nothing
and meets a truncated file with a short count, not with a signal as a memory map does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ShardError
from melgrid.store.descriptors import OPEN_FILES, Identity

__all__ = ["ShardFile", "advise", "read_spans"]

Ints = NDArray[np.int64]


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
) -> None:
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

    Raises
    ------
    ShardError
        A file has gone, has been replaced, is too short, or the disk fails.
    """
    order = np.lexsort((positions, shards))
    shards, positions, sizes, places = shards[order], positions[order], sizes[order], places[order]
    ends = positions + sizes
    # Spans that follow one another in the file and in memory are one read.
    joins = (shards[1:] == shards[:-1]) & (positions[1:] == ends[:-1]) & (places[1:] == places[:-1] + sizes[:-1])
    first = np.flatnonzero(np.concatenate([[True], ~joins]))
    last = np.append(first[1:], len(order)) - 1
    # One conversion for all spans: indexing arrays one element at a time would cost more than the reads.
    runs = zip(
        *(a.tolist() for a in (shards[first], positions[first], ends[last] - positions[first], places[first])),
        strict=True,
    )
    held: ShardFile | None = None
    fd = -1
    try:
        for run, (shard, position, size, place) in enumerate(runs):
            file = files[shard]
            if file is not held:
                if held is not None:
                    OPEN_FILES.release(held.path, held.identity)
                    held = None
                fd = _open(file)
                held = file
            view = out[place : place + size]
            count = os.preadv(fd, (view,), file.data_offset + position)
            while count < size:
                more = os.preadv(fd, (view[count:],), file.data_offset + position + count)
                if not more:
                    span = first[run] + int(np.searchsorted(ends[first[run] : last[run]], position + count, "right"))
                    raise ShardError(
                        f"{file.path}: ends inside clip {clip_of(int(order[span]))!r}, at byte "
                        f"{file.data_offset + position + count}. {REMEDY}"
                    )
                count += more
    except ShardError:
        raise
    except OSError as error:
        clip = clip_of(int(order[first[run]]))
        raise ShardError(f"{file.path}: clip {clip!r} cannot be read: {error.strerror}") from error
    finally:
        if held is not None:
            OPEN_FILES.release(held.path, held.identity)


def advise(files: list[ShardFile], shards: Ints, positions: Ints, sizes: Ints) -> None:
    """Ask the system to fetch spans that will be read soon; does nothing where it takes no advice."""
    if not hasattr(os, "posix_fadvise"):
        return
    for shard, position, size in zip(shards.tolist(), positions.tolist(), sizes.tolist(), strict=True):
        file = files[shard]
        fd = _open(file)
        try:
            os.posix_fadvise(fd, file.data_offset + position, size, os.POSIX_FADV_WILLNEED)
        finally:
            OPEN_FILES.release(file.path, file.identity)


def _open(file: ShardFile) -> int:
    try:
        return OPEN_FILES.acquire(file.path, file.identity)
    except OSError as error:
        raise ShardError(f"{file.path}: cannot be opened: {error.strerror}. {REMEDY}") from error


REMEDY = "melgrid verify --repair says what can be done"
