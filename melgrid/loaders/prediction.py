"""One prediction per clip from a model of crops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.loaders.batches import HasBatches

__all__ = ["predict_clips"]


def predict_clips(model: Callable[[Any], Any], loader: HasBatches) -> NDArray[np.float64]:
    """Cut every clip of a loader's selection into tiles, predict each, and average.

    Parameters
    ----------
    model : Keras model, or a function from an array of examples to one row of outputs per example
    loader : KerasLoader, NumpyLoader or TorchLoader
        Whose selection, crop length, axes and type are used; its order, seed and labels are not. A loader of whole
        clips gives whole clips.

    Returns
    -------
    float64 array (clips, outputs)
        Mean over the tiles of each clip, in the order of ``loader.batches.selection.clip_ids``.

    Raises
    ------
    ParameterError
        `loader` is no loader, or the model has several outputs.
    ShardError
        A file is shorter than the manifest says.
    """
    if not hasattr(loader, "batches"):
        raise ParameterError(f"predict_clips: {loader!r} is no loader; make one, as in NumpyLoader(selection, ...)")
    batches = loader.batches.tiled()
    predict = getattr(model, "predict_on_batch", model)
    total: NDArray[np.float64] | None = None
    tiles = np.zeros(len(batches.selection), np.int64)
    for i in range(len(batches)):
        batch, clips = batches.batch(0, i), batches.clips_of(0, i)
        outputs = predict(batch["x"] if len(batch) == 1 else batch)
        if isinstance(outputs, list | tuple | dict):
            raise ParameterError("predict_clips: the model has several outputs; give one with the output to average")
        outputs = np.asarray(outputs, np.float64)
        if total is None:
            total = np.zeros((len(tiles), *outputs.shape[1:]))
        np.add.at(total, clips, outputs)
        np.add.at(tiles, clips, 1)
    assert total is not None
    return total / tiles.reshape(-1, *[1] * (total.ndim - 1))
