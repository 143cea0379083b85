"""From a store to batches: crops in a reproducible order, padded, in the axes and the type that a model takes.

`KerasLoader`, `Checkpoint`, `normalization`, `live_layer`, `derive`, `tf_dataset` and `TorchLoader` load their
frameworks on first use; nothing else here imports one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from melgrid.loaders.batches import Batch, BatchOptions
from melgrid.loaders.numpy_loader import NumpyLoader
from melgrid.loaders.prediction import predict_clips

if TYPE_CHECKING:
    from melgrid.loaders.derivation import derive
    from melgrid.loaders.hugging_face import hf_dataset
    from melgrid.loaders.jax_device import jax_gather
    from melgrid.loaders.keras_checkpoint import Checkpoint
    from melgrid.loaders.keras_device import device_layer
    from melgrid.loaders.keras_layers import normalization
    from melgrid.loaders.keras_loader import KerasLoader
    from melgrid.loaders.live import live_layer
    from melgrid.loaders.tf_data import tf_dataset
    from melgrid.loaders.torch_loader import TorchLoader

__all__ = [
    "Batch",
    "BatchOptions",
    "Checkpoint",
    "KerasLoader",
    "NumpyLoader",
    "TorchLoader",
    "derive",
    "device_layer",
    "hf_dataset",
    "jax_gather",
    "live_layer",
    "normalization",
    "predict_clips",
    "tf_dataset",
]

_HOMES = {
    "Checkpoint": "keras_checkpoint",
    "KerasLoader": "keras_loader",
    "TorchLoader": "torch_loader",
    "derive": "derivation",
    "device_layer": "keras_device",
    "hf_dataset": "hugging_face",
    "jax_gather": "jax_device",
    "live_layer": "live",
    "normalization": "keras_layers",
    "tf_dataset": "tf_data",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"melgrid.loaders.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'melgrid.loaders' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
