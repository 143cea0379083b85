"""What a loader learns from callbacks of ``fit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from melgrid.loaders.keras_loader import KerasLoader

__all__ = ["EpochCallback"]


class EpochCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Number a loader's epochs as Keras does, and count the batches that the model has learned from.

    Parameters
    ----------
    loader : KerasLoader
    """

    def __init__(self, loader: KerasLoader) -> None:
        super().__init__()
        self._loader = loader
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        self._loader.begin_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._loader.trained(self._epoch, batch + 1)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._loader.end_training()
