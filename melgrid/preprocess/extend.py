"""The corpus grew: its new clips into new shards of every feature set of a store."""

from __future__ import annotations

import time
import warnings
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from melgrid.errors import MismatchError
from melgrid.preprocess.audio.augment import augmented
from melgrid.preprocess.clips import clip_rows, shard_size, take
from melgrid.preprocess.engine.engine import engine_for
from melgrid.preprocess.engine.supervisor import Limits
from melgrid.preprocess.resume import Infos, remaining
from melgrid.preprocess.run import ending, table_of, work
from melgrid.preprocess.summary import RunSummary
from melgrid.preprocess.task import ShardTask
from melgrid.preprocess.trouble import disk_trouble
from melgrid.preprocess.versions import about_of
from melgrid.store import About, Manifest, ShardInfo, lock
from melgrid.store.checks.unlisted import shards_lacking
from melgrid.store.feature_record import FeatureRecord

if TYPE_CHECKING:
    from melgrid.datasets import Dataset

__all__ = ["add_clips"]


def add_clips(
    dataset: Dataset,
    store: str | Path,
    *,
    jobs: int | None = None,
    limit: int | None = None,
    shard_mb: int = 128,
    on_error: Literal["quarantine", "stop"] = "quarantine",
    allow_mixed: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    progress: bool = True,
    executor: Literal["threads", "dask"] = "threads",
    scheduler: Any = None,
) -> RunSummary:
    """Compute every feature set of a store for the clips that its corpus has gained.

    The new clips are dealt to new shards; the shards that are there keep every byte, and clips their places. A run
    that was interrupted is resumed by calling it again. Readers see the new clips of a feature set, all at once, when
    they open the store again. Variants of the new clips are made where the store has variants.

    Parameters
    ----------
    dataset : Dataset
        The corpus as it is now, opened with the options that the store was made with.
    store : str or Path
    jobs, limit, shard_mb, on_error, allow_mixed, limits, progress, executor, scheduler
        As for `run`.

    Returns
    -------
    RunSummary
        Its features are those that gained clips.

    Raises
    ------
    MismatchError
        Clips have gone or changed, or there are new classes, other options or other versions. Nothing is written.
    StoreError
        There is no store, it cannot be written, or another run is using it.
    MelgridError
        A clip failed and `on_error` says stop.

    Warns
    -----
    UserWarning
        Derived feature sets stay as they are: `melgrid.loaders.derive` gives them the new clips.
    """
    start = time.perf_counter()
    path = Path(store)
    manifest = Manifest.load(path)
    dataset = augmented(take(dataset, limit), manifest.about.options.get("augment", ()))
    about = _about(path, manifest.about, dataset)
    features = tuple(record.feature for record in _computed(manifest))
    template = ShardTask.blank(
        dataset.root, path, about, on_error=on_error, allow_mixed=allow_mixed, longest_seconds=limits.audio_seconds
    )
    engine = engine_for(executor, scheduler, None, limits, jobs, False)
    summary = RunSummary(str(path))
    with closing(engine), disk_trouble(path, dataset, features), lock(path), ending(engine, path):
        manifest = Manifest.load(path)  # as it is now that nobody else writes it
        manifest.check_matches(about, allow_mixed=allow_mixed)
        rows = clip_rows(dataset)
        new = manifest.check_clips(rows)
        computed = _computed(manifest)
        if not computed:
            raise MismatchError(f"{path}: has no feature set that clips could join; use melgrid preprocess")
        manifest.settle()
        if new:
            size = shard_size(
                len(rows), tuple(record.feature for record in computed), about.nominal_seconds, shard_mb << 20
            )
            manifest.extend_clips(rows[rows["clip_id"].isin(new)], size)
        tasks = _late_shards(template, computed, table_of(manifest, dataset))
        summary.added = sum(len(task.clips) for task in tasks)
        left = [(task, *remaining(task)) for task in tasks]
        infos: Infos = {(feature, task.index): info for task, _, done in left for feature, info in done.items()}
        infos |= work([todo for _, todo, _ in left if todo.features], summary, engine, progress)
        _publish(manifest, computed, infos, about, summary)
        derived = sorted(set(manifest.features) - {record.feature.id for record in computed})
        if summary.features and derived:
            warnings.warn(
                f"{', '.join(derived)}: derived by a model, so without the new clips until melgrid.loaders.derive is "
                "called again",
                stacklevel=2,
            )
        clips = manifest.clips()
        summary.count_failures(clips)
        summary.seconds = time.perf_counter() - start
        if summary.features:
            summary.log(clips)
    return summary


def _computed(manifest: Manifest) -> list[FeatureRecord]:
    """Feature sets that clips of the corpus can join: all but those that a model derives."""
    records = (manifest.feature(feature_id) for feature_id in manifest.features)
    return [record for record in records if record.feature.kind != "derived"]


def _about(path: Path, stored: About, dataset: Dataset) -> About:
    """What the run says of the corpus: as the store does where a corpus may grow, else as it is now."""
    new = [name for name in dataset.classes if name not in stored.classes]
    if new and dataset.name == stored.dataset:
        raise MismatchError(
            f"{path}: the corpus has {len(new)} new classes ({', '.join(new[:5])}), but labels are places in the "
            f"store's list of {len(stored.classes)}, which never changes. Remedy: keep the clips of new classes out "
            "(a subset, or a table without them), or make another --store"
        )
    return about_of(dataset).model_copy(update={"nominal_seconds": stored.nominal_seconds})


def _late_shards(template: ShardTask, records: list[FeatureRecord], table: pd.DataFrame) -> list[ShardTask]:
    """A task for each shard that some feature set lacks."""
    lacking: dict[int, list[FeatureRecord]] = {}
    for record in records:
        for number in shards_lacking(record, table["shard"].to_numpy()):
            lacking.setdefault(number, []).append(record)
    return [
        replace(
            template,
            index=number,
            features=tuple(record.feature for record in lacking[number]),
            clips=table[table["shard"] == number].reset_index(drop=True),
        )
        for number in sorted(lacking)
    ]


def _publish(manifest: Manifest, records: list[FeatureRecord], infos: Infos, about: About, summary: RunSummary) -> None:
    """Append the new shards to the tables of their feature sets; each keeps the versions that it began with."""
    tables: dict[str, list[ShardInfo]] = {}
    for record in records:
        gain = [info for (feature, _), info in sorted(infos.items()) if feature == record.feature.id]
        if gain:
            tables[record.feature.id] = [*record.shards, *gain]
            summary.bytes_written += sum(info.bytes for info in gain)
    if tables:
        manifest.gather_outcomes(tables)
    for record in records:
        if record.feature.id in tables:
            own = about.model_copy(update={"versions": record.versions, "options": record.options})
            manifest.add_feature_set(record.feature, tables[record.feature.id], own)
            summary.features.append(record.feature.id)
