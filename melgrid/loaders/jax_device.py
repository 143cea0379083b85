"""Crops gathered on a device by JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp

from melgrid.loaders.batches import HasBatches
from melgrid.loaders.device import DeviceFrames, free_memory

__all__ = ["jax_gather", "room"]


def jax_gather(*loaders: HasBatches, name: Literal["x", "x2"] = "x") -> Callable[[Any], jax.Array]:
    """Put the clips of loaders on JAX's device, and return the function that makes crops of what batches name.

    The loaders need ``resident="device"``::

        loader = NumpyLoader(train, crop_frames=256, resident="device")
        gather = jax_gather(loader)
        for batch in loader:
            step(gather(batch["x"]), batch["y"])

    Call it beside your own compiled functions, not within one, which would hold the clips as constants.

    Parameters
    ----------
    *loaders : NumpyLoader, or others
        All whose batches will come, of one feature set.
    name : str
        "x", which also serves the inputs of tuples, or "x2" for the second feature set of the loaders.

    Returns
    -------
    callable
        From int32 ``(examples, 2)`` to ``(examples, *axes)``, on the device.

    Raises
    ------
    ParameterError
        The loaders do not fit together, or the device has too little memory.
    """
    content = DeviceFrames(loaders, name)
    content.check_room(*room())
    frames, table = jax.device_put(content.load()), jax.device_put(content.table)
    crops = jax.jit(lambda *arrays: content.crops(jnp, lambda x, dtype: x.astype(dtype), *arrays))
    return lambda places: crops(frames, table, places)


def room() -> tuple[str, int | None]:
    """Name of JAX's device, and bytes free there; None where nobody knows."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return "main memory", free_memory()
    memory = device.memory_stats() or {}
    return str(device), memory["bytes_limit"] - memory["bytes_in_use"] if "bytes_limit" in memory else None
