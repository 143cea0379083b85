"""The loaders on stores as they are written to disk."""

from __future__ import annotations

import itertools
import os
import pickle
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from melgrid.errors import ParameterError, ShardError
from melgrid.loaders import KerasLoader, NumpyLoader, normalization, predict_clips
from melgrid.loaders.batches import Batches
from melgrid.params import Feature, LogMel, Stft, Waveform
from melgrid.store import FeatureSet

LOGMEL = LogMel(n_mels=8, n_fft=512)
FEATURES = [
    LOGMEL,
    LogMel(n_mels=8, n_fft=512, dtype="uint8", range_db=(-80.0, 0.0)),
    LogMel(n_mels=8, n_fft=512, dtype="float32", mono=False, channels=2),
    Stft(n_fft=16, output="complex"),
    Waveform(),
]


def values(feature: Feature, frames: int, seed: int = 0, level: float = -30.0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    shape = (frames, feature.bins, *([feature.channels] if feature.channels else []))
    x = rng.normal(level, 5, shape)
    return (x + 1j * rng.normal(size=shape)).astype(np.complex64) if feature.is_complex else x.astype(np.float32)


def clips(feature: Feature, lengths: list[int]) -> dict[str, NDArray[Any] | None]:
    return {f"ä/{i}.wav": values(feature, n, i) for i, n in enumerate(lengths)}


def as_axes(x: NDArray[Any]) -> NDArray[Any]:
    """(frames, bins[, channels]) to TFC."""
    if np.iscomplexobj(x):
        x = np.stack([x.real, x.imag], axis=-1)
    return x.reshape(*x.shape[:2], -1)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.id)
def test_crops_are_slices_of_the_stores_own_arrays(make_store: Any, feature: Feature) -> None:
    fs: FeatureSet = make_store(clips(feature, [20, 9, 14, 31, 7, 12, 25]), feature, task="none")
    batches = Batches(fs.select(), batch_size=3, crop_frames=9, axes="TFC", with_ids=True, with_lengths=True)
    found = 0
    for i in range(len(batches)):
        batch = batches.batch(2, i)
        _, _, starts = batches._schedule.part(2, i)
        assert "y" not in batch
        for name, x, start, length in zip(batch["clip_id"], batch["x"], starts, batch["length"], strict=True):
            np.testing.assert_array_equal(x[:length], as_axes(fs[str(name)])[start : start + length])
            found += 1
    assert found == 7


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.id)
def test_whole_clips_are_the_stores_own_arrays(make_store: Any, feature: Feature) -> None:
    fs: FeatureSet = make_store(clips(feature, [20, 9, 14, 3, 7]), feature, task="none")
    loader = NumpyLoader(fs.select(), batch_size=2, axes="TFC", with_ids=True)
    seen = []
    for batch in loader:
        for name, x, mask in zip(batch["clip_id"], batch["x"], batch["mask"], strict=True):
            np.testing.assert_array_equal(x[mask], as_axes(fs[str(name)]))
            seen.append(str(name))
    assert sorted(seen) == sorted(fs.clip_ids)


def test_labels_ids_and_failed_clips(make_store: Any) -> None:
    found = clips(LOGMEL, [20] * 10)
    found["ä/3.wav"] = None
    fs = make_store(found, LOGMEL, labels={name: [i % 2] for i, name in enumerate(found)})
    batch = next(iter(NumpyLoader(fs.select(), batch_size=20, crop_frames=4, with_ids=True)))
    assert sorted(batch["clip_id"]) == sorted(set(found) - {"ä/3.wav"})
    assert batch["y"].tolist() == [int(name[2]) % 2 for name in batch["clip_id"]]


def test_multi_hot_labels(make_store: Any) -> None:
    found = clips(LOGMEL, [9, 9, 9])
    fs = make_store(found, LOGMEL, task="multi", labels=dict(zip(found, ([0, 1], [], [1]), strict=True)))
    batch = NumpyLoader(fs.select(), crop_frames=4, shuffle=False, with_ids=True).batches.batch(0, 0)
    wanted = {"ä/0.wav": [1, 1], "ä/1.wav": [0, 0], "ä/2.wav": [0, 1]}
    assert batch["y"].dtype == np.float32
    assert {str(n): y.tolist() for n, y in zip(batch["clip_id"], batch["y"], strict=True)} == wanted


def test_unlabelled_clips_are_refused_and_the_remedy_helps(make_store: Any) -> None:
    found = clips(LOGMEL, [9, 9, 9])
    fs = make_store(found, LOGMEL, labels={"ä/0.wav": [0], "ä/1.wav": [1]})
    with pytest.raises(ParameterError, match=r"1 of 3 clips have no label \(ä/2.wav\)"):
        NumpyLoader(fs.select(), crop_frames=4)
    assert len(NumpyLoader(fs.select(label=["low", "high"]), crop_frames=4).batches.batch(0, 0)["x"]) == 2


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_truncated_shard_is_an_error_that_names_it(make_store: Any, prefetch: int) -> None:
    fs = make_store(clips(LOGMEL, [40] * 8), LOGMEL, task="none")
    loader = NumpyLoader(fs.select(), batch_size=2, crop_frames=4, prefetch=prefetch, epochs=None)
    batches = iter(loader)
    next(batches)
    path: Path = sorted((fs.store.path / fs.id).glob("shard-*.h5"))[0]
    os.truncate(path, path.stat().st_size - 40 * 8 * 2 * 3)
    with pytest.raises(ShardError, match="shard-00000"):
        list(itertools.islice(batches, 20))


def test_a_loader_can_be_pickled(make_store: Any) -> None:
    fs = make_store(clips(LOGMEL, [20] * 5), LOGMEL, task="none")
    loader = NumpyLoader(fs.select(), crop_frames=4)
    copy = pickle.loads(pickle.dumps(loader))
    np.testing.assert_array_equal(copy.batches.batch(3, 0)["x"], loader.batches.batch(3, 0)["x"])


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.id)
@pytest.mark.parametrize("axis", ["bin", None])
@pytest.mark.parametrize("dtype", ["float32", "stored"])
def test_normalised_batches_have_zero_mean_and_unit_deviation(
    make_store: Any, feature: Feature, axis: Any, dtype: Any
) -> None:
    selection = make_store(clips(feature, [20, 9, 14, 31]), feature, task="none").select()
    layer = normalization(selection.statistics(axis), "CTF", stored=feature if dtype == "stored" else None)
    frames = []
    for batch in NumpyLoader(selection, axes="CTF", dtype=dtype, batch_size=2):
        out = keras.ops.convert_to_numpy(layer(batch["x"])).transpose(0, 2, 3, 1)
        frames.append(out[batch["mask"]])
    joined = np.concatenate(frames).astype(np.float64)
    over: Any = 0 if axis == "bin" else (0, 1) if feature.is_complex else None
    np.testing.assert_allclose(joined.mean(axis=over), 0, atol=1e-4)
    variance = joined.var(axis=over)
    if feature.is_complex:
        variance = variance.sum(axis=-1)
    np.testing.assert_allclose(variance, 1, atol=1e-3)


def test_training_on_a_store_learns(make_store: Any) -> None:
    keras.utils.set_random_seed(0)
    names = [f"clip-{i}" for i in range(24)]
    found = {name: values(LOGMEL, 12 + i, i, -60.0 if i % 2 else -20.0) for i, name in enumerate(names)}
    fs = make_store(
        found,
        LOGMEL,
        labels={name: [i % 2] for i, name in enumerate(names)},
        folds={name: 1 if i < 16 else 2 for i, name in enumerate(names)},
    )
    train, valid = fs.split(train={"fold": 1}, valid={"fold": 2})
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), dtype="float16"),
            normalization(train.statistics(), stored=fs.feature),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    options: Any = {"batch_size": 4, "crop_frames": 8, "dtype": "stored"}
    loader = KerasLoader(train, **options)
    history = model.fit(
        loader,
        validation_data=KerasLoader(valid, shuffle=False, **options),
        epochs=4,
        verbose=0,
        shuffle=False,
        callbacks=loader.callbacks,
    )
    assert history.history["val_accuracy"][-1] == 1.0
    predicted = predict_clips(model, KerasLoader(valid, **options))
    assert predicted.argmax(axis=1).tolist() == valid.labels.tolist()
    np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-5)
