"""Weights and the place in the data, saved together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from melgrid.errors import ParameterError
from melgrid.loaders.keras_callback import EpochCallback
from melgrid.loaders.whole_numbers import whole_number
from melgrid.store.disk import publish_bytes, sync

if TYPE_CHECKING:
    from melgrid.loaders.keras_loader import KerasLoader

__all__ = ["Checkpoint"]


class Checkpoint(EpochCallback):
    """Callback that saves a model with its optimizer and the loader's state, for an exact resume within an epoch.

    The random numbers of layers such as dropout go on as well, which Keras leaves out of saved weights.

    It does what ``loader.callbacks`` do as well. To go on::

        checkpoint = Checkpoint(loader, "run", every=500)
        epoch = checkpoint.resume(model)
        model.fit(loader, initial_epoch=epoch, epochs=20, shuffle=False, callbacks=[checkpoint])

    Parameters
    ----------
    loader : KerasLoader
    folder : str or Path
        Holds the last checkpoint only. A run that dies while it saves leaves the one before, and so does a power cut.
    every : int >= 1 or None
        Batches between checkpoints; each end of an epoch has one anyway.

    Raises
    ------
    ParameterError
        Also by ``fit`` with ``steps_per_epoch``: a checkpoint needs to know where in the clips an epoch ends.
    """

    def __init__(self, loader: KerasLoader, folder: str | Path, every: int | None = None) -> None:
        super().__init__(loader)
        self._folder = Path(folder)
        self._every = None if every is None else whole_number("every", every, 1, ", or None")
        self._saved = 0

    def resume(self, model: keras.Model) -> int:
        """Load weights and place from the folder, if there are any.

        Parameters
        ----------
        model : keras.Model
            Built and compiled.

        Returns
        -------
        int
            For ``fit(initial_epoch=...)``.

        Raises
        ------
        ParameterError
            The checkpoint is of a loader of other clips or options, or of a model with other random layers.
        """
        record = self._folder / "loader.json"
        if not record.exists():
            return 0
        saved = json.loads(record.read_text())
        seeds, values = _seeds(model), saved.get("seeds", [])
        if len(values) != len(seeds):
            raise ParameterError(
                f"{record}: of a model with {len(values)} random layers, here {len(seeds)}; make the same "
                "model, or name another folder"
            )
        self._loader.restore(saved["state"])
        model.optimizer.build(model.trainable_variables)  # so that it has what is loaded
        model.load_weights(self._folder / saved["weights"])
        for seed, value in zip(seeds, values, strict=True):
            seed.assign(value)
        epoch: int = saved["state"]["epoch"]
        return epoch

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        steps = self.params.get("steps")
        if steps is not None and steps != len(self._loader):
            raise ParameterError(
                f"steps_per_epoch={steps}: a checkpoint needs epochs of all {len(self._loader)} batches; leave it out"
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._saved = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        if self._every is not None and batch + 1 - self._saved >= self._every:  # steps_per_execution leaves some out
            self._saved = batch + 1
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._save()

    def _save(self) -> None:
        state = self._loader.state()
        self._folder.mkdir(parents=True, exist_ok=True)
        weights = self._folder / f"{state['epoch']}-{state['batch']}.weights.h5"
        # not in place: the last batch and the end of its epoch have one name
        new = self._folder / "new.weights.h5"
        model = self.model  # on JAX, asking for it brings its variables up to date
        model.save_weights(new, overwrite=True)
        seeds = [keras.ops.convert_to_numpy(seed).tolist() for seed in _seeds(model)]
        sync(new)
        new.replace(weights)
        record = {"weights": weights.name, "state": state, "seeds": seeds}
        publish_bytes(self._folder / "loader.json", json.dumps(record).encode())  # the one step that counts
        for old in self._folder.glob("*-*.weights.h5"):
            if old != weights:
                old.unlink()


def _seeds(model: keras.Model) -> list[keras.Variable]:
    """States of the random layers, in the order of the layers."""
    return [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
