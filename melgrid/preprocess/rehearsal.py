"""How long will it take? Do a few clips for real, in this process, and scale up."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from melgrid.datasets.quiet import quiet_stderr
from melgrid.params import Feature
from melgrid.preprocess.clips import clip_rows
from melgrid.preprocess.forecast import clip_seconds
from melgrid.preprocess.task import ShardTask, run_shard
from melgrid.store import About

if TYPE_CHECKING:
    from melgrid.datasets import Dataset

__all__ = ["Rehearsal", "rehearse"]

_WARM_UP = 2  # clips that compile kernels and build filter banks
_CLIPS = 32
_START_SECONDS = 3.0  # a worker's imports and filter banks
_EFFICIENCY = 0.9  # of several workers, which share caches and memory (two measure 1.75 times one)


@dataclass(frozen=True)
class Rehearsal:
    """Measured costs of one worker.

    Attributes
    ----------
    clip_seconds : float
        Mean time of a clip.
    shard_seconds : float
        Time to publish a shard of all features.
    shares : dict of str to float
        Share of the time that each feature takes, by id; they sum to 1.
    """

    clip_seconds: float
    shard_seconds: float
    shares: dict[str, float]

    def wall_seconds(self, clips: int, shards: int, jobs: int) -> float:
        """Extrapolate to a run.

        Parameters
        ----------
        clips, shards, jobs : int

        Returns
        -------
        float, seconds
        """
        work = clips * self.clip_seconds + shards * self.shard_seconds
        return _START_SECONDS + work / jobs / (_EFFICIENCY if jobs > 1 else 1.0)


def rehearse(dataset: Dataset, features: tuple[Feature, ...]) -> Rehearsal | None:
    """Time a random sample of the clips, into a temporary folder.

    Parameters
    ----------
    dataset : Dataset
    features : tuple of Feature
        Those that a run would compute.

    Returns
    -------
    Rehearsal or None
        None when there is no clip to try.
    """
    good = np.flatnonzero(dataset.clips["known_bad"].isna())
    chosen = np.random.default_rng(0).permutation(good)[: _WARM_UP + _CLIPS]
    if len(chosen) == 0:
        return None
    chosen = np.concatenate([chosen[:1].repeat(max(0, _WARM_UP + 2 - len(chosen))), chosen])
    sample = replace(dataset, clips=dataset.clips.iloc[chosen].reset_index(drop=True))
    rows = clip_rows(sample)
    names = [f"{number:04d}" for number in range(len(chosen))]  # a clip may be there twice
    if "parent" in rows:
        pairs = zip(rows["clip_id"], rows["parent"], strict=True)
        suffixes = [clip_id[len(parent) :] if parent else "" for clip_id, parent in pairs]
        rows["parent"] = [name if suffix else None for name, suffix in zip(names, suffixes, strict=True)]
        names = [name + suffix for name, suffix in zip(names, suffixes, strict=True)]
    rows = rows.assign(
        clip_id=names,
        shard=0,
        row=range(len(chosen)),
        known_bad=None,
        source_sha256=None,
    )
    times: list[float] = []
    with TemporaryDirectory() as folder, quiet_stderr():
        about = About(dataset=dataset.name, options=dataset.options)
        task = ShardTask(str(dataset.root), folder, 0, features, about, rows)
        run_shard(replace(task, clips=rows[:_WARM_UP], probe=True), lambda row: None, lambda clip: None)
        task = replace(task, clips=rows[_WARM_UP:].assign(row=range(len(rows) - _WARM_UP)))
        result = run_shard(task, lambda row: times.append(time.perf_counter()), lambda clip: None)
        end = time.perf_counter()
    costs = np.diff(times)  # where the last clip ends and publishing begins is not told
    measured = chosen[_WARM_UP : _WARM_UP + len(costs)]
    seconds, _ = clip_seconds(dataset)
    # The sample's clips may be longer or shorter than the corpus's.
    share = float(np.mean(seconds[good])) / max(float(np.mean(seconds[measured])), 1e-9)
    mean = float(np.mean(costs))
    total = sum(result.feature_seconds.values())
    shares = {feature: seconds / total for feature, seconds in result.feature_seconds.items()}
    return Rehearsal(mean * share, max(0.0, end - times[-1] - mean), shares)
