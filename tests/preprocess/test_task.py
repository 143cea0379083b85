"""What the time of a shard's work is charged to; whole runs are in test_run."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from melgrid.params import Cqt, LogMel
from melgrid.preprocess import augmented, rehearsal
from melgrid.preprocess import task as tasks
from melgrid.preprocess.clips import clip_rows
from melgrid.preprocess.plan import Plan
from melgrid.preprocess.task import ShardResult, ShardTask, run_shard
from melgrid.preprocess.versions import about_of
from melgrid.transforms.cqt import cqt_plan


@pytest.fixture
def task(dataset, tmp_path):
    tasks._warm_up.cache_clear()
    cqt_plan.cache_clear()
    rows = clip_rows(dataset).assign(shard=0, row=range(len(dataset)), known_bad=None, source_sha256=None)
    features = LogMel(n_fft=512, n_mels=21), Cqt(n_bins=25)
    return ShardTask(str(dataset.root), str(tmp_path), 0, features, about_of(dataset), rows)


def test_no_feature_pays_for_what_a_process_does_once(task, monkeypatch):
    """Filter banks stand for all of it: they are made before a clock runs, with a clip in hand."""
    told, made, stage = [], [], ShardResult.stage

    @contextmanager
    def watched(self, name, features):
        before = cqt_plan.cache_info().misses
        with stage(self, name, features) as credit:
            yield credit
        made.append(cqt_plan.cache_info().misses - before)

    monkeypatch.setattr(ShardResult, "stage", watched)
    run_shard(task, lambda row: told.append(cqt_plan.cache_info().misses), lambda clip: None)
    assert len(made) > len(told)
    assert set(made) == {0}
    assert told[0] == 0
    assert set(told[1:]) == {1}


def test_no_clip_pays_for_the_vocoder(task, dataset, monkeypatch):
    """It is loaded and compiled before the first clip is done, whichever clip is a variant."""
    done, altered = [], []
    variants = augmented(dataset, ["pitch_shift n_steps=2", "gain db=-6"])
    monkeypatch.setattr(tasks, "altered", lambda y, sr, how, clip_id: altered.append((len(done), how.text)))
    run_shard(replace(task, about=about_of(variants)), id, done.append)
    assert altered == [(0, "gain db=-6"), (0, "pitch_shift n_steps=2")]


def test_stored_waveforms_need_no_vocoder(task, dataset, monkeypatch):
    altered = []
    monkeypatch.setattr(tasks, "altered", lambda *args: altered.append(args))
    monkeypatch.setattr(tasks, "_take_from_waveforms", lambda *args: None)
    variants = augmented(dataset, ["pitch_shift n_steps=2"])
    run_shard(replace(task, about=about_of(variants), waveforms={None: "waveform"}, probe=True), id, id)
    assert not altered


def test_a_rehearsal_pays_for_the_vocoder_before_its_clock_runs(dataset, monkeypatch):
    altered, started = [], []
    real = rehearsal.run_shard
    monkeypatch.setattr(tasks, "altered", lambda y, sr, how, clip_id: altered.append((len(started), how.text)))
    monkeypatch.setattr(
        rehearsal,
        "run_shard",
        lambda task, start, done: real(task, lambda row: (started.append(row), start(row)), done),
    )
    tasks._warm_up.cache_clear()
    good = replace(dataset, clips=dataset.clips[dataset.clips["path"].str.contains("clip")].reset_index(drop=True))
    rehearsal.rehearse(augmented(good, ["pitch_shift n_steps=2"]), (LogMel(n_fft=512, n_mels=21),))
    assert altered == [(1, "pitch_shift n_steps=2")]  # with the first clip in hand, of those that are not timed
    assert len(started) > 2


def test_noise_is_computed_once_for_all_shards_of_a_grid(task, monkeypatch):
    calls, run_noise = [], Plan.run_noise
    monkeypatch.setattr(Plan, "run_noise", lambda self: calls.append(self) or run_noise(self))
    for index in range(2):
        run_shard(ShardTask(**{**vars(task), "index": index}), id, id)
    assert len(calls) == 1


def test_clips_do_not_fail_of_what_fails_with_noise(task, monkeypatch):
    def fails(self):
        raise MemoryError("noise")

    done = []
    monkeypatch.setattr(Plan, "run_noise", fails)
    run_shard(task, id, done.append)
    assert [clip.reason for clip in done].count(None) == len(done) - 2
