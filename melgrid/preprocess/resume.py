"""What is left to do: shards that are missing, and shards whose failed clips may work now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from melgrid.errors import ShardError, StoreError
from melgrid.params import Feature, Waveform
from melgrid.preprocess.audio.signal import SignalKey, signal_key
from melgrid.preprocess.task import ShardTask
from melgrid.store import About, Manifest, ShardInfo
from melgrid.store.checks.adoption import adopt, source_digests
from melgrid.store.checks.unlisted import shards_lacking
from melgrid.store.shards.shard_info import SHARD_FILE, may_pass, read_arrays, shard_name

__all__ = ["FailedClips", "Infos", "every_task", "failed_clips", "kept", "outstanding", "remaining"]

Infos = dict[tuple[str, int], ShardInfo]
"""Shards of a run, by feature id and number."""


def outstanding(
    template: ShardTask, missing: tuple[Feature, ...], manifest: Manifest, table: pd.DataFrame
) -> tuple[list[ShardTask], Infos]:
    """List the tasks of a run, and the shards that an interrupted run has done already.

    A shard that is damaged, or was made by other versions, is removed: no reader has seen it.

    Parameters
    ----------
    template : ShardTask
        What all tasks share.
    missing : tuple of Feature
    manifest : Manifest
    table : DataFrame
        The store's clips, with known_bad.

    Returns
    -------
    tasks : list of ShardTask
    done : Infos

    Raises
    ------
    StoreError
        As for `remaining`.
    """
    tasks: list[ShardTask] = []
    done: Infos = {}
    for task in every_task(template, missing, manifest, table):
        left, infos = remaining(task)
        done |= {(feature, task.index): info for feature, info in infos.items()}
        if left.features:
            tasks.append(left)
    return tasks, done


def every_task(
    template: ShardTask, missing: tuple[Feature, ...], manifest: Manifest, table: pd.DataFrame
) -> Iterator[ShardTask]:
    """Yield a task for each shard, as if none of the missing features had any; see `outstanding`."""
    waveforms = _stored_waveforms(manifest, template.about, table["shard"].to_numpy())
    if {signal_key(feature) for feature in missing} <= waveforms.keys():
        template = replace(template, waveforms=waveforms)  # else something must be decoded, which then serves all
    for number, clips in table.groupby("shard", sort=True):
        yield replace(template, index=int(str(number)), features=missing, clips=clips.reset_index(drop=True))


def remaining(task: ShardTask) -> tuple[ShardTask, dict[str, ShardInfo]]:
    """Take over what has been published of a task, or remove it where this run would write something else.

    Parameters
    ----------
    task : ShardTask

    Returns
    -------
    task : ShardTask
        With the features that are left; perhaps none.
    done : dict of str to ShardInfo
        By feature id.

    Raises
    ------
    StoreError
        A shard cannot be read for a reason that may pass: memory, descriptors, the disk. It stays.
    """
    if task.probe:
        return task, {}
    rows, lacking, done = task.clips, [], {}
    for feature in task.features:
        generation = task.generations.get(feature.id, 0)
        path = Path(task.store) / feature.id / shard_name(task.index, generation)
        # Of another generation: clips are tried again to see what happens now, not what did.
        info = None if generation else _adopted(path, task, feature, rows)
        if info is None:
            path.unlink(missing_ok=True)
            lacking.append(feature)
        else:
            done[feature.id] = info
            # The files must still be those that this shard was made of.
            known = pd.Series(source_digests(path), index=rows.index, dtype=object)
            rows = rows.assign(source_sha256=rows["source_sha256"].astype(object).where(known.isna(), known))
    return replace(task, features=tuple(lacking), clips=rows), done


def kept(store: Path, features: tuple[Feature, ...]) -> tuple[int, int, int]:
    """Count what an interrupted run has left of the features that it was to make.

    Parameters
    ----------
    store : Path
    features : tuple of Feature

    Returns
    -------
    shards, of, clips : int
        Finished shards, those of the store, and the clips in the finished ones.
    """
    if not (store / "store.json").exists():
        return 0, 0, 0
    sizes = Manifest.load(store).clips()["shard"].value_counts()
    done = [n for n in sizes.index if all((store / f.id / shard_name(int(n))).exists() for f in features)]
    return len(done), len(sizes), int(sizes[done].sum())


def _stored_waveforms(manifest: Manifest, about: About, shards: NDArray[np.int32]) -> dict[SignalKey, str]:
    """Feature sets that hold the whole signals of all clips as they would be decoded, mixed and resampled now."""
    found = {}
    for feature_id in manifest.features:
        record = manifest.feature(feature_id)
        if record.feature == Waveform(
            sr=record.feature.sr,
            mono=record.feature.mono,
            channels=record.feature.channels,
            res_type=record.feature.res_type,
        ) and {**record.versions, "melgrid": ""} == {**about.versions, "melgrid": ""}:
            if shards_lacking(record, shards):
                continue  # later clips are being added
            found[signal_key(record.feature)] = feature_id
    return found


def _adopted(path: Path, task: ShardTask, feature: Feature, rows: pd.DataFrame) -> ShardInfo | None:
    if not path.exists():
        return None
    try:
        return adopt(path, feature, task.about, rows)
    except StoreError as error:
        if may_pass(error):  # what could not be read may be whole
            raise StoreError(
                f"{path}: cannot be read now ({error.__cause__}), so it stays, whole or not; put that right, or "
                "remove the file, and run the same command again to resume"
            ) from error
        return None


@dataclass
class FailedClips:
    """Clips of one shard without features, that may have some now.

    Attributes
    ----------
    index : int
        Number of the shard.
    rows : dict of Feature to set of int
        Rows that failed.
    keep : set of int
        Rows that some of these features have.
    files : dict of str to str
        Present file by feature id.
    """

    index: int
    rows: dict[Feature, set[int]] = field(default_factory=dict)
    keep: set[int] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)

    def attempt(self, template: ShardTask, table: pd.DataFrame) -> ShardTask:
        """Return a task that tries the failed clips and writes nothing."""
        clips = self._clips(table)
        tried = clips[clips["row"].isin(set().union(*self.rows.values()))]
        return replace(template, index=self.index, features=tuple(self.rows), clips=tried, probe=True)

    def again(self, template: ShardTask, table: pd.DataFrame, recovered: set[int]) -> ShardTask | None:
        """Return a task that makes the next generation of the shard for the features that gain by it."""
        features = tuple(feature for feature, rows in self.rows.items() if rows & recovered)
        if not features:
            return None
        generations = {f.id: _generation(self.files[f.id]) + 1 for f in features}
        return replace(
            template,
            index=self.index,
            features=features,
            clips=self._clips(table),
            generations=generations,
            keep=frozenset(self.keep),
        )

    def _clips(self, table: pd.DataFrame) -> pd.DataFrame:
        clips = table[table["shard"] == self.index].reset_index(drop=True)
        # What failed may have been replaced by a file that works; what worked must be the same file.
        return clips.assign(source_sha256=clips["source_sha256"].where(clips["row"].isin(self.keep), None))


def failed_clips(manifest: Manifest, features: Iterable[Feature], table: pd.DataFrame) -> list[FailedClips]:
    """Find the clips that could be tried again: all that failed, but those that are known to be bad.

    Parameters
    ----------
    manifest : Manifest
    features : iterable of Feature
        Those of the store that are concerned.
    table : DataFrame
        The store's clips, with known_bad.

    Returns
    -------
    list of FailedClips, by number
    """
    hopeless = {(int(s), int(r)) for s, r in table.loc[table["known_bad"].notna(), ["shard", "row"]].to_numpy()}
    found: Mapping[int, FailedClips] = defaultdict(lambda: FailedClips(-1))
    for feature in features:
        for shard in manifest.feature(feature.id).shards:
            if not shard.failed:
                continue
            (status,) = read_arrays(manifest.path / feature.id / shard.file, "status")
            rows = {row for row in status.nonzero()[0].tolist() if (shard.index, row) not in hopeless}
            if rows:
                entry = found[shard.index]
                entry.index = shard.index
                entry.rows[feature] = rows
                entry.keep |= set((status == 0).nonzero()[0].tolist())
                entry.files[feature.id] = shard.file
    return [found[index] for index in sorted(found)]


def _generation(file: str) -> int:
    match = SHARD_FILE.fullmatch(file)
    if match is None:
        raise ShardError(f"{file!r} is no name of a shard")
    return int(match[2] or 0)
