"""Two inputs from one clip, at the same time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.loaders import NumpyLoader
from melgrid.params import LogMel, Mel
from melgrid.store import About, FeatureSet, ShardWriter, create_store, open_store

FIRST = LogMel(n_mels=4, hop_length=512, dtype="float32")
SECOND = Mel(n_mels=6, hop_length=256)


@pytest.fixture
def two(tmp_path: Any) -> tuple[FeatureSet, FeatureSet]:
    import pandas as pd

    ids = [f"clip-{i}" for i in range(5)]
    table = pd.DataFrame({"clip_id": ids, "shard": 0, "row": range(5), "labels": [[0]] * 5})
    about = About(dataset="test", classes=("a",), task="single")
    manifest = create_store(tmp_path / "store", about, table)
    for feature, step in ((FIRST, 1.0), (SECOND, 0.5)):
        with ShardWriter(tmp_path / "store" / feature.id, 0, feature, about, manifest.clips()) as writer:
            for i in range(5):
                if i == 4 and feature is SECOND:
                    writer.append(None, status="failed", reason="empty: none")
                    continue
                frames = int((20 + i) / step)
                time = 1000 * i + np.arange(frames, dtype=np.float32)[:, None] * step
                writer.append(np.repeat(time, feature.bins, axis=1).astype(np.float32))
            manifest.add_feature_set(feature, [writer.publish()])
    store = open_store(tmp_path / "store")
    return store[FIRST.id], store[SECOND.id]


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("crop", ["random", "center", "head"])
def test_both_show_the_same_time(two: Any, crop: Any, resident: bool) -> None:
    selection = two[0].select(clip_id=[f"clip-{i}" for i in range(4)])
    loader = NumpyLoader(selection, second=two[1], crop_frames=5, crop=crop, batch_size=3, epochs=3, resident=resident)
    for batch in loader:
        assert batch["x"].shape[1:] == (5, 4)
        assert batch["x2"].shape[1:] == (10, 6)
        np.testing.assert_array_equal(batch["x2"][:, ::2, 0], batch["x"][:, :, 0])


def test_whole_clips_have_two_masks(two: Any) -> None:
    selection = two[0].select(clip_id=["clip-0", "clip-2"])
    batch = NumpyLoader(selection, second=two[1], shuffle=False).batches.batch(0, 0)
    assert sorted(batch) == ["mask", "x", "x2", "x2_mask", "y"]
    assert (batch["mask"].sum(), batch["x2_mask"].sum()) == (42, 84)


def test_tiles_go_together(two: Any) -> None:
    selection = two[0].select(clip_id=["clip-1", "clip-3"])
    batches = NumpyLoader(selection, second=two[1], crop_frames=8).batches.tiled()
    batch = batches.batch(0, 0)
    np.testing.assert_array_equal(batch["x2"][:, ::2, 0], batch["x"][:, :, 0])


def test_a_clip_that_the_second_lacks_is_named(two: Any) -> None:
    with pytest.raises(ParameterError, match=r"lacks 1 clips of the selection \(clip-4\)"):
        NumpyLoader(two[0].select(), second=two[1], crop_frames=5)


@pytest.mark.parametrize("second", [3, "logmel"])
def test_what_is_no_feature_set_is_refused(two: Any, second: Any) -> None:
    with pytest.raises(ParameterError, match="must be a feature set"):
        NumpyLoader(two[0].select(), crop_frames=4, second=second)


def test_a_selection_is_refused_as_second(two: Any) -> None:
    with pytest.raises(ParameterError, match=r"second=<Selection.*must be a feature set"):
        NumpyLoader(two[0].select(), crop_frames=4, second=two[1].select())
