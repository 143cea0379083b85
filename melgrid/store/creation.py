"""Where a store can be made, and making it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from melgrid.errors import MismatchError, StoreError
from melgrid.store.about import About
from melgrid.store.manifest import CLIPS, REPAIR, Manifest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["create_store", "is_vacant"]

OWN_NAMES = {CLIPS, "runs"}


def create_store(path: str | Path, about: About, clips: pd.DataFrame) -> Manifest:
    """Make a store without features.

    Parameters
    ----------
    path : str or Path
        Made when it does not exist.
    about : About
    clips : DataFrame
        Clip table with at least clip_id, shard and row.

    Returns
    -------
    Manifest

    Raises
    ------
    MismatchError
        The folder has other files.
    StoreError
        There is a store already, or one without its store.json.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    if not is_vacant(path):
        raise StoreError(f"{path}: is a store already")
    manifest = Manifest(path, about)
    manifest.write_clips(clips)
    return manifest


def is_vacant(path: Path) -> bool:
    """Whether a store can be made here; else there is one.

    Parameters
    ----------
    path : Path
        It need not exist.

    Raises
    ------
    MismatchError
        The folder has other files.
    StoreError
        There are feature sets without a store.json.
    """
    # Looked at before store.json, with which another process may be making the store just now.
    names = sorted(p.name for p in path.iterdir()) if path.exists() else []
    shards = any(path.glob("*/shard-*.h5"))
    if (path / "store.json").exists():
        return False
    if shards:
        raise StoreError(f"{path}: has feature sets, but no store.json. {REPAIR}")
    others = [name for name in names if name not in OWN_NAMES and not name.startswith(".")]
    if others:
        raise MismatchError(f"{path}: has other files in it ({', '.join(others[:3])}); name an empty folder")
    return True
