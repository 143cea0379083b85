"""The same batches through tf.data, and no hanging end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from melgrid.errors import ParameterError
from melgrid.loaders import KerasLoader, NumpyLoader, tf_dataset
from melgrid.params import LogMel


@pytest.mark.parametrize(
    "options",
    [
        {"crop_frames": 4},
        {"crop_frames": 4, "drop_last": True, "axes": "CFT", "dtype": "stored"},
        {"crop_frames": 4, "labels": "one-hot", "mixup": 0.4, "with_lengths": True},
        {"crop_frames": 4, "tuples": "triplets"},
        {},
    ],
    ids=str,
)
def test_batches_are_those_of_the_core(make_selection: Any, options: dict[str, Any]) -> None:
    selection = make_selection([20, 7, 3, 9, 9, 12, 5], LogMel(n_mels=4))
    dataset = tf_dataset(selection, batch_size=3, seed=4, **options)
    core = NumpyLoader(selection, batch_size=3, seed=4, epochs=2, **{"axes": "TFC", **options})
    got = [batch for _ in range(2) for batch in dataset.as_numpy_iterator()]
    assert len(got) == 2 * int(dataset.cardinality()) == 2 * len(core)
    for (x, y), batch in zip(got, core, strict=True):
        np.testing.assert_array_equal(y, batch.pop("y"))
        assert (x if isinstance(x, dict) else {"x": x}).keys() == batch.keys()
        for name, array in (x if isinstance(x, dict) else {"x": x}).items():
            np.testing.assert_array_equal(array, batch[name])
            assert array.dtype == batch[name].dtype


def test_shapes_are_known_beforehand(make_selection: Any) -> None:
    selection = make_selection([20] * 5)
    x, y = tf_dataset(selection, batch_size=2, crop_frames=4).element_spec
    assert (x.shape.as_list(), x.dtype, y.shape.as_list(), y.dtype) == ([None, 4, 4, 1], tf.float32, [None], tf.int64)
    (x,) = tf_dataset(selection, batch_size=2, crop_frames=4, drop_last=True, labels=None).element_spec
    assert x.shape.as_list() == [2, 4, 4, 1]
    x, _ = tf_dataset(selection, batch_size=2, axes="FT").element_spec
    assert (x["x"].shape.as_list(), x["mask"].shape.as_list()) == ([None, 4, None], [None, None])


def test_epochs_and_for_ever(make_selection: Any) -> None:
    selection = make_selection([20] * 6)
    core = NumpyLoader(selection, batch_size=2, crop_frames=4, axes="TFC", epochs=4)
    two = tf_dataset(selection, batch_size=2, crop_frames=4, epochs=2)
    assert int(two.cardinality()) == 6
    ever = tf_dataset(selection, batch_size=2, crop_frames=4, epochs=None)
    assert int(ever.cardinality()) == tf.data.INFINITE_CARDINALITY
    for got in ([x for _ in range(2) for x, _ in two], [x for x, _ in ever.take(12)]):
        for x, batch in zip(got, core, strict=True):
            np.testing.assert_array_equal(x, batch["x"])
        core.epoch = 0


def test_a_fit_sees_every_epoch_in_its_own_order(make_selection: Any) -> None:
    selection = make_selection([20] * 6)
    dataset = tf_dataset(selection, batch_size=2, crop_frames=4)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(dataset, epochs=3, verbose=0, shuffle=False)
    assert len(history.history["loss"]) == 3
    order = [y.tolist() for _, y in dataset.as_numpy_iterator()]
    core = NumpyLoader(selection, batch_size=2, crop_frames=4)
    core.epoch = 3
    assert order == [batch["y"].tolist() for batch in core]


@pytest.mark.parametrize("epochs", [1, 2, None])
@pytest.mark.parametrize("step", [0, 2, 3, 7, 9])
def test_a_resumed_dataset_goes_on_with_the_very_next_batch(make_selection: Any, epochs: int | None, step: int) -> None:
    selection, options = make_selection([20] * 6), {"batch_size": 2, "crop_frames": 4}
    whole = [x for x, _ in tf_dataset(selection, epochs=9, **options)]
    # what was read ahead of the consumer does not matter
    first = tf_dataset(selection, epochs=epochs, prefetch=3, **options)
    state = json.loads(json.dumps(first.state(step)))
    assert state == {"epoch": step // 3, "batch": step % 3, "order": state["order"]}
    for start in (step, state):
        resumed = tf_dataset(selection, epochs=epochs, start=start, **options)
        rest = [x for _ in range(2) for x, _ in resumed.take(6)]
        if epochs is not None:  # the second pass begins with the epoch after those of the first
            assert len(rest) == min(6, 3 * epochs - step % 3) + min(6, 3 * epochs)
            second = 3 * (step // 3 + epochs)
            expected = whole[step : min(second, step + 6)] + whole[second : second + min(6, 3 * epochs)]
            assert all(np.array_equal(a, b) for a, b in zip(rest, expected, strict=False))
        else:
            assert all(np.array_equal(a, b) for a, b in zip(rest[:6], whole[step : step + 6], strict=True))


def test_a_keras_loaders_state_fits_and_another_orders_does_not(make_selection: Any) -> None:
    selection, options = make_selection([20] * 6), {"batch_size": 2, "crop_frames": 4}
    loader = KerasLoader(selection, **options)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(loader, epochs=2, verbose=0, shuffle=False, callbacks=loader.callbacks)
    assert loader.state() == tf_dataset(selection, **options).state(int(model.optimizer.iterations))
    with pytest.raises(ParameterError, match="another order"):
        tf_dataset(selection, seed=1, start=loader.state(), **options)
    for start in (-1, 1.5):
        with pytest.raises(ParameterError, match=f"start={start}: must be a whole number, at least 0, or the state"):
            tf_dataset(selection, start=start, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"epochs": 0}, "epochs=0"), ({"prefetch": -1}, "prefetch=-1"), ({"with_ids": True}, "predict_clips")],
)
def test_values_out_of_range_are_refused(make_selection: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        tf_dataset(make_selection([9]), **options)


def test_an_error_names_its_cause(make_selection: Any) -> None:
    selection = make_selection([20] * 8)
    dataset = tf_dataset(selection, batch_size=2, crop_frames=4, shuffle=False)
    selection.feature_set.fail_at = 7
    with pytest.raises(Exception, match="OSError: row 7 is gone"):
        list(dataset)


def test_the_process_ends_after_an_interrupted_pass() -> None:
    code = """
import sys; sys.path.insert(0, sys.argv[1])
import time
import conftest, numpy as np
from melgrid.loaders import tf_dataset
from melgrid.params import LogMel

class Slow(conftest.MemoryFeatureSet):
    def read(self, *arguments):
        time.sleep(0.2)
        super().read(*arguments)

features = Slow(LogMel(n_mels=4, dtype="float32"), [np.zeros((9, 4), np.float32)] * 50)
selection = conftest.MemorySelection(features, np.zeros(50, int), ("a",))
held = iter(tf_dataset(selection, batch_size=2, crop_frames=3, epochs=None))
print(next(held)[0].shape)
"""
    folder = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "(2, 3, 4, 1)\n"), done.stderr
