"""Memory for batches, used again once nobody holds an array in it.

Fresh memory costs a page fault every 4 KiB, as much as reading the batch. Threads of a framework that free what other
threads made get fresh memory each time.
"""

from __future__ import annotations

import math
import mmap
import weakref
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Buffers"]


class Buffers:
    """Make uninitialised arrays; their memory comes back when the last view of them is gone.

    Any thread may ask. As many buffers exist as were ever held at once, each of the size of the largest.
    """

    def __init__(self) -> None:
        self._size = 0
        self._free: list[mmap.mmap] = []

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Make an array.

        Parameters
        ----------
        shape : tuple of int
        dtype : dtype

        Returns
        -------
        C-contiguous array, not initialised
        """
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        if size == 0:
            return np.empty(shape, dtype)
        if size > self._size:
            self._size = size
        memory = self._take()
        # every view of `bytes_`, and of its views, refers to `bytes_` itself, because that does not own its memory
        bytes_ = np.frombuffer(memory, np.uint8, size)
        weakref.finalize(bytes_, self._give_back, memory).atexit = False
        return bytes_.view(dtype).reshape(shape)

    def _take(self) -> mmap.mmap:
        while True:
            try:
                memory = self._free.pop()  # atomic, as is append: no lock, which a finalizer could deadlock on
            except IndexError:
                # private: a forked child must not write into its parent's batches
                return mmap.mmap(-1, self._size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            if len(memory) >= self._size:
                return memory

    def _give_back(self, memory: mmap.mmap) -> None:
        self._free.append(memory)

    def __reduce__(self) -> tuple[type[Buffers], tuple[()]]:
        return Buffers, ()
