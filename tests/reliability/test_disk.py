"""Disks that are full, read-only or closed to us: a clear error, nothing lost, and the next run completes."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from melgrid import datasets
from melgrid.errors import StoreError
from melgrid.params import Mel, Stft
from melgrid.preprocess import add_clips, prepare, run
from melgrid.preprocess.text import forecast_text
from melgrid.store import disk, verify
from soak.kill import contents

FEATURES = [Mel(sr=8000, n_fft=256, n_mels=16), Stft(sr=8000, n_fft=128, output="log")]
OPTIONS = {"jobs": 1, "shard_mb": 1, "progress": False}


@pytest.fixture
def small_disk(tmp_path):
    """A file system in memory, of a size that tests set; only root may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], capture_output=True)
    if made.returncode:
        pytest.skip(f"cannot mount a tmpfs: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def remount(place, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)


@contextlib.contextmanager
def only(place, free):
    """Leave so many bytes."""
    filler = place / "filler"
    room = os.statvfs(place)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, room.f_bavail * room.f_frsize - free))
    yield
    filler.unlink()


@pytest.mark.parametrize("free", [0, 8192, 100_000, 400_000])
def test_a_full_disk_names_what_it_needs_and_the_next_run_completes(corpus, reference, small_disk, free):
    dataset = datasets.load("folder", corpus)
    store = small_disk / "store"
    with only(small_disk, free):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "melgrid", "preprocess", "folder", "--root", corpus, "--store", store),
                *("--jobs", "1", "--shard-mb", "1", "--feature", "mel sr=8000 n_fft=256 n_mels=16"),
                *("--feature", "stft sr=8000 n_fft=128 output=log", "--max-bad", "1"),
            ],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1, done.stderr
        assert re.search(r"the disk is full .*: about [\d,]+ bytes more are needed, [\d,]+ are free", done.stderr)
        assert free > 200_000 or "WARNING: the disk does not hold this" in done.stderr
        assert "Traceback" not in done.stderr
        left = contents(store) if store.exists() else {}
        assert not [name for name in left if ".tmp" in name]
        whole = contents(reference)
        assert {name: whole[name] for name in left if "shard-" in name} == {
            n: d for n, d in left.items() if "shard-" in n
        }
    run(dataset, FEATURES, store, **OPTIONS)
    assert contents(store) == whole


@pytest.mark.parametrize("step", [1, 3, 6, 10])
def test_a_disk_that_is_full_at_any_write_of_the_manifest(corpus, reference, tmp_path, monkeypatch, step):
    """Publishing small files: clips.parquet, store.json, feature.json and all.h5."""
    dataset = datasets.load("folder", corpus)
    store = tmp_path / "store"
    real, calls = disk.write_all, []

    def full(fd, data, position):
        if Path(f"/proc/self/fd/{fd}").readlink().name.endswith(".tmp"):
            calls.append(fd)
            if len(calls) == step:
                raise OSError(28, os.strerror(28))
        real(fd, data, position)

    monkeypatch.setattr(disk, "write_all", full)
    with pytest.raises(StoreError, match=r"bytes more are needed"):
        run(dataset, FEATURES, store, **OPTIONS)
    monkeypatch.undo()
    assert not list(store.rglob(".*.tmp"))
    run(dataset, FEATURES, store, **OPTIONS)
    assert contents(store) == contents(reference)
    assert verify(store, deep=True) == []


def test_the_forecast_warns_before_anything_is_written(corpus, small_disk):
    dataset = datasets.load("folder", corpus)
    with only(small_disk, 8192):
        coming, plan = prepare(dataset, FEATURES, small_disk / "store")
        assert "WARNING: the disk does not hold this" in forecast_text(coming, plan)
    coming, plan = prepare(dataset, FEATURES, small_disk / "store")
    assert "WARNING" not in forecast_text(coming, plan)


def test_a_quiet_run_also_warns_in_one_line(corpus, small_disk):
    command = [
        *(sys.executable, "-m", "melgrid", "preprocess", "folder", "--root", corpus, "--store", small_disk / "store"),
        *("--jobs", "1", "--feature", "mel sr=8000 n_fft=256 n_mels=16", "--max-bad", "1", "--quiet"),
    ]
    with only(small_disk, 0):
        done = subprocess.run(command, capture_output=True, text=True)
    first, *others = done.stderr.splitlines()
    assert re.fullmatch(r"WARNING: the disk does not hold this: [\d.]+ .* are free", first)
    assert len(others) == 1  # the error
    assert done.returncode == 1
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_read_only_disk_is_said_plainly(corpus, small_disk):
    remount(small_disk, "ro")
    with pytest.raises(StoreError, match=r"/store: cannot be used: Read-only file system; put that right"):
        run(datasets.load("folder", corpus), FEATURES, small_disk / "store", **OPTIONS)


def test_a_store_on_a_read_only_disk_gains_no_clips_and_that_is_said_plainly(corpus, reference, small_disk):
    store = Path(shutil.copytree(reference, small_disk / "store"))
    remount(small_disk, "ro")
    with pytest.raises(StoreError, match=r"/store: cannot be used: Read-only file system; put that right"):
        add_clips(datasets.load("folder", corpus), store, **OPTIONS)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_a_folder_that_we_may_not_write_is_said_plainly(corpus, small_disk):
    dataset = datasets.load("folder", corpus)
    (small_disk / "theirs").mkdir(mode=0o755)
    os.chmod(small_disk, 0o755)  # noqa: PTH101
    for folder in small_disk.parents:
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o001)
    os.seteuid(65534)
    try:
        with pytest.raises(StoreError, match=r"theirs/store: cannot be used: Permission denied"):
            run(dataset, FEATURES, small_disk / "theirs" / "store", **OPTIONS)
    finally:
        os.seteuid(0)


def test_a_path_that_is_too_long_is_said_plainly(corpus, tmp_path):
    store = tmp_path / ("x" * 300)
    with pytest.raises(StoreError, match="File name too long"):
        run(datasets.load("folder", corpus), FEATURES, store, **OPTIONS)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "melgrid", "preprocess", "folder", "--root", corpus, "--store", store),
            *("--feature", "stft"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "File name too long" in done.stderr
    assert "Traceback" not in done.stderr
