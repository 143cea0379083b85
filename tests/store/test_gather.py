"""Copies out of memory maps: the same bytes, and no signal when a file changes."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.errors import ShardError
from melgrid.store import reader
from melgrid.store.descriptors import OPEN_FILES, OpenFile
from melgrid.store.gather import gather


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 56)), max_size=8))
def test_gathering_is_slicing(spans):
    source = np.random.default_rng(0).integers(0, 256, 256, np.uint8)
    begins, sizes = (np.array([s[i] for s in spans], np.int64) for i in (0, 1))
    target, places = np.full(60 * 8, 7, np.uint8), np.arange(len(spans)) * 60
    gather(source, begins, sizes, target, places)
    expected = np.full(60 * 8, 7, np.uint8)
    for begin, size, place in zip(begins, sizes, places, strict=True):
        expected[place : place + size] = source[begin : begin + size]
    np.testing.assert_array_equal(target, expected)


@pytest.fixture
def warm(make_toy, monkeypatch):
    """A feature set whose files are mapped, because nothing ever comes from the disk."""
    monkeypatch.setattr(reader, "_disk_reads", lambda: 0)
    fs = make_toy(clips=40, frames=lambda i: i % 10).store[0]
    arrays = [fs[c] for c in fs]
    assert maps_of(fs)
    return fs, arrays


def maps_of(fs):
    return [o for (path, _), o in OPEN_FILES._open.items() if fs.store.path in path.parents and o.mapped() is not None]


def everything(fs):
    out = np.empty((fs.lengths.sum(), *fs.frame_shape), fs.dtype)
    fs.read_clips(np.arange(len(fs)), out)
    return fs.decode(out)


def test_maps_give_what_reads_give(warm, monkeypatch):
    fs, arrays = warm
    monkeypatch.setattr(reader.os, "preadv", None)  # would fail
    np.testing.assert_array_equal(everything(fs), np.concatenate(arrays))
    assert len(maps_of(fs)) == len(fs._files)


def test_a_mapped_file_that_is_cut_is_a_typed_error(warm):
    fs, _ = warm
    path = fs._files[1].path
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(ShardError, match=r"shard-00001.h5: ends inside clip"):
        everything(fs)
    os.truncate(path, 0)
    with pytest.raises(ShardError, match=r"shard-00001.h5: ends inside clip"):
        everything(fs)


def test_files_are_read_again_after_the_disk_was_needed(make_toy, monkeypatch):
    blocks = iter([0, 8, 8, 8, 8, 8, 16, 20, 30, 30])
    monkeypatch.setattr(reader, "_disk_reads", lambda: next(blocks))
    fs = make_toy(clips=6).store[0]
    states = []
    for _ in range(5):
        out = np.empty((1, 9, 8), fs.dtype)
        row = np.array([0])
        cold = fs.read(row, np.array([0]), fs.lengths[row], out)
        states.append((cold, bool(maps_of(fs))))
    assert states == [(True, False), (False, True), (False, True), (True, False), (False, True)]


def test_what_cannot_be_mapped_is_read(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    fd = os.open(path, os.O_RDONLY)
    opened = OpenFile(fd, 3)
    assert opened.mapped() is None
    opened.warm = True
    monkeypatch.setattr("mmap.mmap", lambda *a, **k: (_ for _ in ()).throw(OSError(12, "no memory")))
    assert opened.mapped() is None
    assert opened.warm is False
    monkeypatch.undo()
    opened.warm = True
    assert bytes(opened.mapped()) == b"abc"
    opened.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)


def test_maps_are_bounded_and_survive_forks(make_toy):
    toy = make_toy(clips=100, per_shard=1)
    script = (
        "import os, resource, sys, numpy as np; from melgrid.store import open_store\n"
        "import melgrid.store.feature_set, melgrid.store.gather\n"
        "from melgrid.store.descriptors import OPEN_FILES\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "fs = open_store(sys.argv[1])[0]; rng = np.random.default_rng(0)\n"
        "expected = [fs[c] for c in fs]\n"
        "for _ in range(50):\n"
        "    for r in rng.integers(0, 5, 20): assert np.array_equal(fs[fs.clip_ids[r]], expected[r])\n"
        "assert any(o.mapped() is not None for o in OPEN_FILES._open.values())\n"
        "for _ in range(3):\n"
        "    for r in rng.permutation(len(fs)): assert np.array_equal(fs[fs.clip_ids[r]], expected[r])\n"
        "assert len(OPEN_FILES) <= 8 and len(os.listdir('/proc/self/fd')) < 32\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(0 if all(np.array_equal(fs[c], e) for c, e in zip(fs, expected)) else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(toy.path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
