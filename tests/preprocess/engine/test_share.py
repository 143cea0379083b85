"""Shares of a run beside each other on one folder, as a job array has them: real processes, and the same bytes."""

import json
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import melgrid
from melgrid import datasets
from melgrid.errors import MismatchError, ParameterError, StoreError
from melgrid.params import Grid, LogMel
from melgrid.preprocess import run
from melgrid.preprocess.engine.share import Share
from melgrid.preprocess.text import summary_text
from melgrid.store import Manifest, lock, verify

GRID = Grid.product("logmel", sr=16000, n_fft=512, hop_length=[128, 256], n_mels=32)
OPTIONS = {"jobs": 1, "progress": False, "shard_mb": 1}


def contents(store):
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and "runs" not in path.parts and path.name != "all.h5"  # HDF5 leaves heap bytes in it
    }


@pytest.fixture(scope="module")
def reference(corpus, tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "store"
    run(datasets.load("folder", corpus), GRID, path, **OPTIONS)
    return contents(path)


def start(corpus, store, *shares):
    """One process that does one share after the other."""
    code = textwrap.dedent(
        f"""
        from melgrid import datasets
        from melgrid.params import Grid
        from melgrid.preprocess import run
        grid = Grid.product('logmel', sr=16000, n_fft=512, hop_length=[128, 256], n_mels=32)
        dataset = datasets.load('folder', {str(corpus)!r})
        for task in {shares!r}:
            run(dataset, grid, {str(store)!r}, jobs=1, progress=False, shard_mb=1, task=task)
        """
    )
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, cwd="/")


def finish(*processes):
    for process in processes:
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors.decode()


def test_shares_at_the_same_time_on_an_empty_folder(corpus, reference, tmp_path):
    """Three shares, one of them twice: who comes first deals the clips."""
    store = tmp_path / "store"
    finish(*[start(corpus, store, task) for task in ("1/3", "2/3", "2/3", "3/3")])
    assert len(melgrid.open_store(store)) == 0
    before = contents(store)
    assert verify(store) == []
    assert contents(store) == before
    assert verify(store, repair=True) == []
    assert contents(store) == reference


def test_a_share_is_killed_and_run_again_beside_another(corpus, dataset, reference, tmp_path):
    store = tmp_path / "store"
    killed, other = start(corpus, store, "1/2"), start(corpus, store, "2/2")
    deadline = time.monotonic() + 60
    while not list(store.rglob(".shard-*.tmp")) and time.monotonic() < deadline:
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    again = start(corpus, store, "1/2")
    finish(other, again)
    summary = run(dataset, GRID, store, **OPTIONS)  # instead of a repair
    assert summary.stage_seconds["decode"] == 0
    assert len(summary.features) == len(list(GRID))
    assert contents(store) == reference


def test_a_share_says_what_it_did_and_leaves_a_log(dataset, tmp_path):
    store = tmp_path / "store"
    summary = run(dataset, GRID, store, task="2/2", **OPTIONS)
    assert (summary.task, summary.shards, summary.clips, summary.features) == ("2/2", 1, 8, [])
    assert summary.bytes_written == sum(path.stat().st_size for path in store.rglob("shard-*.h5"))
    assert "task 2/2 is done: 1 shard with 8 clips, " in summary_text(summary)
    assert f"next, when all tasks are done: melgrid verify {store} --repair" in summary_text(summary)
    (log,) = (store / "runs").glob("*-2-of-2.json")
    assert json.loads(log.read_text())["task"] == "2/2"
    assert "fewer shards than tasks" in summary_text(run(dataset, GRID, store, task="4/9", **OPTIONS))  # of three
    others = [run(dataset, GRID, store, task=f"{k}/3", **OPTIONS) for k in (1, 3)]
    failed = sum(share.failed for share in (summary, *others))
    assert failed == sum(sum(share.reasons.values()) for share in (summary, *others)) == 2
    assert run(dataset, GRID, store, **OPTIONS).failed == 2
    assert "nothing to do" in summary_text(run(dataset, GRID, store, task="1/3", **OPTIONS))


def test_shares_and_other_producers_keep_out_of_each_others_way(dataset, tmp_path):
    store = tmp_path / "store"
    run(dataset, GRID, store, task="1/2", **OPTIONS)
    with lock(store, shared=True):
        with pytest.raises(StoreError, match=r"is being written by process \d+"):
            run(dataset, GRID, store, **OPTIONS)
        with pytest.raises(StoreError, match=r"is being written by process \d+"):
            verify(store, repair=True)
        run(dataset, GRID, store, task="2/2", **OPTIONS)
    with lock(store), pytest.raises(StoreError, match=r"is being written by process \d+"):
        run(dataset, GRID, store, task="2/2", **OPTIONS)


def test_a_share_of_other_clips_or_options_is_refused(dataset, tmp_path):
    store = tmp_path / "store"
    run(dataset, GRID, store, task="1/2", limit=10, **OPTIONS)
    before = contents(store)
    with pytest.raises(MismatchError, match="14 clips that the store was made without"):
        run(dataset, GRID, store, task="2/2", **OPTIONS)
    assert contents(store) == before
    with pytest.raises(ParameterError, match=r"task='2/2': failed clips are tried again by a run of the whole"):
        run(dataset, GRID, store, task="2/2", retry=True, **OPTIONS)
    with pytest.raises(ParameterError, match=r"task='2/2': is for runs without an engine"):
        run(dataset, GRID, store, task="2/2", executor="dask", **OPTIONS)


def test_repair_leaves_a_feature_set_hidden_until_all_shares_are_done(dataset, tmp_path):
    store = tmp_path / "store"
    run(dataset, LogMel(n_mels=32), store, **OPTIONS)
    run(dataset, GRID, store, task="1/2", **OPTIONS)
    assert verify(store, repair=True) == []
    assert len(Manifest.load(store).features) == 1
    run(dataset, GRID, store, task="2/2", **OPTIONS)
    assert verify(store, repair=True) == []
    assert len(Manifest.load(store).features) == 1 + len(list(GRID))


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/2", ""])
def test_a_share_is_two_numbers(text):
    with pytest.raises(ParameterError, match="must be K/N with 1 <= K <= N"):
        Share.parse(text)


def test_shares_are_a_partition():
    shares = [Share(k, 4).of(range(11)) for k in (1, 2, 3, 4)]
    assert sorted(number for share in shares for number in share) == list(range(11))
    assert {len(share) for share in shares} == {2, 3}
