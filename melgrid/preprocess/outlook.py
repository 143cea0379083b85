"""What a run would do, before it does it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melgrid.errors import MismatchError, ParameterError
from melgrid.params import Derived, Feature, Grid
from melgrid.preprocess.audio.augment import augmented
from melgrid.preprocess.clips import clip_rows, native_rate, shard_size, take
from melgrid.preprocess.forecast import Forecast, forecast
from melgrid.preprocess.plan import Plan, compile_plan
from melgrid.preprocess.rehearsal import rehearse
from melgrid.preprocess.versions import about_of
from melgrid.store import About, Manifest
from melgrid.store.creation import is_vacant

if TYPE_CHECKING:
    import pandas as pd

    from melgrid.datasets import Dataset

__all__ = ["chosen", "matching_store", "prepare", "processors", "resolve_features"]


def resolve_features(dataset: Dataset, grid: Grid | Feature | Iterable[Feature]) -> tuple[Feature, ...]:
    """Turn what a caller calls a grid into features, learning the corpus's rate where a grid asks for it.

    Parameters
    ----------
    dataset : Dataset
    grid : Grid, Feature or iterable of Feature

    Returns
    -------
    tuple of Feature, without repeats

    Raises
    ------
    ParameterError
    """
    if isinstance(grid, Grid):
        return grid.resolve(native_rate(dataset) if grid.needs_native else None)
    alone = isinstance(grid, Feature | str | type) or not isinstance(grid, Iterable)
    features: tuple[Any, ...] = (grid,) if alone else tuple(grid)
    if not features:
        raise ParameterError(f"grid={grid!r}: has no feature")
    for feature in features:
        if not isinstance(feature, Feature):
            raise ParameterError(
                f"grid={feature!r}: must be a Grid, a feature such as melgrid.LogMel(n_mels=96), or several features"
            )
        if isinstance(feature, Derived):
            raise ParameterError(f"{feature.id}: is made from {feature.parent} by a model; use melgrid.loaders.derive")
    return tuple(dict.fromkeys(features))


def chosen(dataset: Dataset, grid: Grid | Feature | Iterable[Feature], limit: int | None) -> Dataset:
    """Take as many clips as asked for, and add the variants that the grid asks for."""
    if not hasattr(dataset, "clips"):
        raise ParameterError(f"dataset={dataset!r}: must be a Dataset, as melgrid.datasets.load(NAME, ROOT) returns it")
    return augmented(take(dataset, limit), grid.augment if isinstance(grid, Grid) else ())


def matching_store(path: Path, about: About, rows: pd.DataFrame, allow_mixed: bool) -> Manifest | None:
    """Open the store that a run would add to, if it may; None where it would make one.

    Parameters
    ----------
    path : Path
    about : About
    rows : DataFrame
        Clip table of the run.
    allow_mixed : bool

    Raises
    ------
    MismatchError
        The store was made from other clips, options or versions, or there is something else.
    StoreError
        The store is damaged.
    """
    if is_vacant(path):
        return None
    manifest = Manifest.load(path)
    manifest.check_matches(about, allow_mixed=allow_mixed)
    if new := manifest.check_clips(rows):
        raise MismatchError(
            f"{path}: the corpus has {len(new)} clips that the store was made without (e.g. {new[0]}); melgrid "
            "add-clips adds them; or use the subset and limit of the first run, or another --store"
        )
    return manifest


def prepare(
    dataset: Dataset,
    grid: Grid | Feature | Iterable[Feature],
    store: str | Path,
    *,
    limit: int | None = None,
    jobs: int | None = None,
    shard_mb: int = 128,
    allow_mixed: bool = False,
    timed: bool = False,
) -> tuple[Forecast, Plan | None]:
    """Say what `run` with the same arguments would do; write nothing.

    Parameters
    ----------
    dataset, grid, store, limit, jobs, shard_mb, allow_mixed
        As for `run`.
    timed : bool
        Also try a few clips, in a temporary folder, and say how long the run will take.

    Returns
    -------
    forecast : Forecast
    plan : Plan or None
        None when the store has all features.

    Raises
    ------
    ParameterError
        The grid breaks a rule.
    MismatchError
        The store was made from other clips, options or versions, or there is something else.
    StoreError
        The store is damaged.
    """
    dataset = chosen(dataset, grid, limit)
    features = resolve_features(dataset, grid)
    path = Path(store)
    manifest = matching_store(path, about_of(dataset), clip_rows(dataset), allow_mixed)
    done = frozenset(manifest.features if manifest else ())
    missing = tuple(feature for feature in features if feature.id not in done)
    coming = forecast(dataset, features, path, done)
    if not missing:
        return coming, None
    if timed and (rehearsal := rehearse(dataset, missing)):
        count = len(dataset)
        shards = math.ceil(count / shard_size(count, features, dataset.nominal_seconds, shard_mb << 20))
        seconds = rehearsal.wall_seconds(count, shards, jobs or processors())
        rows_told = tuple(replace(row, share=rehearsal.shares.get(row.feature.id)) for row in coming.features)
        coming = replace(coming, features=rows_told, run_seconds=seconds)
    return coming, compile_plan(missing)


def processors() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
