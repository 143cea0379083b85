"""A corpus and a grid into a store: plan, work the shards, publish, resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from melgrid.params import Feature, Grid
from melgrid.preprocess.clips import clip_rows, dealt, known_bad
from melgrid.preprocess.engine.engine import Engine, engine_for
from melgrid.preprocess.engine.share import Share
from melgrid.preprocess.engine.supervisor import Limits
from melgrid.preprocess.forecast import clip_seconds
from melgrid.preprocess.outlook import chosen, matching_store, resolve_features
from melgrid.preprocess.progress import progress as show_progress
from melgrid.preprocess.resume import Infos, every_task, failed_clips, outstanding
from melgrid.preprocess.summary import RunSummary
from melgrid.preprocess.task import ClipDone, ShardTask
from melgrid.preprocess.trouble import disk_trouble
from melgrid.preprocess.versions import about_of
from melgrid.store import About, Manifest, ShardInfo, create_store, lock, sweep

if TYPE_CHECKING:
    from melgrid.datasets import Dataset

__all__ = ["RunSummary", "ending", "run", "table_of", "work"]


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
    executor: Literal["threads", "dask"] = "threads",
    scheduler: Any = None,
    task: str | None = None,
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
        ``quarantine`` records a failed clip and goes on; ``stop`` ends the run, which can be resumed, unless the clip
        is known to be bad.
    allow_mixed : bool
        Go on with other library versions or changed source files, and record it.
    retry : bool
        Also try the clips again that gave no features in earlier runs, but for those that are known to be bad. Shards
        that gain by it are made anew, beside the old ones, and take their place when all are done.
    limits : Limits
        Time and memory that one clip may cost, and how long its file may be.
    progress : bool
        Draw a bar on standard error.
    executor : str
        ``dask`` gives the shards to the workers of dask.distributed, which must see corpus and store under the same
        paths; ``threads`` keeps to this machine.
    scheduler : str, distributed.Client, cluster or None
        Of dask: an address (``tcp://HOST:8786``), a scheduler file, or an object; None starts a cluster on this
        machine. A named one also decides how many jobs there are.
    task : str or None
        ``K/N``: only the K-th of N shares of the shards, at the same time as others if need be, on this or other
        machines that see the same store. When all are done, a run without it, or `melgrid.store.verify` with
        ``repair=True``, puts the feature sets together.

    Returns
    -------
    RunSummary

    Raises
    ------
    ParameterError
        The grid breaks a rule, or options do not go together.
    MismatchError
        The store was made from other clips, options or versions, and nothing is written; or a source file has
        changed, which is found when it is read: shards that were finished before stay.
    StoreError
        The store cannot be written, or another run is using it.
    MelgridError
        A clip failed and `on_error` says stop.
    """
    start = time.perf_counter()
    dataset = chosen(dataset, grid, limit)
    features = resolve_features(dataset, grid)
    about = about_of(dataset)
    path = Path(store)
    template = ShardTask.blank(
        dataset.root, path, about, on_error=on_error, allow_mixed=allow_mixed, longest_seconds=limits.audio_seconds
    )
    share = None if task is None else Share.parse(task)
    engine = engine_for(executor, scheduler, share, limits, jobs, retry)
    summary = RunSummary(str(path), task=task)
    shared = share is not None
    with closing(engine), disk_trouble(path, dataset, features), lock(path, shared=shared), ending(engine, path):
        manifest = _open(path, about, dataset, features, shard_mb << 20, allow_mixed, share)
        present = tuple(feature for feature in features if feature.id in manifest.features)
        missing = tuple(feature for feature in features if feature.id not in manifest.features)
        if retry and present:
            _retry(manifest, present, template, table_of(manifest, dataset), summary, engine, progress)
        if missing and share:
            table = table_of(manifest, dataset)
            own = share.of(every_task(template, missing, manifest, table))
            summary.take_share(work(own, summary, engine, progress), table)
            summary.seconds = time.perf_counter() - start
            summary.log(manifest.clips())
            return summary
        if missing:
            table = table_of(manifest, dataset)
            tasks, infos = outstanding(template, missing, manifest, table)
            infos |= work(tasks, summary, engine, progress)
            numbers = sorted(set(table["shard"]))
            _publish(manifest, {f: [infos[f.id, n] for n in numbers] for f in missing}, about, summary)
        clips = manifest.clips()
        summary.count_failures(clips)
        summary.seconds = time.perf_counter() - start
        if missing or summary.recovered:
            summary.log(clips)
    return summary


@contextmanager
def ending(engine: Engine, path: Path) -> Iterator[None]:
    """Whatever ends the run ends its workers while it has the store, and what they had in hand goes."""
    try:
        yield
    finally:
        engine.close()
        _sweep(path)


def _open(
    path: Path,
    about: About,
    dataset: Dataset,
    features: tuple[Feature, ...],
    shard_bytes: int,
    allow_mixed: bool,
    share: Share | None,
) -> Manifest:
    """Make the store, or see that it is the right one; of several shares one does, the others wait for it."""
    with lock(path, "deal", wait=partial(time.sleep, 0.05)) if share else nullcontext():
        return _opened(path, about, dataset, features, shard_bytes, allow_mixed)


def _opened(
    path: Path, about: About, dataset: Dataset, features: tuple[Feature, ...], shard_bytes: int, allow_mixed: bool
) -> Manifest:
    rows = clip_rows(dataset)
    _sweep(path)  # of a killed run
    manifest = matching_store(path, about, rows, allow_mixed)
    if manifest is None:
        return create_store(path, about, dealt(rows, features, dataset.nominal_seconds, shard_bytes))
    manifest.settle()
    return manifest


def _sweep(path: Path) -> None:
    """Remove what processes that are no more left half written."""
    for folder in (path, *(entry for entry in path.iterdir() if entry.is_dir() and not entry.is_symlink())):
        sweep(folder)


def table_of(manifest: Manifest, dataset: Dataset) -> pd.DataFrame:
    """The store's clips, with what the corpus knows of them before they are read."""
    table = manifest.clips()
    seconds = pd.Series(clip_seconds(dataset)[0], index=dataset.clips["clip_id"])
    return table.assign(known_bad=known_bad(dataset, table), seconds=seconds.reindex(table["clip_id"]).to_numpy())


def _publish(manifest: Manifest, tables: dict[Feature, list[ShardInfo]], about: About, summary: RunSummary) -> None:
    """Write down what became of every clip, and let readers see the new shards."""
    manifest.gather_outcomes({feature.id: table for feature, table in tables.items()})
    manifest.add_feature_sets(tables, about)
    for feature, table in tables.items():
        summary.features.append(feature.id)
        summary.bytes_written += sum(info.bytes for info in table)


def _retry(
    manifest: Manifest,
    features: tuple[Feature, ...],
    template: ShardTask,
    table: pd.DataFrame,
    summary: RunSummary,
    engine: Engine,
    progress: bool,
) -> None:
    """Try failed clips again, alone; where that helps, make the next generation of their shards."""
    failed = failed_clips(manifest, features, table)
    works: dict[int, set[int]] = {}

    def seen(index: int, clip: ClipDone) -> None:
        if clip.reason is None:
            works.setdefault(index, set()).add(clip.row)

    trying = replace(template, on_error="quarantine")
    work([entry.attempt(trying, table) for entry in failed], summary, engine, progress, seen)
    tasks = [task for e in failed if (task := e.again(template, table, works.get(e.index, set())))]
    if not tasks:
        return
    infos = work(tasks, summary, engine, progress)
    gaining = [feature for feature in features if any(feature in task.features for task in tasks)]
    tables = {f: [infos.get((f.id, shard.index), shard) for shard in manifest.feature(f.id).shards] for f in gaining}
    _publish(manifest, tables, template.about, summary)
    summary.recovered = sum(map(len, works.values()))


def work(
    tasks: list[ShardTask],
    summary: RunSummary,
    engine: Engine,
    progress: bool,
    also_seen: Callable[[int, ClipDone], None] = lambda index, clip: None,
) -> Infos:
    """Let an engine do the tasks."""
    infos: Infos = {}
    if not tasks:
        return infos
    with show_progress(tasks, summary, engine, enabled=progress) as bar:

        def seen(index: int, clip: ClipDone) -> None:
            bar.seen(index, clip)
            also_seen(index, clip)

        for result in engine.results(tasks, seen):
            bar.published(result.index)
            infos |= {(feature, result.index): info for feature, info in result.infos.items()}
            for name, seconds in result.stage_seconds.items():
                summary.stage_seconds[name] += seconds
            for name, seconds in result.feature_seconds.items():
                summary.feature_seconds[name] = summary.feature_seconds.get(name, 0.0) + seconds
        summary.jobs = max(1, min(engine.jobs, len(tasks)))
    return infos
