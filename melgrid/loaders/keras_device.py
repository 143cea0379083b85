"""A Keras layer that holds clips and makes crops of them, inside the compiled step."""

from __future__ import annotations

from typing import Any, Literal

import keras

from melgrid.errors import ParameterError
from melgrid.loaders.batches import HasBatches
from melgrid.loaders.device import DeviceFrames, free_memory

__all__ = ["device_layer"]


def device_layer(*loaders: HasBatches, name: Literal["x", "x2"] = "x") -> keras.layers.Layer:
    """Put the clips of loaders on the device, and return the first layer of a model that learns from them.

    The loaders need ``resident="device"``. Then the batches only name crops, and the layer gathers these from memory
    that it keeps, where the model runs; the crops are those that any other loader would have given::

        train = KerasLoader(train_clips, crop_frames=256, resident="device")
        valid = KerasLoader(valid_clips, crop_frames=256, resident="device", shuffle=False)
        keras.Sequential([device_layer(train, valid), model]).fit(train, validation_data=valid, shuffle=False)

    It holds nothing to be saved: save `model`, which takes crops. Any backend of Keras will do.

    Parameters
    ----------
    *loaders : KerasLoader, or others
        All whose batches the model will see, of one feature set.
    name : str
        "x", which also serves the inputs of tuples, or "x2" for the second feature set of the loaders.

    Returns
    -------
    keras.layers.Layer
        From int32 (examples, 2) to crops: (examples,) and the axes of the loader.

    Raises
    ------
    ParameterError
        The loaders do not fit together, or the device has too little memory.
    """
    return DeviceCrops(DeviceFrames(loaders, name))


class DeviceCrops(keras.layers.Layer):  # type: ignore[misc]
    """What `device_layer` makes; Keras names its layers after it."""

    def __init__(self, content: DeviceFrames) -> None:
        # a model that makes an input for its first layer takes this type, and float32 has no room for large numbers
        super().__init__(trainable=False, dtype="int32", autocast=False)
        content.check_room(*_room())
        self._content = content
        frames = content.load()
        self._frames = self._keep(frames.shape, frames.dtype.name, frames)
        self._table = self._keep(content.table.shape, "int32", content.table)

    def _keep(self, shape: tuple[int, ...], dtype: str, values: Any) -> Any:
        return self.add_weight(
            shape=shape, dtype=dtype, initializer=lambda *_, **__: values, trainable=False, autocast=False
        )

    def call(self, places: Any) -> Any:
        if "int" not in keras.backend.standardize_dtype(places.dtype):
            raise ParameterError(
                f"device_layer: gets {places.dtype} numbers, which are not exact; make its input with "
                "keras.Input((2,), dtype='int32')"
            )
        return self._content.crops(_Ops, keras.ops.cast, self._frames.value, self._table.value, places)

    def compute_output_spec(self, places: Any) -> Any:
        return keras.KerasTensor((places.shape[0], *self._content.crop_shape), self._content.crop_dtype)

    def save_own_variables(self, store: Any) -> None:
        """Save nothing: it is in the store already."""

    def load_own_variables(self, store: Any) -> None:
        """Load nothing."""


class _Ops:
    """`keras.ops` under NumPy's names."""

    arange, where, take = keras.ops.arange, keras.ops.where, keras.ops.take
    reshape, transpose, asarray = keras.ops.reshape, keras.ops.transpose, keras.ops.convert_to_tensor


def _room() -> tuple[str, int | None]:
    """Name of the device that holds new variables, and bytes free there."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.config.list_logical_devices("GPU"):
            from tensorflow.python.client import device_lib

            limit = next(d.memory_limit for d in device_lib.list_local_devices() if d.device_type == "GPU")
            return "GPU:0", limit - tf.config.experimental.get_memory_info("GPU:0")["current"]
    elif backend == "jax":
        from melgrid.loaders.jax_device import room

        return room()
    elif backend == "torch":
        import torch

        if torch.cuda.is_available():
            return "cuda", int(torch.cuda.mem_get_info()[0])
    return "main memory", free_memory()
