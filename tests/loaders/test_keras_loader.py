"""Real fits on TensorFlow: what is read is compared with what the core gives for (epoch, batch)."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.loaders import KerasLoader, NumpyLoader
from melgrid.params import LogMel

FRAMES, BINS, CLASSES = 4, 4, 3


@pytest.fixture
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((FRAMES, BINS, 1)), keras.layers.Flatten(), keras.layers.Dense(CLASSES)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def make(selection: Any, **options: Any) -> KerasLoader:
    return KerasLoader(selection, **{"batch_size": 2, "crop_frames": FRAMES, **options})


class Seen(keras.callbacks.Callback):  # type: ignore[misc]
    """The places that a fit asked for: peeks first, then an entry per epoch."""

    def __init__(self, loader: KerasLoader) -> None:
        super().__init__()
        self.peeks: list[tuple[int, int]] = []
        self.epochs: list[list[tuple[int, int]]] = []
        batch = loader.batches.batch

        def spy(epoch: int, i: int) -> Any:
            (self.epochs[-1] if self.epochs else self.peeks).append((epoch, i))
            return batch(epoch, i)

        loader.batches.batch = spy  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epochs.append([])


def places(epoch: int, batches: int) -> list[tuple[int, int]]:
    return [(epoch, i) for i in range(batches)]


@pytest.mark.parametrize("clips", [9, 4, 3, 1])
@pytest.mark.parametrize("with_callbacks", [True, False])
def test_every_epoch_has_its_own_order(
    make_selection: Any, model: keras.Model, clips: int, with_callbacks: bool
) -> None:
    loader = make(make_selection([20] * clips))
    seen = Seen(loader)
    extra = loader.callbacks if with_callbacks else []
    model.fit(loader, epochs=3, verbose=0, shuffle=False, callbacks=[seen, *extra])
    n = len(loader)
    assert seen.peeks == places(0, min(n, 2))
    assert seen.epochs == [places(0, n), places(1, n), places(2, n)]


def test_a_second_fit_goes_on(make_selection: Any, model: keras.Model) -> None:
    loader = make(make_selection([20] * 6))
    seen = Seen(loader)
    for _ in range(2):
        model.fit(loader, epochs=2, verbose=0, shuffle=False, callbacks=[seen])
    # the second fit's peeks come after the last epoch of the first
    assert seen.epochs == [places(0, 3), places(1, 3) + places(1, 2), places(2, 3), places(3, 3)]


def test_initial_epoch_draws_what_an_uninterrupted_fit_draws(make_selection: Any, model: keras.Model) -> None:
    loader = make(make_selection([20] * 6))
    seen = Seen(loader)
    model.fit(loader, initial_epoch=5, epochs=7, verbose=0, shuffle=False, callbacks=[seen, *loader.callbacks])
    assert seen.epochs == [places(5, 3), places(6, 3)]


@pytest.mark.parametrize("steps", [3, 6])
def test_steps_per_epoch_goes_on_through_a_pass(make_selection: Any, model: keras.Model, steps: int) -> None:
    loader = make(make_selection([20] * 12))
    seen = Seen(loader)
    model.fit(loader, steps_per_epoch=steps, epochs=4, verbose=0, shuffle=False, callbacks=[seen])
    asked = [place for epoch in seen.epochs for place in epoch]
    passes = 4 * steps // 6
    assert asked == [place for epoch in range(passes) for place in places(epoch, 6)]


def test_validation_reads_every_clip_in_the_same_order_each_time(make_selection: Any, model: keras.Model) -> None:
    loader, valid = make(make_selection([20] * 6)), make(make_selection([20] * 5), shuffle=False)
    trained, validated = Seen(loader), Seen(valid)
    history = model.fit(
        loader, validation_data=valid, epochs=2, verbose=0, shuffle=False, callbacks=[trained, *loader.callbacks]
    )
    assert trained.epochs == [places(0, 3), places(1, 3)]
    read = [i for _, i in validated.peeks]
    assert read == [0, 1, 0, 1, 2, 0, 1, 2]
    assert len(history.history["val_accuracy"]) == 2
    assert model.evaluate(valid, verbose=0, return_dict=True)["accuracy"] == pytest.approx(
        history.history["val_accuracy"][-1]
    )


def test_class_weights_weigh_the_loss(make_selection: Any, model: keras.Model) -> None:
    selection = make_selection([20] * 6)
    model.compile(keras.optimizers.SGD(0.0), model.loss)
    loss = {
        weight: model.fit(
            make(selection, batch_size=6), class_weight={0: weight, 1: 0.0, 2: 0.0}, verbose=0, shuffle=False
        ).history["loss"][0]
        for weight in (1.0, 3.0)
    }
    assert loss[3.0] == pytest.approx(3 * loss[1.0])


def test_early_stopping_and_a_stop_within_an_epoch(make_selection: Any, model: keras.Model) -> None:
    class Stop(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 1

    loader = make(make_selection([20] * 20))
    seen = Seen(loader)
    model.fit(loader, epochs=3, verbose=0, shuffle=False, callbacks=[seen, Stop()])
    patience = keras.callbacks.EarlyStopping(monitor="loss", patience=0, baseline=-1.0)
    model.fit(loader, epochs=5, verbose=0, shuffle=False, callbacks=[seen, patience])
    interrupted, *whole = seen.epochs
    assert {epoch for epoch, _ in interrupted} == {0}
    assert whole == [places(1, 10), places(2, 10)]


def test_what_tensorflow_computes_on_is_what_the_core_gave(make_selection: Any) -> None:
    # many batches read ahead of slow steps: none may be overwritten before it is used
    class Total(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            for _ in range(20):
                x = keras.ops.sort(x, axis=1)
            return keras.ops.sum(x, axis=(1, 2, 3))[:, None]

    selection = make_selection([200] * 120, LogMel(n_mels=BINS))
    options: Any = {"batch_size": 3, "crop_frames": 100, "crop": "random", "shuffle": False, "seed": 5}
    sums = keras.Sequential([Total()]).predict(KerasLoader(selection, **options), verbose=0)[:, 0]
    core = np.concatenate([batch["x"] for batch in NumpyLoader(selection, **options)])
    np.testing.assert_allclose(sums, core.sum(axis=(1, 2)), rtol=1e-5)


def test_shuffling_twice_is_warned_of_once(make_selection: Any, model: keras.Model) -> None:
    loader = make(make_selection([20] * 40))
    with pytest.warns(UserWarning, match=r"fit\(\.\.\., shuffle=False\)") as caught:
        model.fit(loader, epochs=3, verbose=0)
    assert len(caught) == 1


def test_no_warning_without_shuffling(make_selection: Any, model: keras.Model) -> None:
    loader = make(make_selection([20] * 40))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(loader, epochs=2, verbose=0, shuffle=False)
        model.predict(loader, verbose=0)
    assert not [w for w in caught if "shuffle" in str(w.message)]


def test_an_error_while_reading_ends_the_fit_and_names_its_cause(make_selection: Any, model: keras.Model) -> None:
    selection = make_selection([20] * 8)
    selection.feature_set.fail_at = 7
    loader = make(selection, shuffle=False)
    with pytest.raises(Exception, match="OSError: row 7 is gone"):
        model.fit(loader, verbose=0, shuffle=False)
    selection.feature_set.fail_at = None
    model.fit(loader, verbose=0, shuffle=False)


def test_an_error_while_peeking_keeps_its_type(make_selection: Any, model: keras.Model) -> None:
    selection = make_selection([20] * 8)
    selection.feature_set.fail_at = 0
    with pytest.raises(OSError, match="row 0 is gone"):
        model.fit(make(selection, shuffle=False), verbose=0, shuffle=False)


def test_batches_are_pairs_with_fixed_axes(make_selection: Any) -> None:
    loader = make(make_selection([20] * 5))
    assert (loader.workers, loader.use_multiprocessing, len(loader)) == (1, False, 3)
    x, y = loader[0]
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((2, FRAMES, BINS, 1), np.float32, (2,), np.int64)
    assert loader[2][0].shape == (1, FRAMES, BINS, 1)
    (x,) = make(make_selection([20], classes=()))[0]
    assert x.shape == (1, FRAMES, BINS, 1)
    x, _ = make(make_selection([20]), axes="FT")[0]
    assert x.shape == (1, BINS, FRAMES)


def test_a_plain_loop_is_an_epoch_each_time(make_selection: Any) -> None:
    loader = make(make_selection([20] * 6))
    numpy = NumpyLoader(make_selection([20] * 6), batch_size=2, crop_frames=FRAMES, axes="TFC", epochs=2)
    got = [x for _ in range(2) for x, _ in loader]
    for x, batch in zip(got, numpy, strict=True):
        np.testing.assert_array_equal(x, batch["x"])


def test_whole_clips_of_many_lengths_with_a_mask(make_selection: Any) -> None:
    inputs = {"x": keras.Input((None, BINS, 1), name="x"), "mask": keras.Input((None,), dtype="bool", name="mask")}
    frames = keras.layers.Reshape((-1, BINS))(inputs["x"])
    pooled = keras.layers.GlobalAveragePooling1D()(frames, mask=inputs["mask"])
    model = keras.Model(inputs, keras.layers.Dense(CLASSES)(pooled))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    # equal lengths in the two batches that Keras peeks at, others later
    loader = KerasLoader(make_selection([6, 6, 6, 6, 9, 3, 2, 30]), batch_size=2, shuffle=False)
    model.fit(loader, epochs=2, verbose=0, shuffle=False)
    model.fit(KerasLoader(make_selection([6, 9, 3]), batch_size=2), epochs=2, verbose=0, shuffle=False)


def test_lengths_come_by_name(make_selection: Any) -> None:
    x, _ = make(make_selection([20, 3]), with_lengths=True, shuffle=False)[0]
    assert sorted(x) == ["length", "x"]
    assert x["length"].tolist() == [FRAMES, 3]


def test_ids_are_refused_with_the_remedy(make_selection: Any) -> None:
    with pytest.raises(ParameterError, match="predict_clips"):
        make(make_selection([20]), with_ids=True)


def test_stored_codes_are_cast_on_the_device(make_selection: Any, model: keras.Model) -> None:
    selection = make_selection([20] * 4, LogMel(n_mels=BINS))
    outputs: list[Any] = [
        model.predict(make(selection, dtype=d, shuffle=False), verbose=0) for d in ("stored", "float32")
    ]
    assert make(selection, dtype="stored")[0][0].dtype == np.float16
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-6)


def test_no_thread_of_ours_is_left(make_selection: Any, model: keras.Model) -> None:
    model.fit(make(make_selection([20] * 8)), verbose=0, shuffle=False)
    assert not [t for t in threading.enumerate() if t.name.startswith("melgrid")]


def test_keras_loads_only_when_asked_for() -> None:
    code = (
        "import sys, melgrid.loaders as l; print('keras' in sys.modules, 'tensorflow' in sys.modules,"
        " 'KerasLoader' in dir(l), hasattr(l, 'nothing'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False False True False\n"


def test_the_process_ends_after_an_interrupted_epoch() -> None:
    # Without help, TensorFlow waits for ever for the thread that reads ahead; here it always is reading.
    code = """
import sys; sys.path.insert(0, sys.argv[1])
import time
import conftest, keras, numpy as np
from melgrid.loaders import KerasLoader
from melgrid.params import LogMel

class Slow(conftest.MemoryFeatureSet):
    def read(self, *arguments):
        time.sleep(0.2)
        super().read(*arguments)

class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt

features = Slow(LogMel(n_mels=4, dtype="float32"), [np.zeros((9, 4), np.float32)] * 50)
selection = conftest.MemorySelection(features, np.zeros(50, int), ("a",))
model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
model.compile("sgd", "mse")
try:
    model.fit(
        KerasLoader(selection, batch_size=2, crop_frames=3), verbose=0, shuffle=False, callbacks=[Interrupt()]
    )
except KeyboardInterrupt as error:
    held = error  # its traceback refers to all that fit made
print("end")
"""
    folder = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
