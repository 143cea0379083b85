"""Stores: folders of plain HDF5 files with a manifest, written once and read past HDF5.

Names load on first use, so that a process that only writes shards does not import pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from melgrid.store.about import About
    from melgrid.store.checks.faults import Fault, verify
    from melgrid.store.creation import create_store
    from melgrid.store.disk import lock, sweep
    from melgrid.store.exchange.export import export
    from melgrid.store.feature_set import FeatureSet
    from melgrid.store.manifest import Manifest
    from melgrid.store.removal import Removal, remove
    from melgrid.store.selection import Selection
    from melgrid.store.shards.shard import ShardWriter
    from melgrid.store.shards.shard_info import ShardInfo, read_shard_info
    from melgrid.store.statistics import Statistics
    from melgrid.store.store import Store, open_store

__all__ = [
    # reading
    "FeatureSet",
    "Selection",
    "Statistics",
    "Store",
    "open_store",
    # writing
    "About",
    "Manifest",
    "ShardInfo",
    "ShardWriter",
    "create_store",
    "lock",
    "read_shard_info",
    "sweep",
    # checking
    "Fault",
    "verify",
    # taking out
    "Removal",
    "export",
    "remove",
]

_HOMES = {
    "About": "about",
    "Fault": "checks.faults",
    "FeatureSet": "feature_set",
    "Manifest": "manifest",
    "Removal": "removal",
    "Selection": "selection",
    "ShardInfo": "shards.shard_info",
    "ShardWriter": "shards.shard",
    "Statistics": "statistics",
    "Store": "store",
    "create_store": "creation",
    "export": "exchange.export",
    "lock": "disk",
    "open_store": "store",
    "read_shard_info": "shards.shard_info",
    "remove": "removal",
    "sweep": "disk",
    "verify": "checks.faults",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'melgrid.store' has no attribute {name!r}")
    return getattr(importlib.import_module(f"melgrid.store.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
