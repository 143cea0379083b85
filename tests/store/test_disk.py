"""Publishing: a file is absent or whole, whatever happens on the way."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from melgrid.errors import ShardError, StoreError
from melgrid.params import Stft
from melgrid.store import About, ShardWriter, disk, lock, read_shard_info, sweep
from melgrid.store.disk import publish_bytes, publish_new, temporary

FEATURE = Stft(sr=8000, n_fft=16)


def writer(folder, clips=3, generation=0):
    return ShardWriter(folder, 0, FEATURE, About(dataset="x"), {"clip_id": [f"c{i}" for i in range(clips)]}, generation)


def fill(shard, number=1.0, clips=3):
    for _ in range(clips):
        shard.append(np.full((5, 9), number, np.float32))
    return shard.publish()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_publish_leaves_one_file(tmp_path):
    with writer(tmp_path) as shard:
        assert len(names(tmp_path)) == 1
        fill(shard)
    assert names(tmp_path) == ["shard-00000.h5"]


def test_leaving_without_publishing_leaves_nothing(tmp_path):
    with writer(tmp_path) as shard:
        shard.append(np.zeros((5, 9), np.float32))
    assert names(tmp_path) == []


def test_a_published_file_is_never_replaced(tmp_path):
    with writer(tmp_path) as shard:
        before = fill(shard)
    with writer(tmp_path) as shard, pytest.raises(ShardError, match="never replaced"):
        fill(shard, 2.0)
    assert read_shard_info(tmp_path / "shard-00000.h5") == before
    assert names(tmp_path) == ["shard-00000.h5"]


def test_a_task_that_runs_twice_is_no_conflict(tmp_path):
    with writer(tmp_path) as one, writer(tmp_path) as other:
        assert fill(one) == fill(other)
    assert names(tmp_path) == ["shard-00000.h5"]


def test_a_later_generation_has_its_own_name(tmp_path):
    fill(writer(tmp_path))
    assert fill(writer(tmp_path, generation=1), 2.0).file == "shard-00000-r1.h5"
    assert names(tmp_path) == ["shard-00000-r1.h5", "shard-00000.h5"]


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_publishing_works_without_hard_links(tmp_path, monkeypatch, code):
    def no_link(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", no_link)
    before = fill(writer(tmp_path))
    with writer(tmp_path) as shard, pytest.raises(ShardError, match="never replaced"):
        fill(shard, 2.0)
    assert read_shard_info(tmp_path / "shard-00000.h5") == before


def test_publish_new_raises_when_the_name_is_taken(tmp_path):
    (tmp_path / "x").write_bytes(b"old")
    fd, temp = temporary(tmp_path, "x")
    with pytest.raises(FileExistsError):
        publish_new(temp, tmp_path / "x")
    os.close(fd)
    assert (tmp_path / "x").read_bytes() == b"old"
    assert temp.exists()


@pytest.mark.parametrize("call", ["pwrite", "ftruncate", "fsync", "link"])
def test_a_full_or_broken_disk_is_an_ordinary_error(tmp_path, monkeypatch, call):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    shard = writer(tmp_path)
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="space") as caught, shard:
        fill(shard)
    assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == []


def test_writes_go_on_after_short_counts(tmp_path, monkeypatch):
    expected = fill(writer(tmp_path / "a"))
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[: max(1, min(len(data), 100))], at))
    assert fill(writer(tmp_path / "b")) == expected


def test_sweep_spares_the_files_of_the_living(tmp_path):
    fd, alive = temporary(tmp_path, "shard-00000.h5")
    dead = tmp_path / ".shard-00001.h5.0123.tmp"
    dead.write_bytes(b"half")
    (tmp_path / "notes.tmp").write_bytes(b"of the user")
    assert sweep(tmp_path) == [dead]
    assert alive.exists()
    os.close(fd)
    assert sweep(tmp_path) == [alive]
    assert names(tmp_path) == ["notes.tmp"]


def test_sweep_spares_everything_where_nobody_can_lock(tmp_path, monkeypatch):
    (tmp_path / ".x.0.tmp").write_bytes(b"")

    def unsupported(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    assert sweep(tmp_path) == []
    fill(writer(tmp_path))
    with pytest.warns(UserWarning, match="no file locks"), lock(tmp_path):
        pass


def test_a_temporary_taken_by_a_sweep_is_made_again(tmp_path, monkeypatch):
    """The sweep may see a new file before its maker has locked it."""
    flock, calls = fcntl.flock, []

    def first_comes_too_late(fd, how):
        calls.append(fd)
        if len(calls) == 1:
            sweep_of_another(tmp_path)
        flock(fd, how)

    def sweep_of_another(folder):
        for path in folder.glob(".*.tmp"):
            path.unlink()

    monkeypatch.setattr(fcntl, "flock", first_comes_too_late)
    fd, path = temporary(tmp_path, "x")
    assert path.exists()
    assert len(calls) == 2
    os.close(fd)


def test_publish_bytes_replaces_whole_files(tmp_path):
    publish_bytes(tmp_path / "x", b"one")
    publish_bytes(tmp_path / "x", b"two")
    assert (tmp_path / "x").read_bytes() == b"two"
    assert names(tmp_path) == ["x"]


def test_publish_bytes_keeps_the_old_file_when_it_fails(tmp_path, monkeypatch):
    publish_bytes(tmp_path / "x", b"one")

    def fail(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="broken"):
        publish_bytes(tmp_path / "x", b"two")
    assert (tmp_path / "x").read_bytes() == b"one"
    assert names(tmp_path) == ["x"]


def test_the_lock_is_exclusive_and_names_its_holder(tmp_path):
    with lock(tmp_path), pytest.raises(StoreError, match=f"process {os.getpid()} on"), lock(tmp_path):
        pass
    with lock(tmp_path):
        pass
    assert names(tmp_path) == []


def test_shards_are_locked_one_by_one(tmp_path):
    with lock(tmp_path), lock(tmp_path, 1), lock(tmp_path, 2), pytest.raises(StoreError, match="shard 2 of"):
        lock(tmp_path, 2).__enter__()


def test_a_lock_that_its_holder_removes_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    flock, calls = fcntl.flock, []

    def holder_leaves(fd, how):
        calls.append(fd)
        if len(calls) == 1:
            (tmp_path / ".lock").unlink()
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", holder_leaves)
    with lock(tmp_path):
        assert (tmp_path / ".lock").exists()


KILLED = """
import os, signal, sys
import numpy as np
from pathlib import Path
from melgrid.params import Stft
from melgrid.store import About, ShardWriter, disk
from melgrid.store.shards import shard as module

def die(*_): os.kill(os.getpid(), signal.SIGKILL)

step, folder = sys.argv[1], Path(sys.argv[2])
shard = ShardWriter(folder, 0, Stft(sr=8000, n_fft=16), About(dataset="x"), {"clip_id": ["c0", "c1", "c2"]})
for i in range(3):
    shard.append(np.full((5, 9), 1.0, np.float32))
    if step == "append" and i == 1: die()
if step == "header": os.ftruncate = die
if step == "sync": os.fsync = die
if step == "link": os.link = die
if step == "unlink": disk.Path.unlink = die
shard.publish()
"""


@pytest.mark.parametrize("step", ["append", "header", "sync", "link", "unlink"])
def test_a_killed_writer_leaves_no_half_shard(tmp_path, step):
    done = subprocess.run([sys.executable, "-c", KILLED, step, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    final = tmp_path / "shard-00000.h5"
    assert final.exists() == (step == "unlink")
    expected = fill(writer(tmp_path / "uninterrupted"))
    if step == "append":
        (left,) = tmp_path.glob(".*.tmp")
        assert not left.read_bytes().startswith(b"\x89HDF")
    assert len(sweep(tmp_path)) == 1
    assert fill(writer(tmp_path)) == expected
    assert disk.stale(tmp_path) == []
