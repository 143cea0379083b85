"""A corpus and a grid into a store: plan, work the shards, publish, resume."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from melgrid.errors import MismatchError
from melgrid.params import Feature, Grid
from melgrid.preprocess.clips import clip_rows, dealt, known_bad, native_rate, take
from melgrid.preprocess.forecast import Forecast, forecast
from melgrid.preprocess.plan import Plan, compile_plan
from melgrid.preprocess.progress import progress as show_progress
from melgrid.preprocess.rehearsal import rehearse
from melgrid.preprocess.resume import Infos, failed_clips, outstanding
from melgrid.preprocess.summary import RunSummary
from melgrid.preprocess.supervisor import Limits
from melgrid.preprocess.task import ClipDone, ShardTask
from melgrid.preprocess.trouble import disk_trouble
from melgrid.preprocess.versions import versions_in_force
from melgrid.preprocess.workers import Workers
from melgrid.store import About, Manifest, ShardInfo, create_store, lock, sweep

if TYPE_CHECKING:
    from melgrid.datasets import Dataset

__all__ = ["RunSummary", "prepare", "resolve_features", "run"]


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
    if isinstance(grid, Feature):
        return (grid,)
    if isinstance(grid, Grid):
        return grid.resolve(native_rate(dataset) if grid.needs_native else None)
    return tuple(dict.fromkeys(grid))


def prepare(
    dataset: Dataset,
    grid: Grid | Feature | Iterable[Feature],
    store: str | Path,
    *,
    limit: int | None = None,
    jobs: int | None = None,
    shard_mb: int = 128,
    timed: bool = False,
) -> tuple[Forecast, Plan | None]:
    """Say what `run` with the same arguments would do; write nothing.

    Parameters
    ----------
    dataset, grid, store, limit, jobs, shard_mb
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
    """
    dataset = take(dataset, limit)
    features = resolve_features(dataset, grid)
    path = Path(store)
    done = frozenset(Manifest.load(path).features if (path / "store.json").exists() else ())
    missing = tuple(feature for feature in features if feature.id not in done)
    coming = forecast(dataset, features, path, done)
    if not missing:
        return coming, None
    if timed and (rehearsal := rehearse(dataset, missing)):
        rows = dealt(clip_rows(dataset), features, dataset.nominal_seconds, shard_mb << 20)
        seconds = rehearsal.wall_seconds(len(rows), rows["shard"].nunique(), jobs or _processors())
        coming = replace(coming, run_seconds=seconds)
    return coming, compile_plan(missing)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(
    dataset: Dataset,
    grid: Grid | Feature | Iterable[Feature],
    store: str | Path,
    *,
    jobs: int | None = None,
    limit: int | None = None,
    shard_mb: int = 128,
    on_error: Literal["quarantine", "stop"] = "quarantine",
    allow_mixed: bool = False,
    retry: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    progress: bool = True,
) -> RunSummary:
    """Compute every feature of a grid that a store lacks, decoding each clip once.

    A run that was interrupted is resumed by calling it again: finished shards stay, and the bytes of the store are
    those of an uninterrupted run, whatever the number of jobs.

    Parameters
    ----------
    dataset : Dataset
        From `melgrid.datasets.load`.
    grid : Grid, Feature or iterable of Feature
    store : str or Path
        Folder of the store; made when it does not exist.
    jobs : int or None
        Worker processes; None: one for each processor that this process may use.
    limit : int or None
        Only so many clips, a fair sample.
    shard_mb : int, MiB
        Size that the shards of the largest feature aim for. Only a new store asks.
    on_error : str
        ``quarantine`` records a failed clip and goes on; ``stop`` ends the run, which can be resumed.
    allow_mixed : bool
        Go on with other library versions or changed source files, and record it.
    retry : bool
        Also try the clips again that gave no features in earlier runs. Shards that gain by it are made anew, beside
        the old ones, and take their place when all are done.
    limits : Limits
        Time and memory that one clip may cost, and how long its file may be.
    progress : bool
        Draw a bar on standard error.

    Returns
    -------
    RunSummary

    Raises
    ------
    ParameterError
        The grid breaks a rule.
    MismatchError
        The store was made from other clips, options or versions. Nothing is written.
    StoreError
        The store cannot be written, or another run is using it.
    MelgridError
        A clip failed and `on_error` says stop.
    """
    start = time.perf_counter()
    dataset = take(dataset, limit)
    features = resolve_features(dataset, grid)
    about = About(
        dataset=dataset.name,
        options=dataset.options,
        classes=dataset.classes,
        task=dataset.task,
        splits=dataset.splits,
        versions=versions_in_force(),
        nominal_seconds=dataset.nominal_seconds,
    )
    path = Path(store)
    summary = RunSummary(str(path), jobs=jobs or _processors())
    with disk_trouble(path, dataset, features), lock(path):
        manifest = _open(path, about, dataset, features, shard_mb << 20, allow_mixed)
        present = tuple(feature for feature in features if feature.id in manifest.features)
        missing = tuple(feature for feature in features if feature.id not in manifest.features)
        template = ShardTask(
            root=str(dataset.root),
            store=str(path),
            index=-1,
            features=(),
            about=about,
            clips=pd.DataFrame(),
            on_error=on_error,
            allow_mixed=allow_mixed,
            longest_seconds=limits.audio_seconds,
        )
        if retry and present:
            _retry(manifest, present, template, _table(manifest, dataset), summary, limits, progress)
        if missing:
            table = _table(manifest, dataset)
            tasks, infos = outstanding(template, missing, manifest, table)
            infos |= _work(tasks, summary, limits, progress)
            numbers = sorted(set(table["shard"]))
            _publish(manifest, {f: [infos[f.id, n] for n in numbers] for f in missing}, about, summary)
        clips = manifest.clips()
        summary.count_failures(clips)
        summary.seconds = time.perf_counter() - start
        if missing or summary.recovered:
            summary.log(clips)
    return summary


def _open(
    path: Path, about: About, dataset: Dataset, features: tuple[Feature, ...], shard_bytes: int, allow_mixed: bool
) -> Manifest:
    rows = clip_rows(dataset)
    _sweep(path)  # of a killed run
    if not (path / "store.json").exists():
        return create_store(path, about, dealt(rows, features, dataset.nominal_seconds, shard_bytes))
    manifest = Manifest.load(path)
    manifest.check_matches(about, allow_mixed=allow_mixed)
    if new := manifest.check_clips(rows):
        raise MismatchError(
            f"{path}: the corpus has {len(new)} clips that the store was made without (e.g. {new[0]}); use the subset "
            "and limit of the first run, or another --store"
        )
    manifest.settle()
    return manifest


def _sweep(path: Path) -> None:
    """Remove what processes that are no more left half written."""
    for folder in (path, *(entry for entry in path.iterdir() if entry.is_dir() and not entry.is_symlink())):
        sweep(folder)


def _table(manifest: Manifest, dataset: Dataset) -> pd.DataFrame:
    table = manifest.clips()
    return table.assign(known_bad=known_bad(dataset, table))


def _publish(manifest: Manifest, tables: dict[Feature, list[ShardInfo]], about: About, summary: RunSummary) -> None:
    """Write down what became of every clip, and let readers see the new shards."""
    manifest.gather_outcomes({feature.id: table for feature, table in tables.items()})
    for feature, table in tables.items():
        manifest.add_feature_set(feature, table, about)
        summary.features.append(feature.id)
        summary.bytes_written += sum(info.bytes for info in table)


def _retry(
    manifest: Manifest,
    features: tuple[Feature, ...],
    template: ShardTask,
    table: pd.DataFrame,
    summary: RunSummary,
    limits: Limits,
    progress: bool,
) -> None:
    """Try failed clips again, alone; where that helps, make the next generation of their shards."""
    failed = failed_clips(manifest, features, table)
    works: dict[int, set[int]] = {}

    def seen(index: int, clip: ClipDone) -> None:
        if clip.reason is None:
            works.setdefault(index, set()).add(clip.row)

    trying = replace(template, on_error="quarantine")
    _work([entry.attempt(trying, table) for entry in failed], summary, limits, progress, seen)
    tasks = [task for e in failed if (task := e.again(template, table, works.get(e.index, set())))]
    if not tasks:
        return
    infos = _work(tasks, summary, limits, progress)
    gaining = [feature for feature in features if any(feature in task.features for task in tasks)]
    tables = {f: [infos.get((f.id, shard.index), shard) for shard in manifest.feature(f.id).shards] for f in gaining}
    _publish(manifest, tables, template.about, summary)
    summary.recovered = sum(map(len, works.values()))


def _work(
    tasks: list[ShardTask],
    summary: RunSummary,
    limits: Limits,
    progress: bool,
    also_seen: Callable[[int, ClipDone], None] = lambda index, clip: None,
) -> Infos:
    """Let worker processes do the tasks; whatever ends the run ends the workers."""
    from joblib import Parallel, delayed

    infos: Infos = {}
    if not tasks:
        return infos
    workers = Workers(limits)
    summary.jobs = max(1, min(summary.jobs, len(tasks)))
    try:
        with show_progress(sum(len(task.clips) for task in tasks), summary, enabled=progress) as bar:

            def seen(index: int, clip: ClipDone) -> None:
                bar(index, clip)
                also_seen(index, clip)

            parallel = Parallel(n_jobs=summary.jobs, backend="threading", return_as="generator_unordered", batch_size=1)
            for result in parallel(delayed(workers.do)(task, seen) for task in tasks):
                infos |= {(feature, result.index): info for feature, info in result.infos.items()}
                for name, seconds in result.stage_seconds.items():
                    summary.stage_seconds[name] += seconds
    finally:
        workers.close()
        _sweep(Path(summary.store))
    return infos
