"""One decode, a whole grid of spectrograms, in HDF5 files that any tool can open.

The public names load on first use, so that ``import melgrid`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from melgrid._version import __version__

if TYPE_CHECKING:
    from melgrid import datasets, loaders, preprocess, store
    from melgrid.params import Chroma, Cqt, Grid, LogMel, Mel, Mfcc, Stft, Vqt, Waveform
    from melgrid.preprocess import compute
    from melgrid.store import open_store

__all__ = [
    # features and grids
    "Chroma",
    "Cqt",
    "Grid",
    "LogMel",
    "Mel",
    "Mfcc",
    "Stft",
    "Vqt",
    "Waveform",
    # corpora, runs, stores, batches
    "compute",
    "datasets",
    "loaders",
    "open_store",
    "preprocess",
    "store",
    "__version__",
]

_PACKAGES = ("datasets", "loaders", "preprocess", "store")
_HOMES = {"compute": "melgrid.preprocess", "open_store": "melgrid.store"}  # all others: melgrid.params


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"melgrid.{name}")
    if name in __all__:
        value = getattr(importlib.import_module(_HOMES.get(name, "melgrid.params")), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'melgrid' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
