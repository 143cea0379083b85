"""Rebuild a store's manifest from its shards alone."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from melgrid.errors import MelgridError, MismatchError, ShardError, StoreError
from melgrid.store.checks.faults import (
    AGAIN,
    NEWER,
    UNREAD,
    Fault,
    check_clips,
    check_shard,
    feature_folders,
    find_faults,
)
from melgrid.store.checks.rebuild import ShardText, clip_rows, common_about, outcomes, published, read_text
from melgrid.store.clips import ClipTable, with_all_columns
from melgrid.store.disk import lock, sweep
from melgrid.store.manifest import CLIPS, Manifest
from melgrid.store.shards.shard_info import ShardInfo, may_pass, read_shard_info
from melgrid.store.shards.whole_file import NAME

__all__ = ["repair_store"]

FIRST = 3


@dataclass(frozen=True)
class SoundShard:
    """A shard whose every byte is right by its own digests."""

    file: Path
    info: ShardInfo
    text: ShardText


def repair_store(path: Path) -> list[Fault]:
    """Mend what can be mended; see `melgrid.store.verify`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of Fault
        What is left.

    Raises
    ------
    MismatchError
        A newer melgrid made the store, or some of it: what this one does not know is no damage.
    StoreError
        A producer is at work, or neither the manifest nor any shard is readable.
    """
    with lock(path):
        for folder in [path, *feature_folders(path)]:
            sweep(folder)
        with suppress(MelgridError, OSError):
            Manifest.load(path).settle()
        faults = find_faults(path, deep=True)
        if newer := [str(fault) for fault in faults if fault.remedy == NEWER]:
            raise MismatchError(" ".join(newer[:FIRST]))  # before anything is changed
        if not faults and not _is_unlisted(path):
            return []
        if any(fault.remedy == UNREAD for fault in faults):
            return faults  # likewise: what cannot be read may be whole
        files = [file for folder in feature_folders(path) for file in published(folder)]
        for file in files:
            with suppress(ShardError):  # damage is told below, a newer format ends it here
                read_text(file)
        shards: list[SoundShard] = []
        left: list[Fault] = []
        for file in files:
            left += _take(path, file, shards, {fault.file for fault in faults})
        manifest = _manifest(path, shards)
        clips = _clips(manifest, shards)
        whole, hidden = _whole_sets(manifest, clips, shards)
        manifest.write_clips(outcomes(clips, [shard.file for own in whole.values() for shard in own]))
        for own in whole.values():
            manifest.add_feature_set(own[0].text.feature, [shard.info for shard in own], own[0].text.about)
        for fault in hidden:  # what was made of all shards is wrong without some
            for name in ("feature.json", NAME):
                (path / fault.file / name).unlink(missing_ok=True)
        return left + hidden + find_faults(path, deep=True)


def _is_unlisted(path: Path) -> bool:
    """Whether there are shards, whole as they may be, of feature sets that no reader sees: `K/N` shares leave them."""
    features = Manifest.load(path).features
    return any(folder.name not in features for folder in feature_folders(path))


def _take(path: Path, file: Path, shards: list[SoundShard], damaged: set[str]) -> list[Fault]:
    """Check a shard by itself; keep it, or set it aside, if the damage is known before or proven now."""
    name = str(file.relative_to(path))
    try:
        text = read_text(file)
        if text.feature.id != file.parent.name:
            return []  # `find_faults` tells it
        faults = check_shard(path, name, text.feature, None)
        if not faults:
            shards.append(SoundShard(file, read_shard_info(file), text))
            return []
    except (MelgridError, OSError) as error:
        faults = [Fault.told(path, name, error, AGAIN)]
    if name not in damaged and any(fault.remedy == UNREAD for fault in faults):
        raise StoreError(str(faults[0]))
    aside = file.with_name(f"{file.name}.damaged")
    file.replace(aside)
    return [Fault(name, fault.clip, f"{fault.what}; now {aside.name}", AGAIN) for fault in faults]


def _manifest(path: Path, shards: list[SoundShard]) -> Manifest:
    try:
        return Manifest.load(path)
    except StoreError:
        return Manifest(path, common_about(shard.text.about for shard in shards))


def _clips(manifest: Manifest, shards: list[SoundShard]) -> pd.DataFrame:
    """The clip table if it is sound, else as the shards have it."""
    try:
        data = manifest.read(CLIPS) if CLIPS in manifest.files else (manifest.path / CLIPS).read_bytes()
        table = ClipTable(data, manifest.about)
        for shard in shards:
            check_clips(shard.file, shard.info, table)
        return table.stored
    except OSError as error:  # StoreError is one
        if may_pass(error):
            raise
        rows = {shard.info.index: shard.file for shard in shards}
        if not rows:
            raise StoreError(f"{manifest.path}: has no sound clips.parquet and no shard to rebuild it from") from None
        table_of_shards = pd.concat([clip_rows(rows[index]) for index in sorted(rows)], ignore_index=True)
        return with_all_columns(table_of_shards)


def _whole_sets(
    manifest: Manifest, clips: pd.DataFrame, shards: Iterable[SoundShard]
) -> tuple[dict[str, list[SoundShard]], list[Fault]]:
    """Feature sets that have all shards, or all that they had when later clips joined, by id; hide the others."""
    expected = np.unique(clips["shard"].to_numpy(np.int64)).tolist()
    own: dict[str, list[SoundShard]] = {name: [] for name in manifest.features}
    for shard in shards:
        own.setdefault(shard.file.parent.name, []).append(shard)
    whole, hidden = {}, []
    for name in sorted(own):
        present = {shard.info.index for shard in own[name]}
        wanted = expected if present.issuperset(expected) else _listed(manifest, name) or expected
        lost = [number for number in wanted if number not in present]
        if not lost and own[name]:
            whole[name] = [shard for shard in own[name] if shard.info.index in wanted]
        elif f"{name}/feature.json" in manifest.files:
            hidden.append(Fault(name, None, f"shards {lost[:10]} are missing, so the feature set is hidden", AGAIN))
    for fault in hidden:  # only now: who reads a table that is not there reads store.json again
        del manifest.files[f"{fault.file}/feature.json"]
    return whole, hidden


def _listed(manifest: Manifest, name: str) -> list[int]:
    """Numbers of the shards that a feature set had, if its table is sound."""
    try:
        return [shard.index for shard in manifest.feature(name).shards]
    except MelgridError:
        return []
