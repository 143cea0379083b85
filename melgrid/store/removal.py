"""Take a feature set out of a store: from the manifest first, then from the disk.

``store.json`` stops listing the feature set and notes under ``pending`` that it is being removed; when the files are
gone it forgets the note. A removal that is killed in between is finished by whoever holds the store's lock next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from melgrid.errors import StoreError
from melgrid.store.disk import lock, sync
from melgrid.store.manifest import REMOVED, Manifest
from melgrid.store.naming import named
from melgrid.store.shards.shard_info import SHARD_FILE

__all__ = ["Removal", "finish_removals", "remove"]

OWN = re.compile(
    rf"feature\.json|all\.h5|{SHARD_FILE.pattern}(\.damaged)?|\.(feature\.json|all\.h5|{SHARD_FILE.pattern})\.[^.]+\.tmp"
)


@dataclass(frozen=True)
class Removal:
    """What `remove` did.

    Attributes
    ----------
    store, feature : str
        Path of the store and id of the feature set.
    bytes : int
        Size of the files that are gone.
    left : tuple of str
        Files in its folder that are not melgrid's: they stay, and the folder with them.
    """

    store: str
    feature: str
    bytes: int
    left: tuple[str, ...]


def remove(path: str | Path, feature: str) -> Removal:
    """Remove one feature set, and nothing else.

    Parameters
    ----------
    path : str or Path
        Folder of the store.
    feature : str
        Id of the feature set, or the beginning of it.

    Returns
    -------
    Removal

    Raises
    ------
    ParameterError
        No feature set, or more than one, is called so.
    StoreError
        There is no store, it is damaged, or a run is writing to it.
    """
    path = Path(path)
    manifest = Manifest.load(path)  # before the lock, which would make the folder
    with lock(path):
        manifest = Manifest.load(path)
        finished = finish_removals(manifest)
        if feature not in manifest.features and (again := [r for r in finished if r.feature.startswith(feature)]):
            return again[0]
        feature_id = named(manifest.features, feature, str(path))
        if (path / feature_id).is_symlink():
            raise StoreError(f"{path / feature_id}: is a link; nothing was removed")
        if manifest.pending:
            manifest.settle()
        manifest.hide(feature_id)
        return finish_removals(manifest)[0]


def finish_removals(manifest: Manifest) -> list[Removal]:
    """Remove the files of feature sets that `Manifest.hide` has hidden, and bring the clip table up to date.

    Parameters
    ----------
    manifest : Manifest
        Of a store whose lock is held.

    Returns
    -------
    list of Removal
    """
    names = [name for name, digest in manifest.pending.items() if digest == REMOVED]
    found = [_clear(manifest.path, name.split("/")[0]) for name in names]
    if names:
        try:
            manifest.gather_outcomes()  # drops the notes, too
        except StoreError:  # of another feature set: no reason to keep this one
            manifest.forget_hidden()
    return found


def _clear(store: Path, feature_id: str) -> Removal:
    folder = store / feature_id
    if not folder.is_dir() or folder.is_symlink():
        return Removal(str(store), feature_id, 0, ())
    freed = 0
    for file in sorted(folder.iterdir()):
        if OWN.fullmatch(file.name) and (file.is_file() or file.is_symlink()):
            freed += file.lstat().st_size
            file.unlink()
    left = tuple(sorted(entry.name for entry in folder.iterdir()))
    if not left:
        folder.rmdir()
    sync(store)
    return Removal(str(store), feature_id, freed, left)
