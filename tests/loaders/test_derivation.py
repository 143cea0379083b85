"""Activations of a model as a feature set like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from melgrid import Grid, datasets, preprocess
from melgrid.datasets import miniature
from melgrid.errors import ParameterError, StoreError
from melgrid.loaders import KerasLoader, derive
from melgrid.loaders.activations import model_digest
from melgrid.loaders.padding import padding
from melgrid.params import Derived, LogMel
from melgrid.store import FeatureSet, Manifest, ShardWriter, lock, open_store, verify
from melgrid.store.about import restore_feature
from melgrid.store.shards.encoding import encode
from melgrid.store.shards.shard_info import open_shard
from melgrid.store.views.inspect import feature_summary

PARENT = LogMel(n_mels=4, n_fft=512)


def clips(*lengths: int, failed: str = "") -> dict[str, NDArray[Any] | None]:
    rng = np.random.default_rng(0)
    made = {f"clip{i}": rng.normal(-30, 9, (n, 4)).astype(np.float32) for i, n in enumerate(lengths)}
    return {name: None if name == failed else values for name, values in made.items()}


@pytest.fixture
def parent(make_store: Any) -> FeatureSet:
    """Two shards or more; the shortest clip is shorter than an example."""
    labels = {f"clip{i}": [i % 2] for i in range(9)}
    folds = {f"clip{i}": 1 + i // 5 for i in range(9)}
    fs: FeatureSet = make_store(
        clips(10, 3, 8, 14, 6, 7, 25, 4, 11, failed="clip4"), PARENT, labels=labels, folds=folds
    )
    assert len(fs.record.shards) > 1
    return fs


def model_of(frames: int | None = 4, units: int = 3, seed: int = 1, **options: Any) -> keras.Model:
    """Dense units over the mean of the frames of an example, and a deviation that tells it from a mean of means."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((frames, 4, 1))
    pooled = keras.layers.GlobalMaxPooling2D(name="pooled")(keras.layers.Permute((1, 3, 2))(inputs))
    return keras.Model(inputs, keras.layers.Dense(units, name="head")(pooled), **options)


def predicted(model: keras.Model, x: NDArray[Any]) -> NDArray[Any]:
    values: NDArray[Any] = model.predict(x[..., None], verbose=0)
    return values


def test_a_frame_is_what_the_model_makes_of_a_crop(parent: FeatureSet) -> None:
    model = model_of()
    derived = derive(parent, model, batch_size=5)
    feature = derived.feature
    assert isinstance(feature, Derived)
    assert (feature.parent, feature.crop_frames, feature.step_frames, feature.units) == (PARENT.id, 4, 4, 3)
    assert feature.model == model_digest(model)
    assert feature.hop_seconds == 4 * PARENT.hop_seconds
    assert derived.clip_ids.tolist() == parent.clip_ids.tolist()
    for name, length in zip(parent.clip_ids, parent.lengths.tolist(), strict=True):
        values = parent[name]
        if length < 4:
            silent = padding(PARENT, encode(values, PARENT)[0])
            values = np.concatenate([values, np.repeat(silent[None], 4 - length, axis=0)])
        crops = np.stack([values[s : s + 4] for s in range(0, len(values) - 3, 4)])
        np.testing.assert_allclose(derived[name], predicted(model, crops), rtol=1e-5, atol=1e-5)


def test_examples_may_overlap_and_give_several_frames(parent: FeatureSet) -> None:
    inputs = keras.Input((None, 4, 1))
    model = keras.Model(inputs, keras.layers.Reshape((-1, 8))(inputs))  # two frames become one
    derived = derive(parent, model, crop_frames=4, step_frames=2)
    assert derived.feature.hop_seconds == PARENT.hop_seconds
    values = parent["clip0"]
    wanted = np.concatenate([values[s : s + 4].reshape(2, 8) for s in range(0, 7, 2)])
    np.testing.assert_array_equal(derived["clip0"], wanted)


def test_whole_clips_of_any_length_give_one_frame_each(parent: FeatureSet) -> None:
    model = model_of(None)
    derived = derive(parent, model, dtype="float16")
    assert derived.lengths.tolist() == [1] * 8
    assert derived.dtype == np.float16
    np.testing.assert_allclose(derived["clip6"], predicted(model, parent["clip6"][None]), rtol=2e-3)


def test_a_layer_inside(parent: FeatureSet) -> None:
    derived = derive(parent, model_of(), layer="pooled")
    np.testing.assert_allclose(derived["clip2"], parent["clip2"].reshape(2, 4, 4).max(axis=1), rtol=1e-6)


def test_it_is_a_feature_set_like_any_other(parent: FeatureSet, tmp_path: Path) -> None:
    derived = derive(parent, model_of())
    store = open_store(tmp_path / "store")
    assert store.find(kind="derived").id == derived.id
    for file, shard in zip(derived.record.shards, parent.record.shards, strict=True):
        assert (file.index, file.clips, file.failed) == (shard.index, shard.clips, shard.failed)
        paths = (tmp_path / "store" / derived.id / file.file, tmp_path / "store" / parent.id / shard.file)
        with open_shard(paths[0]) as own, open_shard(paths[1]) as theirs:
            for name in ("id", "status", "reason", "num_samples"):
                np.testing.assert_array_equal(own[f"clip/{name}"], theirs[f"clip/{name}"])
    with pytest.raises(Exception, match="clip4"):
        derived["clip4"]
    train, test = derived.split(train=dict(fold=1), test=dict(fold=2))
    everything = np.concatenate([derived[name] for name in train.clip_ids]).astype(np.float64)
    np.testing.assert_allclose(train.statistics().mean, everything.mean(axis=0), rtol=1e-6)
    x, y = KerasLoader(test, crop_frames=1, shuffle=False)[0]
    assert x.shape == (len(test), 1, 3, 1)
    assert y.tolist() == test.labels.tolist()
    assert feature_summary(store, derived.id)["unit"] == "1"
    assert not verify(store.path, deep=True)
    (store.path / "store.json").unlink()
    (store.path / derived.id / "feature.json").unlink()
    assert not verify(store.path, repair=True)
    np.testing.assert_array_equal(open_store(store.path)[derived.id]["clip2"], derived["clip2"])


def files_of(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.glob("shard-*"))}


def test_again_does_nothing_and_an_interrupted_run_goes_on(parent: FeatureSet, monkeypatch: Any) -> None:
    model = model_of()

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Manifest, "gather_outcomes", stop)
        with pytest.raises(KeyboardInterrupt):
            derive(parent, model)
    store = open_store(parent.store.path)
    assert len(store) == 1  # readers see nothing of it
    (folder,) = [p for p in store.path.iterdir() if p.name.startswith("derived-")]
    left = files_of(folder)
    (folder / "shard-00001.h5").unlink()
    damaged = folder / "shard-00000.h5"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    whole = {name: when for name, when in left.items() if name not in ("shard-00000.h5", "shard-00001.h5")}
    derived = derive(parent, model)
    assert whole.items() <= files_of(folder).items()
    assert not verify(store.path, deep=True)
    monkeypatch.setattr(keras.Model, "predict_on_batch", _counted(keras.Model.predict_on_batch, counts := []))
    before = files_of(folder)
    np.testing.assert_array_equal(derive(parent, model)["clip3"], derived["clip3"])
    assert files_of(folder) == before
    assert len(counts) == 1  # the trial on the first clip


def _counted(call: Any, counts: list[int]) -> Any:
    def counting(self: Any, x: Any) -> Any:
        counts.append(len(x))
        return call(self, x)

    return counting


def test_clips_that_the_parent_gains_are_gained_too(parent: FeatureSet) -> None:
    model = model_of()
    before = len(derive(parent, model))
    manifest = Manifest.load(parent.store.path)
    table = manifest.clips()
    place = int(table.index[table["clip_id"] == "clip4"][0])
    index = int(table["shard"][place])
    rows = table[table["shard"] == index]
    infos = [shard for shard in parent.record.shards if shard.index != index]
    new = clips(10, 3, 8, 14, 6)["clip4"]
    with ShardWriter(manifest.path / PARENT.id, index, PARENT, manifest.about, rows, 1) as writer:
        for name in rows["clip_id"]:
            writer.append(new if name == "clip4" else parent[name])
        infos.append(writer.publish())
    manifest.gather_outcomes({PARENT.id: infos})
    manifest.add_feature_set(PARENT, infos)
    parent = open_store(manifest.path)[PARENT.id]
    again = derive(parent, model)
    assert len(again) == before + 1
    np.testing.assert_allclose(again["clip4"][0], predicted(model, parent["clip4"][None, :4])[0], rtol=1e-5)
    kept = [shard.file for shard in again.record.shards]
    assert f"shard-{index:05d}-r1.h5" in kept
    assert not verify(manifest.path, deep=True)


def test_clips_that_the_corpus_gains_come_with_the_next_call(tmp_path: Path) -> None:
    corpus = datasets.load(
        "urbansound8k", miniature.urbansound8k(tmp_path / "corpus", clips=24, seconds=1.0, faults=False)
    )
    table = corpus.clips[["path", "label"]]
    feature, store = LogMel(n_mels=4, n_fft=512), tmp_path / "grown"

    def grown_to(clips: int) -> Any:
        table[:clips].to_csv(corpus.root / "table.csv", index=False)
        return datasets.load("folder", corpus.root, table="table.csv")

    preprocess.run(grown_to(20), feature, store, progress=False)
    model = model_of(None)
    assert len(derive(open_store(store)[feature.id], model)) == 20
    with pytest.warns(UserWarning, match="derived by a model"):
        preprocess.add_clips(grown_to(24), store, progress=False)
    derived = derive(open_store(store)[feature.id], model)
    assert len(derived) == 24
    assert not verify(store, deep=True)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, when saving
def test_the_digest_is_of_configuration_and_weights(tmp_path: Path) -> None:
    model = model_of(name="one")
    digest = model_digest(model)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert model_digest(loaded) == digest
    loaded.compile("adam", "mse")
    loaded.fit(np.ones((2, 4, 4, 1)), np.ones((2, 3)), verbose=0)
    assert model_digest(loaded) != digest
    assert model_digest(model_of(units=2, name="one")) != digest


def test_what_does_not_fit_is_refused_before_anything_is_written(parent: FeatureSet) -> None:
    inputs = keras.Input((4, 4, 1))
    image = keras.Model(inputs, keras.layers.Conv2D(2, 2, name="conv")(inputs))
    two = keras.Model([inputs, inputs], inputs)
    outputs = keras.Model(inputs, [inputs, inputs])
    for model, options, words in (
        (image, {}, r"activations of shape \(batch, 3, 3, 2\): must be \(batch, units\) or"),
        (model_of(None), {"layer": "permute", "crop_frames": 4}, "layer='permute': model .* has .*pooled, head"),
        (two, {}, "has 2 inputs"),
        (outputs, {}, "several outputs"),
        (model_of(), {"crop_frames": 4, "crop_seconds": 1.0}, "give one of them"),
        (model_of(), {"crop_frames": 0}, "crop_frames=0: .* at least 1"),
        (model_of(), {"crop_seconds": float("nan")}, "crop_seconds=nan"),
        (model_of(), {"axes": "ABC"}, "axes='ABC': must be one of"),
        (model_of(None), {"step_frames": 2}, "needs crop_frames"),
        (model_of(), {"crop_frames": 5}, "does not take them"),
        (model_of(), {"axes": "FT"}, "does not take them"),
        (model_of(), {"batch_size": 0}, "at least 1"),
        (keras.Sequential([keras.layers.Dense(2)]), {}, "is not built"),
    ):
        with pytest.raises(ParameterError, match=words):
            derive(parent, model, **options)
    assert [p.name for p in parent.store.path.iterdir() if p.is_dir()] == [PARENT.id]
    with pytest.raises(StoreError, match="being written by"), lock(parent.store.path):
        derive(parent, model_of())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, when saving
def test_the_command_line_does_the_same(parent: FeatureSet, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    from melgrid.cli import main

    model = model_of()
    model.save(tmp_path / "model.keras")
    store = parent.store.path

    def melgrid(*words: Any) -> int:
        monkeypatch.setattr("sys.argv", ["melgrid", *map(str, words)])
        with pytest.raises(SystemExit) as ending:
            main()
        return int(str(ending.value.code))

    arguments = ("derive", store, PARENT.id, tmp_path / "model.keras", "--layer", "pooled", "--quiet", "--json")
    assert melgrid(*arguments) == 0
    facts = json.loads(capsys.readouterr().out)
    derived = open_store(store)[facts["id"]]
    assert (facts["parent"], facts["clips"], facts["units"]) == (PARENT.id, 8, 4)
    np.testing.assert_array_equal(derived["clip3"], derive(parent, model, layer="pooled")["clip3"])
    assert melgrid("derive", store, PARENT.id, tmp_path / "nothing.keras") == 2
    assert "there is no such file" in capsys.readouterr().err
    (tmp_path / "text.keras").write_text("no model")
    assert melgrid("derive", store, PARENT.id, tmp_path / "text.keras") == 2
    assert "is no model that Keras" in capsys.readouterr().err
    assert melgrid("derive", store, PARENT.id, tmp_path / "model.keras", "--axes", "XY") == 2
    assert "axes='XY': must be one of" in capsys.readouterr().err


def test_no_grid_and_no_run_makes_it(parent: FeatureSet) -> None:
    with pytest.raises(ParameterError, match=r"Grid.product, entry 1: kind='derived': is made .* melgrid derive"):
        Grid.product("derived", units=3)
    feature = derive(parent, model_of(None)).feature
    root = miniature.urbansound8k(parent.store.path.parent / "corpus", clips=20, faults=False)
    with pytest.raises(ParameterError, match=r"is made from logmel-.* by a model"):
        preprocess.run(datasets.load("urbansound8k", root), feature, parent.store.path)


def test_parameters_survive_json() -> None:
    feature = Derived(
        parent=PARENT.id, model="0" * 64, runtime="keras", crop_frames=4, step_frames=2, units=3, frame_seconds=0.1
    )
    assert restore_feature(json.loads(json.dumps(feature.canonical()))) == feature
    assert feature.id.startswith("derived-logmel-units3-")
