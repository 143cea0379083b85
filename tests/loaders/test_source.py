"""Clips in memory, and hints while the disk is needed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melgrid.errors import ShardError
from melgrid.loaders import NumpyLoader
from melgrid.loaders.source import PATIENCE, STEPS_AHEAD
from melgrid.params import LogMel, Stft
from melgrid.store import FeatureSet


def make(make_store: Any, feature: Any) -> FeatureSet:
    rng = np.random.default_rng(0)
    lengths = [20, 9, 0, 31, 7, 12]
    shape = (feature.bins,) if feature.channels is None else (feature.bins, feature.channels)
    values = {f"clip-{i}": rng.normal(-30, 5, (n, *shape)).astype(np.float32) for i, n in enumerate(lengths)}
    if feature.is_complex:
        values = {name: (v + 1j * v[::-1]).astype(np.complex64) for name, v in values.items()}
    fs: FeatureSet = make_store(values, feature, task="none")
    return fs


FEATURES = [
    LogMel(n_mels=8, n_fft=512),
    LogMel(n_mels=8, n_fft=512, dtype="uint8", range_db=(-80.0, 0.0), mono=False, channels=2),
    Stft(n_fft=16, output="complex"),
]


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.id)
@pytest.mark.parametrize("options", [{"crop_frames": 9}, {}], ids=str)
def test_resident_batches_are_the_same(make_store: Any, feature: Any, options: Any) -> None:
    fs = make(make_store, feature)
    selection = fs.select(clip_id=[c for c in fs.clip_ids if c != "clip-1"])
    options = {"batch_size": 2, "epochs": 2, "axes": "TFC", **options}
    loaders = [NumpyLoader(selection, resident=r, **options) for r in (False, True)]
    for a, b in zip(*loaders, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_the_disk_is_read_once(make_store: Any) -> None:
    fs = make(make_store, FEATURES[0])
    loader = NumpyLoader(fs.select(), crop_frames=4, resident=True)
    (expected,) = [b["x"] for b in loader]
    path: Path = sorted((fs.store.path / fs.id).glob("shard-*.h5"))[0]
    copy = pickle.dumps(loader)
    os.truncate(path, 100)
    loader.epoch = 0
    np.testing.assert_array_equal(next(iter(loader))["x"], expected)
    assert len(loader.batches.tiled().batch(0, 0)["x"])  # as predict_clips reads
    with pytest.raises((ShardError, OSError), match="shard-00000"):  # a copy has to read
        next(iter(pickle.loads(copy)))


def test_coming_batches_are_hinted_at_after_the_disk_was_needed(make_selection: Any) -> None:
    selection = make_selection([200] * 1000)
    fs = selection.feature_set
    read, hints, cold = fs.read, [], [True]

    def slow(*arguments: Any) -> bool:
        read(*arguments)
        return cold.pop() if cold else False

    fs.read = slow
    fs.advise = lambda rows, starts, counts: hints.append((rows.tolist(), starts.tolist(), counts.tolist()))
    batches = NumpyLoader(selection, batch_size=5, crop_frames=4).batches
    for i in range(PATIENCE + 20):
        batches.batch(0, i)
    assert len(hints) == PATIENCE - 1
    clips, _, starts = batches._schedule.part(0, 1 + STEPS_AHEAD)
    assert hints[0] == (clips.tolist(), starts.tolist(), [4] * 5)
