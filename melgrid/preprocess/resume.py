"""What is left to do: shards that are missing, and shards whose failed clips may work now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from melgrid.errors import ShardError, StoreError
from melgrid.params import Feature, Waveform
from melgrid.preprocess.signal import SignalKey, signal_key
from melgrid.preprocess.task import ShardTask
from melgrid.store import About, Manifest, ShardInfo
from melgrid.store.adoption import adopt, source_digests
from melgrid.store.shard_info import SHARD_FILE, read_arrays, shard_name

__all__ = ["FailedClips", "Infos", "failed_clips", "outstanding"]

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
    """
    tasks: list[ShardTask] = []
    done: Infos = {}
    waveforms = _stored_waveforms(manifest, template.about)
    if {signal_key(feature) for feature in missing} <= waveforms.keys():
        template = replace(template, waveforms=waveforms)  # else something must be decoded, which then serves all
    for number, clips in table.groupby("shard", sort=True):
        index = int(str(number))
        rows = clips.reset_index(drop=True)
        lacking = []
        for feature in missing:
            path = Path(template.store) / feature.id / shard_name(index)
            info = _adopted(path, template, feature, rows)
            if info is None:
                lacking.append(feature)
            else:
                done[feature.id, index] = info
                # The files must still be those that this shard was made of.
                known = pd.Series(source_digests(path), index=rows.index, dtype=object)
                rows = rows.assign(source_sha256=rows["source_sha256"].astype(object).where(known.isna(), known))
        if lacking:
            tasks.append(replace(template, index=index, features=tuple(lacking), clips=rows))
    return tasks, done


def _stored_waveforms(manifest: Manifest, about: About) -> dict[SignalKey, str]:
    """Feature sets that hold whole signals as they would be decoded, mixed and resampled now."""
    found = {}
    for feature_id in manifest.features:
        record = manifest.feature(feature_id)
        if record.feature == Waveform(
            sr=record.feature.sr,
            mono=record.feature.mono,
            channels=record.feature.channels,
            res_type=record.feature.res_type,
        ) and {**record.versions, "melgrid": ""} == {**about.versions, "melgrid": ""}:
            found[signal_key(record.feature)] = feature_id
    return found


def _adopted(path: Path, template: ShardTask, feature: Feature, rows: pd.DataFrame) -> ShardInfo | None:
    if not path.exists():
        return None
    try:
        return adopt(path, feature, template.about, rows)
    except StoreError:
        path.unlink()
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
