"""A Keras model, or the part of it up to a layer, as a function of the examples of clips."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.loaders.layout import Axes
from melgrid.loaders.source import Source
from melgrid.loaders.whole_numbers import whole_number

if TYPE_CHECKING:
    from melgrid.store import FeatureSet

__all__ = ["Activations", "model_digest", "runtime"]

Ints = NDArray[np.int64]


class Activations:
    """What a layer of a model makes of the clips of a feature set.

    Parameters
    ----------
    model : keras.Model
    layer : str or None
        None: the model's output.
    axes : str
        Order of time, frequency and channel that it takes.
    crop, step : int >= 1 or None, frames
        Length of an example, and from one to the next; None: whole clips.
    batch_size : int >= 1

    Raises
    ------
    ParameterError
        The model is not built, has several inputs, or no such layer.
    """

    def __init__(
        self, model: keras.Model, layer: str | None, axes: Axes, crop: int | None, step: int | None, batch_size: int
    ) -> None:
        if not model.built:
            raise ParameterError(f"model {model.name!r}: is not built; begin it with keras.Input")
        inputs = getattr(model, "inputs", None) or []
        if len(inputs) > 1:
            raise ParameterError(f"model {model.name!r}: has {len(inputs)} inputs; must have one, for one feature set")
        if layer is not None:
            names = [one.name for one in model.layers]
            if layer not in names:
                raise ParameterError(f"layer={layer!r}: model {model.name!r} has {', '.join(names)}")
            if not inputs:
                raise ParameterError(f"layer={layer!r}: model {model.name!r} is no Sequential or functional model")
            model = keras.Model(inputs, model.get_layer(layer).output)
        self._model, self._axes = model, axes
        self._batch_size = whole_number("batch_size", batch_size, 1)
        self._crop, self._step = crop, step

    def frame_shape(self, features: FeatureSet) -> tuple[int, int]:
        """Find how many frames an example gives, and how many values a frame has, with the first clip.

        Parameters
        ----------
        features : FeatureSet

        Returns
        -------
        frames, units : int

        Raises
        ------
        ParameterError
            There are no clips, or the activations have another shape than (batch, units) or (batch, frames, units);
            whole clips must give the former.
        """
        if not len(features):
            raise ParameterError(f"{features.id}: has no clips with features")
        _, activations = next(self.of(features, np.zeros(1, np.int64)))
        shape = activations.shape
        if len(shape) == 1:
            return 1, shape[0]
        if len(shape) == 2 and self._crop is not None:
            return shape[0], shape[1]
        wanted = "(batch, units)" if self._crop is None else "(batch, units) or (batch, frames, units)"
        raise ParameterError(
            f"activations of shape (batch, {', '.join(map(str, shape))}): must be {wanted}; take another layer, end "
            "with a pooling or Reshape layer" + (", or give crop_frames" if self._crop is None else "")
        )

    def of(self, features: FeatureSet, rows: Ints) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the activations of every example of some clips.

        Parameters
        ----------
        features : FeatureSet
        rows : int64 array
            Into ``features.clip_ids``.

        Yields
        ------
        row : int
        activations : float32 array (...)

        Raises
        ------
        ParameterError
            The model does not take such examples.
        """
        source = Source(features, np.arange(len(features)), features.lengths, self._axes, "float32", False)
        if self._crop is None or self._step is None:
            for row in rows.tolist():
                x, _ = source.crops(np.array([row]), np.zeros(1, np.int64), int(features.lengths[row]))
                yield row, self._predict(x, f"clip {features.clip_ids[row]!r}")[0]
            return
        counts = 1 + np.maximum(0, features.lengths[rows] - self._crop) // self._step
        clips = np.repeat(rows, counts)
        starts = (np.arange(len(clips)) - np.repeat(np.cumsum(counts) - counts, counts)) * self._step
        for first in range(0, len(clips), self._batch_size):
            part = np.arange(first, min(first + self._batch_size, len(clips)))
            # The last batch is filled up, so that all have one shape and the model is compiled once.
            filled = np.resize(part, self._batch_size)
            x, _ = source.crops(clips[filled], starts[filled], self._crop)
            yield from zip(clips[part].tolist(), self._predict(x, "examples"), strict=False)

    def _predict(self, x: NDArray[Any], what: str) -> NDArray[np.float32]:
        try:
            outputs = self._model.predict_on_batch(x)
        except (ValueError, TypeError, RuntimeError, ArithmeticError) as error:
            first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise ParameterError(
                f"{what} of shape {x.shape[1:]} (axes {self._axes}): model {self._model.name!r} does not take them: "
                f"{first}"
            ) from error
        if not isinstance(outputs, np.ndarray):
            raise ParameterError(f"model {self._model.name!r}: has several outputs; name the layer of one")
        return outputs.astype(np.float32, copy=False)


def model_digest(model: keras.Model) -> str:
    """SHA-256 of what decides a model's numbers: its configuration, and its weights in their order.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    str, 64 hex digits

    Raises
    ------
    ParameterError
        The model cannot say what it is made of.
    """
    try:
        text = json.loads(model.to_json())
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ParameterError(f"model {model.name!r}: has no configuration to know it by: {error}") from None
    kept = {name: text[name] for name in ("class_name", "config", "registered_name")}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    for weight in model.weights:
        values = np.ascontiguousarray(weight.numpy())
        digest.update(f"{values.dtype}{values.shape}".encode() + values.tobytes())
    return digest.hexdigest()


def runtime() -> str:
    """Keras, its backend and their versions, as ``keras 3.15.0 tensorflow 2.21.0``."""
    backend = keras.backend.backend()
    return f"keras {keras.__version__} {backend} {version(backend)}"
