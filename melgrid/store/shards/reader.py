"""Positional reads of stored frames, straight into the caller's memory and past HDF5.

HDF5 has one lock per process, advisory file locks, and handles that do not survive a fork. Features are one
contiguous block at a recorded offset, so a crop is one ``pread``: it needs no interpreter lock, shares nothing and
meets a truncated file with a short count. A memory map would give the same bytes somewhat faster, but there the end of
a file that has become shorter is a signal (SIGBUS) that ends the process.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ShardError
from melgrid.store.shards.descriptors import OPEN_FILES, Identity
from melgrid.store.shards.shard_info import REMEDY, ShardInfo

__all__ = ["ShardFiles"]

Ints = NDArray[np.int64]
MANY = 4  # spans: fewer are read without numba
POSITION_BITS = 44  # of a sort key; the rest is for the number of the shard


class ShardFiles:
    """The published shards of a feature set, as bytes.

    Parameters
    ----------
    folder : Path
    shards : sequence of ShardInfo
        From the shard table.

    Raises
    ------
    ShardError
        A file is missing or has another size than the table says.
    """

    def __init__(self, folder: Path, shards: Sequence[ShardInfo]) -> None:
        self.paths = [folder / shard.file for shard in shards]
        self._identities = [_identity(path, shard.bytes) for path, shard in zip(self.paths, shards, strict=True)]
        self._offsets = np.array([shard.data_offset or 0 for shard in shards], np.int64)

    def read(
        self,
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
        before = _disk_reads()
        order = np.argsort((shards << POSITION_BITS) + positions)
        wanted = sorted(set(shards.tolist()))
        at_once = OPEN_FILES.at_once
        for first in range(0, len(wanted), at_once):
            some = wanted[first : first + at_once]
            part = order if len(some) == len(wanted) else order[np.isin(shards[order], some)]
            with self._open(some) as descriptors:
                while len(part):
                    done = 0
                    if len(part) >= MANY:
                        from melgrid.store.shards.gather import read  # numba takes a while to load

                        target = np.frombuffer(out, np.uint8)
                        done = read(part, descriptors, self._offsets, shards, positions, sizes, target, places)
                    for i in part[done : done + 1].tolist():
                        view = out[places[i] : places[i] + sizes[i]]
                        self._read_one(shards[i], descriptors, positions[i], view, partial(clip_of, i))
                    part = part[done + 1 :]
        return _disk_reads() != before

    def advise(self, shards: Ints, positions: Ints, sizes: Ints) -> None:
        """Ask the system to fetch spans that will be read soon; does nothing where it takes no advice."""
        if not hasattr(os, "posix_fadvise"):
            return
        spans = sorted(zip(shards.tolist(), (positions + self._offsets[shards]).tolist(), sizes.tolist(), strict=True))
        for shard, group in groupby(spans, itemgetter(0)):
            with self._open([shard]) as descriptors:
                for _, begin, size in group:
                    os.posix_fadvise(int(descriptors[shard]), begin, size, os.POSIX_FADV_WILLNEED)

    @contextmanager
    def _open(self, shards: Sequence[int]) -> Iterator[Ints]:
        """Descriptor of each of some files, at its number."""
        descriptors = np.full(len(self.paths), -1, np.int64)
        opened = []
        try:
            for shard in shards:
                try:
                    opened.append(OPEN_FILES.acquire(self.paths[shard], self._identities[shard]))
                except OSError as error:
                    raise ShardError(f"{self.paths[shard]}: cannot be opened: {error.strerror}. {REMEDY}") from error
                descriptors[shard] = opened[-1].fd
            yield descriptors
        finally:
            for file in opened:
                OPEN_FILES.release(file)

    def _read_one(
        self, shard: int, descriptors: Ints, position: int, view: memoryview, clip: Callable[[], str]
    ) -> None:
        """Read one span, however little comes at a time, or say why not."""
        begin = int(self._offsets[shard] + position)
        count = 0
        while count < len(view):
            try:
                more = os.preadv(int(descriptors[shard]), (view[count:],), begin + count)
            except OSError as error:
                raise ShardError(
                    f"{self.paths[shard]}: clip {clip()!r} cannot be read: {error.strerror}. {REMEDY}"
                ) from error
            if not more:
                raise ShardError(f"{self.paths[shard]}: ends inside clip {clip()!r}, at byte {begin + count}. {REMEDY}")
            count += more


def _identity(path: Path, size: int) -> Identity:
    try:
        status = path.stat()
    except OSError as error:
        raise ShardError(f"{path}: is missing ({error.strerror}). {REMEDY}") from None
    if status.st_size != size:
        raise ShardError(f"{path}: has {status.st_size} bytes, should have {size}. {REMEDY}")
    return status.st_dev, status.st_ino, status.st_size


def _disk_reads() -> int:
    """Blocks that this thread has had read from disks; zero for ever on systems that do not count."""
    return resource.getrusage(_WHO).ru_inblock


_WHO = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
