"""Crops that the device gathers are those that every other loader gives."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.loaders import KerasLoader, NumpyLoader, device_layer, predict_clips, tf_dataset
from melgrid.loaders.device import DeviceFrames
from melgrid.params import Feature, LogMel, Stft, Waveform

LOGMEL = LogMel(n_mels=8, n_fft=512)
FEATURES = [
    LOGMEL,
    LogMel(n_mels=8, n_fft=512, dtype="uint8", range_db=(-80.0, 0.0)),
    LogMel(n_mels=8, n_fft=512, dtype="float32", mono=False, channels=2),
    Stft(n_fft=16, output="complex"),
    Waveform(),
]
LENGTHS = [20, 9, 14, 31, 7, 12, 25, 3]
OPTIONS: Any = {"batch_size": 3, "crop_frames": 12, "seed": 4}


def clips(feature: Feature, lengths: list[int] = LENGTHS) -> dict[str, Any]:
    found = {}
    for i, frames in enumerate(lengths):
        rng = np.random.default_rng(i)
        shape = (frames, feature.bins, *([feature.channels] if feature.channels else []))
        x = rng.normal(-30, 5, shape)
        found[f"{i}.wav"] = (x + 1j * x[::-1]).astype(np.complex64) if feature.is_complex else x.astype(np.float32)
    return found


@pytest.fixture
def sides(make_store: Any) -> Any:
    found = clips(LOGMEL)
    labels = {name: [i % 2] for i, name in enumerate(found)}
    fs = make_store(found, LOGMEL, labels=labels, folds={name: 1 + (i > 4) for i, name in enumerate(found)})
    return fs.select(fold=1), fs.select(fold=2)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.id)
@pytest.mark.parametrize("dtype", ["float32", "stored"])
@pytest.mark.parametrize("axes", ["TFC", "CFT"])
def test_every_bit_is_the_same(make_store: Any, feature: Feature, dtype: Any, axes: Any) -> None:
    selection = make_store(clips(feature), feature, task="none").select()
    loader = KerasLoader(selection, dtype=dtype, axes=axes, resident="device", **OPTIONS)
    layer = device_layer(loader)
    plain = NumpyLoader(selection, dtype=dtype, axes=axes, **OPTIONS)
    for (places,), batch in zip(loader, plain, strict=True):
        assert (places.shape, places.dtype) == ((len(batch["x"]), 2), np.int32)
        x = keras.ops.convert_to_numpy(layer(places))
        assert x.dtype == batch["x"].dtype
        np.testing.assert_array_equal(x, batch["x"])


def classifier() -> keras.Sequential:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4, "relu"), keras.layers.Dense(2, "softmax")])


def fitted(train: KerasLoader, valid: KerasLoader, *first: Any) -> tuple[Any, Any, Any]:
    inner = classifier()
    model = keras.Sequential([*first, inner])
    model.compile(keras.optimizers.SGD(1e-4), "sparse_categorical_crossentropy")
    history = model.fit(train, validation_data=valid, epochs=3, verbose=0, shuffle=False, callbacks=train.callbacks)
    return inner.get_weights(), history.history, model


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, when saving
def test_a_fit_is_the_same_and_what_is_saved_has_no_clips(sides: Any, tmp_path: Any) -> None:
    train, valid = (KerasLoader(side, resident="device", **OPTIONS) for side in sides)
    weights, history, model = fitted(train, valid, device_layer(train, valid))
    assert model.inputs[0].dtype == "int32"
    plain, plain_history, _ = fitted(*(KerasLoader(side, **OPTIONS) for side in sides))
    for ours, theirs in zip(weights, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(history["val_loss"], plain_history["val_loss"], rtol=1e-4)
    model.save_weights(tmp_path / "a.weights.h5")
    before = predict_clips(model, train)
    model.layers[1].set_weights([0 * w for w in weights])
    model.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(predict_clips(model, train), before)
    np.testing.assert_allclose(predict_clips(model.layers[1], KerasLoader(sides[0], **OPTIONS)), before, rtol=1e-5)
    assert (tmp_path / "a.weights.h5").stat().st_size < 60_000


def test_a_second_input_tuples_and_tf_data(make_store: Any, make_selection: Any) -> None:
    fs = make_store(clips(LOGMEL), LOGMEL, labels={f"{i}.wav": [i % 2] for i in range(len(LENGTHS))})
    both: Any = {"second": fs, "tuples": None, "resident": "device", **OPTIONS}
    loader = KerasLoader(fs.select(), **both)
    named, _ = loader[1]
    wanted = NumpyLoader(fs.select(), second=fs, axes="TFC", **OPTIONS).batches.batch(0, 1)
    for name in ("x", "x2"):
        got = device_layer(loader, name=name)(named[name])  # type: ignore[arg-type]
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(got), wanted[name])
    inputs = [keras.Input((2,), dtype="int32", name=name) for name in ("x", "x2")]
    made = [device_layer(loader, name=name)(x) for x, name in zip(inputs, ("x", "x2"), strict=True)]  # type: ignore[arg-type]
    both_in_one = keras.Model(dict(zip(("x", "x2"), inputs, strict=True)), made)
    for got, name in zip(both_in_one(named), ("x", "x2"), strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(got), wanted[name])
    dataset = tf_dataset(fs.select(), tuples="triplets", resident="device", **OPTIONS)
    triplets = NumpyLoader(fs.select(), tuples="triplets", axes="TFC", **OPTIONS)
    layer = device_layer(KerasLoader(fs.select(), resident="device", **OPTIONS))
    for (x, _), batch in zip(dataset, triplets, strict=True):
        for name in ("x", "positive", "negative"):
            np.testing.assert_array_equal(layer(x[name]), batch[name])


@pytest.mark.parametrize("feature", FEATURES[:2], ids=["float16", "uint8"])
def test_clips_that_are_not_there_are_never_taken_for_others(make_store: Any, feature: Feature) -> None:
    fs = make_store(clips(feature), feature, task="none")
    ids = fs.clip_ids.tolist()
    here, elsewhere = (
        KerasLoader(fs.select(clip_id=part), resident="device", **OPTIONS) for part in (ids[:4], ids[4:])
    )
    layer = device_layer(here)
    assert all(np.isfinite(layer(places)).all() for (places,) in here)
    assert all(np.isnan(layer(places)).all() for (places,) in elsewhere)


def test_numbers_that_went_through_a_float_are_refused(sides: Any) -> None:
    loader = KerasLoader(sides[0], resident="device", **OPTIONS)
    with pytest.raises(ParameterError, match="dtype='int32'"):
        device_layer(loader)(np.zeros((2, 2), np.float32))


def test_what_does_not_fit_is_refused_with_both_numbers(sides: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = KerasLoader(sides[0], resident="device", **OPTIONS)
    needed = DeviceFrames([loader]).bytes
    assert needed == (sum(sides[0].lengths) + sum(n < 12 for n in sides[0].lengths) + 1) * 8 * 2
    monkeypatch.setattr("melgrid.loaders.keras_device.free_memory", lambda: needed - 1)
    with pytest.raises(ParameterError, match=rf"take {needed:,} bytes, and main memory has {needed - 1:,} free"):
        device_layer(loader)
    monkeypatch.setattr("melgrid.loaders.keras_device.free_memory", lambda: needed)
    device_layer(loader)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop_frames": None}, "only crops of one length"),
        ({"mixup": 0.4, "labels": "one-hot"}, "leave mixup and masks"),
        ({"time_masks": (1, 2)}, "leave mixup and masks"),
    ],
)
def test_what_the_device_does_not_do_is_refused(sides: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        KerasLoader(sides[0], resident="device", **{**OPTIONS, **options})


def test_loaders_that_do_not_fit_together_are_refused(sides: Any) -> None:
    loader = KerasLoader(sides[0], resident="device", **OPTIONS)
    with pytest.raises(ParameterError, match="differ in feature, crop length"):
        device_layer(loader, KerasLoader(sides[1], resident="device", crop_frames=5))
    with pytest.raises(ParameterError, match="resident='device'"):
        device_layer(KerasLoader(sides[0], **OPTIONS))
    with pytest.raises(ParameterError, match="an input 'x2'"):
        device_layer(loader, name="x2")
    with pytest.raises(ParameterError, match="at least one loader"):
        device_layer()


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.id)
def test_jax_gathers_the_same(make_store: Any, feature: Feature) -> None:
    pytest.importorskip("jax")
    from melgrid.loaders import jax_gather

    selection = make_store(clips(feature), feature, task="none").select()
    loader = NumpyLoader(selection, resident="device", **OPTIONS)
    gather = jax_gather(loader)
    for batch, plain in zip(loader, NumpyLoader(selection, **OPTIONS), strict=True):
        np.testing.assert_array_equal(gather(batch["x"]), plain["x"])
