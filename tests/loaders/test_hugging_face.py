"""What Hugging Face's package reads back is what the store has."""

import numpy as np
import pandas as pd
import pytest

from melgrid.params import LogMel, Stft
from melgrid.store import About, Manifest, ShardWriter, create_store, open_store

datasets = pytest.importorskip("datasets")

KINDS = {
    "mono": LogMel(sr=8000, n_fft=256, n_mels=8),
    "uint8": LogMel(sr=8000, n_fft=256, n_mels=8, dtype="uint8", range_db=(-80.0, 0.0)),
    "channels": LogMel(sr=8000, n_fft=256, n_mels=8, mono=False, channels=2),
    "complex": Stft(sr=8000, n_fft=16, output="complex"),
}


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets.disable_progress_bars()

    def made(feature, task="single"):
        path = tmp_path / f"{feature.id}-{task}"
        labels = [[0], [1], []] if task == "single" else [[0, 1], [], [1]]
        table = pd.DataFrame({"clip_id": list("abc"), "labels": pd.Series(labels, dtype=object), "fold": [1, None, 2]})
        table = table.assign(split=["train", "test", None], group=["g", None, None], shard=0, row=range(3))
        manifest = create_store(path, About(dataset="d", classes=("cat", "dog"), task=task), table)
        rng = np.random.default_rng(0)
        with ShardWriter(path / feature.id, 0, feature, manifest.about, manifest.clips()) as writer:
            for frames in (3, 1, 5):
                values = rng.uniform(-80, 0, (frames, feature.bins, *([feature.channels] if feature.channels else [])))
                writer.append((values + 1j * values).astype("c8") if feature.is_complex else values.astype("f4"))
            manifest.add_feature_set(feature, [writer.publish()])
        manifest.gather_outcomes()
        return open_store(path)[0]

    return made


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_clips(make, kind, tmp_path):
    from melgrid.loaders import hf_dataset

    features = make(KINDS[kind])
    found = hf_dataset(features.select(), cache_dir=tmp_path / "cache")
    assert found.features["label"].names == ["cat", "dog"]
    assert found["clip_id"] == features.clip_ids.tolist()
    assert (found["label"], found["fold"]) == ([0, 1, None], [1, None, 2])
    assert (found["split"], found["group"], found["parent"]) == (["train", "test", None], ["g", None, None], [None] * 3)
    for row in found.with_format("numpy"):
        x = row["x"][..., 0] + 1j * row["x"][..., 1] if kind == "complex" else row["x"]
        assert row["x"].dtype == np.float32
        np.testing.assert_array_equal(x, features[row["clip_id"]])


def test_several_labels_and_a_part_of_the_clips(make, tmp_path):
    from melgrid.loaders import hf_dataset

    features = make(KINDS["mono"], task="multi")
    found = hf_dataset(features.select(clip_id=["a", "c"]), cache_dir=tmp_path / "cache")
    assert found["labels"] == [[0, 1], [1]]
    assert found.features["labels"].feature.names == ["cat", "dog"]


def test_a_feature_set_that_was_made_anew_is_copied_anew(make, tmp_path):
    from melgrid.loaders import hf_dataset

    feature = KINDS["mono"]
    features = make(feature)
    first = hf_dataset(features.select(), cache_dir=tmp_path / "cache")
    assert hf_dataset(features.select(), cache_dir=tmp_path / "cache").cache_files == first.cache_files
    path, manifest = features.store.path, Manifest.load(features.store.path)
    with ShardWriter(path / feature.id, 0, feature, manifest.about, manifest.clips(), generation=1) as writer:
        for _ in range(3):
            writer.append(np.full((2, 8), -7, np.float32))
        manifest.add_feature_set(feature, [writer.publish()])
    again = hf_dataset(open_store(path)[0].select(), cache_dir=tmp_path / "cache")
    assert again.with_format("numpy")[0]["x"].tolist() == [[-7.0] * 8] * 2
