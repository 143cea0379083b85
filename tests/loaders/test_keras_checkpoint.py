"""A fit that dies within an epoch and is resumed ends with the weights of one that did not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.loaders import Checkpoint, KerasLoader

FRAMES, BINS = 4, 4
# Keras hands h5py its variables, which know numpy 1's protocol only
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def make_model() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((FRAMES, BINS, 1)), keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def make_loader(selection: Any, **options: Any) -> KerasLoader:
    return KerasLoader(selection, **{"batch_size": 2, "crop_frames": FRAMES, **options})


class Crash(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("after", "place"), [(2, (0, 2)), (5, (0, 4)), (7, (1, 2)), (9, (1, 4)), (11, (2, 0))])
def test_a_resumed_fit_is_the_same_fit(make_selection: Any, tmp_path: Path, after: int, place: tuple[int, int]) -> None:
    selection = make_selection([20] * 10)  # five batches
    whole = make_model()
    loader = make_loader(selection)
    whole.fit(loader, epochs=4, verbose=0, shuffle=False, callbacks=loader.callbacks)

    first, loader = make_model(), make_loader(selection)
    checkpoint = Checkpoint(loader, tmp_path / "run", every=2)
    with pytest.raises(KeyboardInterrupt):
        first.fit(loader, epochs=4, verbose=0, shuffle=False, callbacks=[checkpoint, Crash(after)])

    second, loader = make_model(), make_loader(selection)
    checkpoint = Checkpoint(loader, tmp_path / "run", every=2)
    epoch = checkpoint.resume(second)
    state = loader.state()
    assert (epoch, state["batch"]) == place == (state["epoch"], state["batch"])
    history = second.fit(
        loader, initial_epoch=epoch, epochs=4, verbose=0, shuffle=False, callbacks=[checkpoint],
        validation_data=make_loader(selection, shuffle=False),
    )  # fmt: skip
    assert len(history.history["val_loss"]) == 4 - epoch
    assert len(loader) == 5
    for a, b in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["4-0.weights.h5", "loader.json"]


def test_what_was_saved_is_whole_while_it_is_saved_again(make_selection: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """The last batch and the end of its epoch have one name."""
    loader, model = make_loader(make_selection([20] * 8)), make_model()
    writes: list[str] = []

    def dying(path: Path, **_: Any) -> None:
        writes.append(path.name)
        if len(writes) > 2:  # at the end of the epoch
            path.write_bytes(b"")
            raise KeyboardInterrupt
        save(path, overwrite=True)

    save = model.save_weights
    monkeypatch.setattr(model, "save_weights", dying)
    with pytest.raises(KeyboardInterrupt):
        model.fit(loader, verbose=0, shuffle=False, callbacks=[Checkpoint(loader, tmp_path, every=2)])
    assert Checkpoint(loader, tmp_path).resume(make_model()) == 1


def test_weights_are_on_the_disk_before_they_count(make_selection: Any, tmp_path: Path, monkeypatch: Any) -> None:
    loader, synced = make_loader(make_selection([20] * 4)), []
    monkeypatch.setattr(
        "melgrid.loaders.keras_checkpoint.sync",
        lambda path: synced.append((path.name, path.stat().st_size > 0, (tmp_path / "loader.json").exists())),
    )
    make_model().fit(loader, verbose=0, shuffle=False, callbacks=[Checkpoint(loader, tmp_path)])
    assert synced == [("new.weights.h5", True, False)]


def test_batches_count_that_keras_does_not_announce(make_selection: Any, tmp_path: Path, monkeypatch: Any) -> None:
    saved = []
    checkpoint = Checkpoint(make_loader(make_selection([20] * 24)), tmp_path, every=4)
    monkeypatch.setattr(checkpoint, "_save", lambda: saved.append(batch))
    for batch in (2, 5, 8, 11):  # steps_per_execution=3
        checkpoint.on_train_batch_end(batch)
    assert saved == [5, 11]


def test_a_resumed_last_epoch_leaves_a_whole_loader(make_selection: Any) -> None:
    loader, model = make_loader(make_selection([20] * 6)), make_model()
    loader.restore({**loader.state(), "epoch": 1, "batch": 2})
    model.fit(loader, initial_epoch=1, epochs=2, verbose=0, shuffle=False, callbacks=loader.callbacks)
    assert len(loader) == 3
    assert model.predict(loader, verbose=0).shape == (6, 3)


def test_without_a_checkpoint_it_begins(make_selection: Any, tmp_path: Path) -> None:
    assert Checkpoint(make_loader(make_selection([20] * 4)), tmp_path).resume(make_model()) == 0


def test_another_initial_epoch_is_refused(make_selection: Any) -> None:
    loader = make_loader(make_selection([20] * 6))
    loader.restore({**loader.state(), "epoch": 2, "batch": 1})
    with pytest.raises(ParameterError, match=r"initial_epoch=0: .* epoch 2"):
        make_model().fit(loader, verbose=0, shuffle=False, callbacks=loader.callbacks)
    model = make_model()  # what was restored is still there for the right one
    model.fit(loader, initial_epoch=2, epochs=3, verbose=0, shuffle=False, callbacks=loader.callbacks)
    assert int(model.optimizer.iterations) == 2


def test_a_resumed_epoch_that_is_interrupted_too_is_resumed_again(make_selection: Any) -> None:
    loader = make_loader(make_selection([20] * 10))
    loader.restore({**loader.state(), "epoch": 1, "batch": 2})
    callbacks = [*loader.callbacks, Crash(1)]
    with pytest.raises(KeyboardInterrupt):
        make_model().fit(loader, initial_epoch=1, epochs=3, verbose=0, shuffle=False, callbacks=callbacks)
    state, model = loader.state(), make_model()
    assert (state["epoch"], state["batch"]) == (1, 3)
    loader.restore(state)
    model.fit(loader, initial_epoch=1, epochs=3, verbose=0, shuffle=False, callbacks=loader.callbacks)
    assert int(model.optimizer.iterations) == 2 + 5


def test_epochs_that_end_within_the_clips_are_refused(make_selection: Any, tmp_path: Path) -> None:
    loader = make_loader(make_selection([20] * 10))
    for steps in (2, 10):
        with pytest.raises(ParameterError, match=f"steps_per_epoch={steps}: a checkpoint needs epochs of all 5"):
            make_model().fit(
                loader, steps_per_epoch=steps, verbose=0, shuffle=False, callbacks=[Checkpoint(loader, tmp_path)]
            )
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_other_batches_is_refused(make_selection: Any, tmp_path: Path) -> None:
    selection = make_selection([20] * 6)
    loader = make_loader(selection)
    make_model().fit(loader, verbose=0, shuffle=False, callbacks=[Checkpoint(loader, tmp_path)])
    with pytest.raises(ParameterError, match="another order"):
        Checkpoint(make_loader(selection, seed=1), tmp_path).resume(make_model())
    plain = keras.Sequential([keras.Input((FRAMES, BINS, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    plain.compile("adam")
    with pytest.raises(ParameterError, match="1 random layers, here 0"):
        Checkpoint(make_loader(selection), tmp_path).resume(plain)
    with pytest.raises(ParameterError, match="every=0"):
        Checkpoint(loader, tmp_path, every=0)
