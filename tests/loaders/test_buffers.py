from __future__ import annotations

import gc
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from melgrid.loaders.buffers import Buffers


def address(x: Any) -> int:
    return int(x.__array_interface__["data"][0])


def test_memory_is_used_again_once_it_is_free() -> None:
    buffers = Buffers()
    seen = {address(buffers.empty((4, 5), np.float32)) for _ in range(10)}
    assert len(seen) == 1


def test_arrays_that_are_held_keep_their_memory() -> None:
    buffers = Buffers()
    held = [buffers.empty((4, 5), np.float32) for _ in range(5)]
    for i, x in enumerate(held):
        x[:] = i
    del x
    spare = buffers.empty((4, 5), np.float32)
    spare[:] = 99
    assert [float(x.max()) for x in held] == [0, 1, 2, 3, 4]
    assert len({address(x) for x in [*held, spare]}) == 6


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[1:],
        lambda x: x[:, ::2].T,
        lambda x: x.reshape(-1)[3:].view(np.uint8),
        lambda x: memoryview(x),
        lambda x: np.asarray(memoryview(x))[1:],
        lambda x: x[0, 1:].reshape(2, 2)[0],
        lambda x: np.from_dlpack(x)[1:],
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1),
    ],
)
def test_any_view_keeps_the_memory(view: Any) -> None:
    buffers = Buffers()
    first = buffers.empty((4, 5), np.float32)
    first[:] = 7
    place, kept = address(first), view(first)
    before = bytes(np.ascontiguousarray(kept))
    del first
    gc.collect()
    other = buffers.empty((4, 5), np.float32)
    other[:] = 99
    assert address(other) != place
    assert bytes(np.ascontiguousarray(kept)) == before
    del kept
    assert address(buffers.empty((4, 5), np.float32)) == place


def test_a_smaller_array_fits_and_a_larger_one_gets_more() -> None:
    buffers = Buffers()
    place = address(buffers.empty((4, 5), np.float32))
    assert address(buffers.empty((2, 5), np.float16)) == place
    large = buffers.empty((4000, 5), np.float32)
    large[:] = 1
    assert large.shape == (4000, 5)
    again = address(large)
    del large
    assert address(buffers.empty((4, 5), np.float32)) == again


def test_empty_arrays_need_no_memory() -> None:
    x = Buffers().empty((0, 5), np.float32)
    assert (x.shape, x.dtype) == ((0, 5), np.dtype(np.float32))


def test_threads_never_share_memory_that_is_in_use() -> None:
    buffers = Buffers()

    def work(number: int) -> bool:
        for _ in range(200):
            x = buffers.empty((64,), np.int64)
            x[:] = number
            y = x[::2]
            del x
            if not (y == number).all():
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(32)))


def test_a_forked_child_writes_into_memory_of_its_own() -> None:
    code = """
import os, sys
import numpy as np
from melgrid.loaders.buffers import Buffers
x = Buffers().empty((4,), np.float32)
x[:] = 1
if os.fork() == 0:
    x[:] = 2
    os._exit(0)
os.wait()
print(x.tolist())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[1.0, 1.0, 1.0, 1.0]\n"


def test_a_copy_starts_empty() -> None:
    buffers = Buffers()
    x = buffers.empty((4,), np.float32)
    assert address(pickle.loads(pickle.dumps(buffers)).empty((4,), np.float32)) != address(x)
