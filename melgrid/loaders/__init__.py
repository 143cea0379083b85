"""From a store to batches: crops in a reproducible order, padded, in the axes and the type that a model takes.

`KerasLoader` and `normalization` load Keras on first use; nothing else here imports a framework.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from melgrid.loaders.batches import Batch, BatchOptions
from melgrid.loaders.numpy_loader import NumpyLoader
from melgrid.loaders.prediction import predict_clips

if TYPE_CHECKING:
    from melgrid.loaders.keras_layers import normalization
    from melgrid.loaders.keras_loader import KerasLoader

__all__ = ["Batch", "BatchOptions", "KerasLoader", "NumpyLoader", "normalization", "predict_clips"]

_HOMES = {"KerasLoader": "keras_loader", "normalization": "keras_layers"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"melgrid.loaders.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'melgrid.loaders' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
