"""From a store to batches: crops in a reproducible order, padded, in the axes and the type that a model takes.

Names that need a framework load it on first use; nothing else here imports one. ``__all__`` has the others, so that
``from melgrid.loaders import *`` works wherever melgrid does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from melgrid.loaders.batches import Batch, BatchOptions
from melgrid.loaders.numpy_loader import NumpyLoader
from melgrid.loaders.prediction import predict_clips

if TYPE_CHECKING:
    from melgrid.loaders.derivation import derive as derive
    from melgrid.loaders.hugging_face import hf_dataset as hf_dataset
    from melgrid.loaders.jax_device import jax_gather as jax_gather
    from melgrid.loaders.keras_checkpoint import Checkpoint as Checkpoint
    from melgrid.loaders.keras_device import device_layer as device_layer
    from melgrid.loaders.keras_layers import normalization as normalization
    from melgrid.loaders.keras_loader import KerasLoader as KerasLoader
    from melgrid.loaders.live import live_layer as live_layer
    from melgrid.loaders.tf_data import tf_dataset as tf_dataset
    from melgrid.loaders.torch_loader import TorchLoader as TorchLoader

__all__ = ["Batch", "BatchOptions", "NumpyLoader", "predict_clips"]

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
_EXTRAS = {"keras": "melgrid[tensorflow]", "tensorflow": "melgrid[tensorflow]", "datasets": "melgrid[huggingface]"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'melgrid.loaders' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"melgrid.loaders.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        wanted = str(error.name)
        raise ModuleNotFoundError(
            f"melgrid.loaders.{name} needs the package {wanted!r}: pip install '{_EXTRAS.get(wanted, wanted)}'",
            name=wanted,
        ) from error


def __dir__() -> list[str]:
    return sorted([*__all__, *_HOMES])
