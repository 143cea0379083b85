"""Weights and the place in the data, saved together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from melgrid.errors import ParameterError
from melgrid.loaders.keras_callback import EpochCallback

if TYPE_CHECKING:
    from melgrid.loaders.keras_loader import KerasLoader

__all__ = ["Checkpoint"]


class Checkpoint(EpochCallback):
    """Callback that saves a model with its optimizer and the loader's state, for an exact resume within an epoch.

    It does what ``loader.callbacks`` do as well. To go on::

        checkpoint = Checkpoint(loader, "run", every=500)
        epoch = checkpoint.resume(model)
        model.fit(loader, initial_epoch=epoch, epochs=20, shuffle=False, callbacks=[checkpoint])

    Parameters
    ----------
    loader : KerasLoader
    folder : str or Path
        Holds the last checkpoint only. A run that dies while it saves leaves the one before.
    every : int >= 1 or None
        Batches between checkpoints; each end of an epoch has one anyway.

    Raises
    ------
    ParameterError
    """

    def __init__(self, loader: KerasLoader, folder: str | Path, every: int | None = None) -> None:
        super().__init__(loader)
        if every is not None and every < 1:
            raise ParameterError(f"every={every}: must be at least 1, or None")
        self._folder = Path(folder)
        self._every = every
        self._since = 0

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
            The checkpoint is of a loader of other clips or options.
        """
        record = self._folder / "loader.json"
        if not record.exists():
            return 0
        saved = json.loads(record.read_text())
        self._loader.restore(saved["state"])
        model.optimizer.build(model.trainable_variables)  # so that it has what is loaded
        model.load_weights(self._folder / saved["weights"])
        epoch: int = saved["state"]["epoch"]
        return epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        self._since += 1
        if self._since == self._every:
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._save()

    def _save(self) -> None:
        self._since = 0
        state = self._loader.state()
        self._folder.mkdir(parents=True, exist_ok=True)
        weights = self._folder / f"{state['epoch']}-{state['batch']}.weights.h5"
        self.model.save_weights(weights, overwrite=True)
        new = self._folder / "loader.json.new"
        new.write_text(json.dumps({"weights": weights.name, "state": state}))
        new.replace(self._folder / "loader.json")  # the one step that counts
        for old in self._folder.glob("*-*.weights.h5"):
            if old != weights:
                old.unlink()
