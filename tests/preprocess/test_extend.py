"""A store whose corpus grew: new shards beside the old ones, and no harm from whatever ends the run."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import melgrid
from melgrid import datasets
from melgrid.errors import MismatchError, StoreError
from melgrid.params import Derived, Grid, LogMel, Mel, Waveform
from melgrid.preprocess import add_clips, extend, run
from melgrid.preprocess.task import run_shard
from melgrid.store import Manifest, ShardWriter, open_store, verify

GRID = [LogMel(sr=16000, n_fft=512, n_mels=16), Mel(sr=16000, n_fft=256, n_mels=8)]
FIRST = 12


class Inline:
    """Does tasks in this process: what is tested here is what surrounds them."""

    jobs = 1

    def results(self, tasks, seen):
        for task in tasks:
            yield run_shard(task, lambda row: None, lambda clip, index=task.index: seen(index, clip))

    def close(self):
        pass


def in_this_process(patch):
    for name in ("run", "extend"):
        patch.setattr(sys.modules[f"melgrid.preprocess.{name}"], "engine_for", lambda *_: Inline())
    patch.setattr(os, "fsync", lambda fd: None)


@pytest.fixture
def inline(monkeypatch):
    in_this_process(monkeypatch)


@pytest.fixture(scope="module")
def first(corpus, tmp_path_factory):
    """A store of the first clips; do not change it."""
    path = tmp_path_factory.mktemp("first") / "store"
    with pytest.MonkeyPatch.context() as patch:
        in_this_process(patch)
        run(datasets.load("folder", corpus), GRID, path, limit=FIRST, progress=False)
    return path


@pytest.fixture
def store(first, tmp_path, inline):
    """Its copy, to be changed."""
    return Path(shutil.copytree(first, tmp_path / "store"))


@pytest.fixture(scope="module")
def grown(first, corpus, tmp_path_factory):
    """What an uninterrupted run makes of it."""
    path = Path(shutil.copytree(first, tmp_path_factory.mktemp("grown") / "store"))
    with pytest.MonkeyPatch.context() as patch:
        in_this_process(patch)
        grow(datasets.load("folder", corpus), path)
    return digests(path)


def digests(path):
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file() and "runs" not in file.parts and file.name != "all.h5"
    }


def grow(dataset, store, **options):
    return add_clips(dataset, store, progress=False, **options)


def test_new_clips_join_every_feature_set_and_old_shards_keep_every_byte(store, dataset, corpus):
    import soundfile

    before, old = digests(store), open_store(store).clips
    summary = grow(dataset, store)
    assert (summary.added, summary.clips, summary.failed) == (12, 24, 2)
    assert summary.features == sorted(feature.id for feature in GRID)
    after = digests(store)
    assert {name: after[name] for name in before if name.endswith(".h5")} == {
        name: digest for name, digest in before.items() if name.endswith(".h5")
    }
    assert len(after) > len(before)
    opened = open_store(store)
    pd.testing.assert_frame_equal(
        opened.clips.set_index("clip_id").loc[old["clip_id"], ["shard", "row", "status"]],
        old.set_index("clip_id")[["shard", "row", "status"]],
    )
    assert set(opened.clips["clip_id"]) == set(dataset.clips["clip_id"])
    paths = opened.clips.set_index("clip_id")["path"]
    for features in opened:
        assert len(features.clip_ids) == 22
        for clip_id in features.clip_ids:
            samples, sr = soundfile.read(corpus / paths[clip_id], dtype="float32", always_2d=True)
            expected = features.cast(melgrid.compute(features.feature, samples.T, sr))
            np.testing.assert_array_equal(features[clip_id], expected)
    assert verify(store, deep=True) == []


def test_again_there_is_nothing_to_do(store, dataset):
    grow(dataset, store)
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()}
    summary = grow(dataset, store)
    assert (summary.features, summary.added) == ([], 0)
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()} == before


def test_loaders_see_the_new_clips_after_reopening(store, dataset):
    from melgrid.loaders import NumpyLoader

    held = open_store(store)
    held_ids = set(held.clips["clip_id"])
    grow(dataset, store)
    for features in held:  # as it was when it was opened, whatever is read first
        assert set(features.clip_ids) <= held_ids
        assert features[features.clip_ids[0]].size
    (features, _) = open_store(store)
    loader = NumpyLoader(features.select(), batch_size=4, crop=None, with_ids=True)
    served = [clip_id for batch in loader for clip_id in batch["clip_id"]]
    assert sorted(served) == sorted(features.clip_ids)
    assert len(served) == 22


def test_a_second_time_and_then_more_features(store, dataset, tmp_path):
    grow(dataset, store, limit=18)
    with pytest.raises(MismatchError, match="melgrid add-clips adds them"):
        run(dataset, GRID, store, progress=False)
    grow(dataset, store)
    more = Mel(sr=16000, n_fft=512, n_mels=20)
    run(dataset, [more], store, progress=False)
    opened = open_store(store)
    assert all(len(features.clip_ids) == 22 for features in opened)
    assert len({features.record.shards[-1].index for features in opened}) == 1
    assert verify(store, deep=True) == []


def test_a_manifest_that_is_lost_is_rebuilt(store, dataset):
    grow(dataset, store)
    before, words = digests(store), json.loads((store / "store.json").read_bytes())
    for name in ("store.json", "clips.parquet", *(f"{feature.id}/feature.json" for feature in GRID)):
        (store / name).unlink()
    assert verify(store, repair=True) == []
    assert json.loads((store / "store.json").read_bytes()) == words
    del before["store.json"]
    assert digests(store).items() >= before.items()


class Killed(BaseException):
    pass


def stop_at(monkeypatch, place, name, call):
    """Make the run end when something is called for the n-th time."""
    real, calls = getattr(place, name), []

    def ending(*args, **kw):
        calls.append(name)
        if len(calls) == call:
            raise Killed
        return real(*args, **kw)

    monkeypatch.setattr(place, name, ending)


STEPS = [
    (Manifest, "extend_clips", 1),
    (extend, "_late_shards", 1),
    (ShardWriter, "publish", 2),
    (ShardWriter, "publish", 3),
    (extend, "_publish", 1),
    (Manifest, "add_feature_set", 1),
    (Manifest, "add_feature_set", 2),
    (Manifest, "_replace", 2),
    (Manifest, "_write", 2),
    (Manifest, "_write", 4),
]


@pytest.mark.parametrize(("place", "name", "call"), STEPS, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("repair", [False, True])
def test_a_run_that_ends_anywhere_is_resumed_to_the_same_bytes(
    store, dataset, grown, monkeypatch, place, name, call, repair
):
    old = {features.id: features.clip_ids.tolist() for features in open_store(store)}
    with monkeypatch.context() as patch:
        stop_at(patch, place, name, call)
        with pytest.raises(Killed):
            grow(dataset, store)
    for features in open_store(store):  # nothing that was there is lost
        assert set(old[features.id]) <= set(features.clip_ids)
        assert all(features[clip_id].size for clip_id in features.clip_ids)
    if repair:
        left = verify(store, repair=True)
        assert all("add-clips" in fault.remedy for fault in left)
        assert set(open_store(store).ids) == set(old)
    grow(dataset, store)
    assert verify(store, deep=True) == []
    assert digests(store) == grown


def test_verify_says_that_it_was_interrupted_and_a_new_feature_is_whole_all_the_same(store, dataset, monkeypatch):
    wave = Waveform(sr=16000)
    run(dataset, [wave], store, limit=FIRST, progress=False)
    with monkeypatch.context() as patch:
        stop_at(patch, ShardWriter, "publish", 5)
        with pytest.raises(Killed):
            grow(dataset, store)
    faults = verify(store, deep=True)
    assert {fault.file for fault in faults} == set(open_store(store).ids)
    assert all("joined the store later" in fault.what and "add-clips again" in fault.remedy for fault in faults)
    more = LogMel(sr=16000, n_fft=512, n_mels=24)
    run(dataset, [more], store, progress=False)  # not from waveforms that are not all there
    assert len(open_store(store)[more.id].clip_ids) == 22


def test_a_process_that_is_killed(store, dataset, corpus, grown):
    path = store
    old = set(path.rglob("shard-*.h5"))
    code = (
        "from melgrid import datasets; from melgrid.preprocess import add_clips\n"
        f"add_clips(datasets.load('folder', {str(corpus)!r}), {str(path)!r}, jobs=1, progress=False)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    while process.poll() is None and set(path.rglob("shard-*.h5")) == old:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for _ in range(100):  # until its worker has seen it
        try:
            grow(dataset, path)
            break
        except StoreError:
            time.sleep(0.1)
    assert digests(path) == grown


def test_bytes_do_not_depend_on_jobs(first, dataset, grown, tmp_path):
    path = Path(shutil.copytree(first, tmp_path / "store"))
    grow(dataset, path, jobs=2)
    assert digests(path) == grown


def changed(dataset, **columns):
    return replace(dataset, clips=dataset.clips.assign(**columns))


def test_what_does_not_fit_is_refused_and_nothing_is_written(store, dataset):
    before = digests(store)
    kept = set(open_store(store).clips["clip_id"])
    without = dataset.clips[dataset.clips["clip_id"] != sorted(kept)[0]].reset_index(drop=True)
    wrong = [
        (replace(dataset, clips=without), "1 clips are no longer in the dataset"),
        (changed(dataset, fold=pd.array([1] * 24, "Int64")), "fold is 1, was None"),
        (replace(dataset, options={"table": "x.csv"}), "options"),
        (replace(dataset, name="other"), "dataset: store has 'folder', this run 'other'"),
    ]
    for corpus, words in wrong:
        with pytest.raises(MismatchError, match=words):
            grow(corpus, store)
    with pytest.raises(StoreError, match="is no store"):
        grow(dataset, store / "nothing")
    assert not (store / "nothing").exists()
    assert digests(store) == before


def test_new_classes_are_refused_with_a_remedy(store, dataset):
    clips = dataset.clips.assign(label=dataset.clips["label"].cat.add_categories(["middle"]))
    new = clips.index[~clips["clip_id"].isin(open_store(store).clips["clip_id"])][0]
    clips.loc[new, "label"] = "middle"
    larger = replace(dataset, clips=clips, classes=("high", "low", "middle"))
    before = digests(store)
    with pytest.raises(MismatchError, match=r"1 new classes \(middle\).*never changes. Remedy: keep the clips of new"):
        grow(larger, store)
    with pytest.raises(MismatchError, match="dataset: store has 'folder', this run 'other'"):
        grow(replace(larger, name="other"), store)  # the classes are not what is wrong
    assert digests(store) == before


def test_a_usual_length_that_changed_with_the_corpus_is_no_obstacle(store, dataset):
    assert grow(replace(dataset, nominal_seconds=7.0), store).added == 12


def test_derived_feature_sets_keep_their_clips_and_that_is_said(store, dataset):
    parent = open_store(store)[0]
    feature = Derived(sr=16000, parent=parent.id, model="0" * 64, units=3, frame_seconds=1.0, **RUNTIME)
    manifest, infos = Manifest.load(store), []
    for index, rows in manifest.clips().groupby("shard"):
        with ShardWriter(store / feature.id, int(index), feature, manifest.about, rows) as writer:
            for _ in range(len(rows)):
                writer.append(np.ones((1, 3), np.float32))
            infos.append(writer.publish())
    manifest.add_feature_set(feature, infos)
    with pytest.warns(UserWarning, match=f"{feature.id}: derived by a model, so without the new clips"):
        grow(dataset, store)
    opened = open_store(store)
    assert len(opened[feature.id].clip_ids) == FIRST
    assert verify(store, deep=True) == []
    assert verify(store, repair=True) == []
    assert feature.id in open_store(store).ids


RUNTIME = {"runtime": "keras 3"} if "runtime" in Derived.model_fields else {}


def test_variants_of_the_new_clips_are_made(dataset, tmp_path, inline):
    grid = Grid.from_entries([{"kind": "logmel", "sr": 16000, "n_mels": 16}]).augmented("gain db=-6")
    run(dataset, grid, tmp_path / "s", limit=FIRST, progress=False)
    grow(dataset, tmp_path / "s")
    clips = open_store(tmp_path / "s").clips
    assert len(clips) == 48
    assert clips["parent"].notna().sum() == 24
    assert verify(tmp_path / "s", deep=True) == []
