"""Layers that a model can carry with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import keras
import numpy as np

from melgrid.errors import ParameterError
from melgrid.loaders.layout import Axes

if TYPE_CHECKING:
    from melgrid.params import Feature
    from melgrid.store import Statistics

__all__ = ["normalization"]


def normalization(
    statistics: Statistics, axes: Axes = "TFC", *, stored: Feature | None = None
) -> keras.layers.Normalization:
    """Layer that gives every bin zero mean and unit deviation over the clips of `statistics`.

    It casts its input to float32 first, so it also takes the codes of ``dtype="stored"``, and it runs where the model
    runs. Its numbers are saved with the model. Both parts of a complex value are divided by the same deviation.

    A Sequential model that begins with it needs a ``keras.Input`` before it: without one ``fit`` and ``predict`` build
    the layer within TensorFlow's graph, where Keras loses its numbers (InaccessibleTensorError).

    Parameters
    ----------
    statistics : Statistics
        Of the training clips, from ``selection.statistics()``; with ``axis=None`` one number for all bins.
    axes : str
        As in the loader.
    stored : Feature or None
        The feature, when the loader has ``dtype="stored"``: uint8 codes are not in its unit.

    Returns
    -------
    keras.layers.Normalization

    Raises
    ------
    ParameterError
        `statistics` are none, or the axes are unknown or have no C for statistics that are per channel.
    """
    if not hasattr(statistics, "std"):
        raise ParameterError(f"normalization: {statistics!r} are no statistics; say selection.statistics()")
    if axes not in get_args(Axes):
        raise ParameterError(f"axes={axes!r}: must be one of {', '.join(get_args(Axes))}")
    mean, std = np.asarray(statistics.mean), np.asarray(statistics.std)
    bins = mean.shape[:1]
    if np.iscomplexobj(mean):  # as the loader lays it out: real, imaginary, real...
        mean, std = np.stack([mean.real, mean.imag], axis=-1), np.stack([std, std], axis=-1)
    if stored is not None and stored.range_db is not None:
        low, high = stored.range_db
        step = (high - low) / 255
        mean, std = (mean - low) / step, std / step
    named = "F" if bins else ""
    if mean.ndim > len(bins):
        named += "C"
        mean, std = (a.reshape(*bins, -1) for a in (mean, std))
        if "C" not in axes:
            raise ParameterError(f"axes={axes!r}: the statistics are per channel, so C must be among the axes")
        if bins and axes.index("C") < axes.index("F"):
            mean, std = mean.T, std.T
    axis = tuple(sorted(1 + axes.index(name) for name in named))
    return keras.layers.Normalization(
        axis=axis or None, mean=mean.tolist(), variance=(std**2).tolist(), dtype="float32"
    )
