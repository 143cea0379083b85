"""Who may produce beside whom, and what may be swept while others are at work."""

import errno
import fcntl
import os
import threading
import time

import pytest

from melgrid.errors import StoreError
from melgrid.store import lock
from melgrid.store.disk import publish_bytes, stale, sweep, temporary


def test_who_shares_keeps_out_who_does_not(tmp_path):
    with lock(tmp_path, shared=True), lock(tmp_path, shared=True):
        assert (tmp_path / ".lock").exists()
        with pytest.raises(StoreError, match=r"is being written by process \d+ on \S+; wait"), lock(tmp_path):
            pass
    with lock(tmp_path), pytest.raises(StoreError, match="is being written by"), lock(tmp_path, shared=True):
        pass
    assert list(tmp_path.iterdir()) == []  # who has it alone leaves nothing behind


def test_a_holder_that_has_not_yet_said_its_name_is_given_a_moment(tmp_path, monkeypatch):
    """Between taking the lock and writing its name in it, another process may look."""
    file = os.open(tmp_path / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    looks = []

    def moment(_):
        looks.append(None)
        if len(looks) == 3:
            os.write(file, b"process 7 on box\n")

    monkeypatch.setattr(time, "sleep", moment)
    with pytest.raises(StoreError, match="is being written by process 7 on box; wait"), lock(tmp_path):
        pass
    os.ftruncate(file, 0)
    with pytest.raises(StoreError, match="is being written by another process; wait"), lock(tmp_path):
        pass  # a file system that keeps the name from us, or a holder that was stopped there
    os.close(file)


def test_parts_have_locks_of_their_own(tmp_path):
    with lock(tmp_path), lock(tmp_path, 7), lock(tmp_path, "deal"), lock(tmp_path, 8):
        with pytest.raises(StoreError, match=rf"shard 7 of {tmp_path} is being written"), lock(tmp_path, 7):
            pass
        with pytest.raises(StoreError, match=rf"deal of {tmp_path} is being written"), lock(tmp_path, "deal"):
            pass
        assert sweep(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_waiting_ends_when_the_holder_leaves(tmp_path):
    waits = []
    leave = threading.Event()
    held = threading.Event()

    def hold():
        with lock(tmp_path, 1):
            held.set()
            leave.wait()

    def wait():
        waits.append(None)
        if len(waits) == 2:
            leave.set()
            holder.join()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with lock(tmp_path, 1, wait=wait):
        assert len(waits) == 2


def test_locks_of_the_dead_are_swept(tmp_path):
    (tmp_path / ".lock-00003").write_text("process 1 on a machine that is no more\n")
    with lock(tmp_path, 4):
        assert stale(tmp_path) == [tmp_path / ".lock-00003"]
        assert sweep(tmp_path) == [tmp_path / ".lock-00003"]
        assert [path.name for path in tmp_path.iterdir()] == [".lock-00004"]


def test_what_is_swept_belongs_to_nobody_at_that_moment(tmp_path, monkeypatch):
    """A maker that comes between the look at a lock and the removal must not lose its file."""
    path = tmp_path / ".shard-00000.h5.abc.tmp"
    path.touch()
    unlink = type(path).unlink
    tried = []

    def late_maker(self, **options):
        fd = os.open(path, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)
        tried.append(self)
        unlink(self, **options)

    monkeypatch.setattr(type(path), "unlink", late_maker)
    assert sweep(tmp_path) == [path]
    assert tried == [path]


def test_temporaries_at_work_are_nobodys_business(tmp_path):
    fd, path = temporary(tmp_path, "shard-00000.h5")
    assert stale(tmp_path) == sweep(tmp_path) == []
    os.close(fd)
    assert sweep(tmp_path) == [path]


def test_who_cannot_write_is_told_of_what_they_named(tmp_path, monkeypatch):
    """Of no lock and no temporary, which only we know of."""

    def refuse(path, *_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match="Read-only") as caught, lock(tmp_path):
        pass
    assert caught.value.filename == str(tmp_path)
    with pytest.raises(OSError, match="Read-only") as caught:
        publish_bytes(tmp_path / "page.html", b"")
    assert caught.value.filename == str(tmp_path / "page.html")
