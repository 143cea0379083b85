"""What is in a store, as plain dicts: for the terminal, for ``--json`` and for reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from melgrid.store.checks.faults import feature_folders
from melgrid.store.checks.rebuild import published
from melgrid.store.feature_set import FeatureSet
from melgrid.store.naming import named
from melgrid.store.selection import Selection
from melgrid.store.shards.shard_info import SHARD_FILE, read_arrays
from melgrid.store.store import Store, open_store
from melgrid.store.views.corpus import Balance, balances, durations, formats, label_counts
from melgrid.store.views.summary_text import failures_text, feature_text, store_text

__all__ = ["failures", "failures_text", "feature_summary", "feature_text", "store_summary", "store_text"]


def store_summary(store: Store | str | Path) -> dict[str, Any]:
    """Summarise a store; reads no shard.

    Parameters
    ----------
    store : Store, str or Path

    Returns
    -------
    dict, ready for JSON
        path, dataset, options, task, labels (clips of each class), splits, balance (clips of each part of the splits,
        and of each class in it), durations (of the clips, in seconds), formats (of the files), versions, clips, ok,
        variants (clips that are altered copies of others), failed, reasons (failed clips of each code), bytes,
        features, a list of dicts, and unfinished: by id, the clips that an interrupted run has done.
    """
    store = _opened(store)
    table, about = store.table, store.about
    status = table.column("status").value_counts()
    features = [_facts(features) for features in store]
    return {
        "path": str(store.path),
        "dataset": about.dataset,
        "options": about.options,
        "task": about.task,
        "labels": dict(zip(about.classes, label_counts(store).tolist(), strict=True)),
        "splits": {name: list(values) for name, values in about.splits.items()},
        "balance": {found.column: _balance(found, about.classes) for found in balances(store)},
        "durations": _durations(store),
        "formats": [{"sr": sr, "channels": channels, "clips": clips} for sr, channels, clips in formats(store)],
        "versions": dict(about.versions),
        "clips": len(table),
        "variants": int(np.count_nonzero(table.roots != np.arange(len(table)))),
        "ok": int(status.get("ok", 0)),
        "failed": int(status.get("failed", 0)),
        "reasons": {
            str(code): int(count) for code, count in table.column("reason").str.partition(":")[0].value_counts().items()
        },
        "bytes": sum(facts["bytes"] for facts in features),
        "features": features,
        "unfinished": _unfinished(store),
    }


def feature_summary(store: Store | str | Path, feature_id: str) -> dict[str, Any]:
    """Summarise a feature set; reads the tables of its shards, not its frames.

    Parameters
    ----------
    store : Store, str or Path
    feature_id : str
        Or the beginning of it.

    Returns
    -------
    dict, ready for JSON
        The facts of `store_summary`, and parameters, frame_shape, shortest, median and longest clip in frames,
        hours, mean and std over everything (None without frames and for complex features), and shards.

    Raises
    ------
    ParameterError
        No feature set, or more than one, is called so.
    """
    features = _named(_opened(store), feature_id)
    lengths = features.lengths
    mean = std = None
    if lengths.sum() and not features.feature.is_complex:
        statistics = Selection(features, np.arange(len(features))).statistics(axis=None)
        mean, std = float(statistics.mean), float(statistics.std)
    return {
        **_facts(features),
        "parameters": features.feature.canonical(),
        "frame_shape": list(features.frame_shape),
        "shortest": int(lengths.min()) if len(lengths) else 0,
        "median": float(np.median(lengths)) if len(lengths) else 0.0,
        "longest": int(lengths.max()) if len(lengths) else 0,
        "hours": float(lengths.sum() * features.feature.hop_seconds / 3600),
        "mean": mean,
        "std": std,
        "shards": [shard.canonical() for shard in features.record.shards],
    }


def failures(store: Store | str | Path, feature_id: str | None = None) -> list[dict[str, Any]]:
    """List the clips without features, each with its reason.

    Parameters
    ----------
    store : Store, str or Path
    feature_id : str or None
        None lists clips that failed altogether; an id, or the beginning of one, those that lack this feature.

    Returns
    -------
    list of dict, ready for JSON
        clip_id, path, code, words.

    Raises
    ------
    ParameterError
        No feature set, or more than one, is called so.
    """
    store = _opened(store)
    table = store.table
    reasons: dict[int, str] = {}
    if feature_id is None:
        column = table.column("reason")
        reasons = {int(p): str(column.iloc[p]) for p in np.flatnonzero(table.column("status") == "failed")}
    else:
        features = _named(store, feature_id)
        for shard in features.record.shards:
            status, words = read_arrays(store.path / features.id / shard.file, "status", "reason")
            first = int(np.searchsorted(table.shard, shard.index))
            reasons |= {first + int(row): words[row].decode() for row in np.flatnonzero(status)}
    paths = table.column("path")
    return [_failure(str(table.ids[place]), paths.iloc[place], reason) for place, reason in reasons.items()]


def _failure(clip_id: str, path: Any, reason: str) -> dict[str, Any]:
    code, _, words = reason.partition(": ")
    return {"clip_id": clip_id, "path": path if isinstance(path, str) else None, "code": code, "words": words}


def _balance(found: Balance, classes: tuple[str, ...]) -> dict[str, Any]:
    return {
        part: {"clips": int(clips), "labels": dict(zip(classes, counts.tolist(), strict=True))}
        for part, clips, counts in zip(found.parts, found.clips, found.counts, strict=True)
    }


def _durations(store: Store) -> dict[str, float]:
    seconds = durations(store)
    facts = {"known": len(seconds), "hours": float(seconds.sum() / 3600)}
    if len(seconds):
        lowest, middle, highest = np.quantile(seconds, [0, 0.5, 1]).tolist()
        facts |= {"shortest": lowest, "median": middle, "longest": highest}
    return facts


def _opened(store: Store | str | Path) -> Store:
    return store if isinstance(store, Store) else open_store(store)


def _named(store: Store, text: str) -> FeatureSet:
    return store[named(store.ids, text, str(store.path))]


def _unfinished(store: Store) -> dict[str, int]:
    found = {}
    for folder in feature_folders(store.path):
        numbers = [int(match[1]) for file in published(folder) if (match := SHARD_FILE.fullmatch(file.name))]
        if folder.name not in store:
            found[folder.name] = int(np.isin(store.table.shard, numbers).sum())
    return found


def _facts(features: FeatureSet) -> dict[str, Any]:
    feature, record, about = features.feature, features.record, features.store.about
    pairs = (("versions", record.versions, about.versions), ("options", record.options, about.options))
    return {
        "id": feature.id,
        "kind": feature.kind,
        "sr": feature.sr,
        "bins": feature.bins,
        "hop_seconds": feature.hop_seconds,
        "unit": feature.unit,
        "dtype": feature.dtype,
        "clips": sum(shard.clips - shard.failed for shard in record.shards),
        "failed": sum(shard.failed for shard in record.shards),
        "frames": sum(shard.frames for shard in record.shards),
        "bytes": sum(shard.bytes for shard in record.shards),
        "files": len(record.shards),
        "worst_error": max((shard.worst_error for shard in record.shards), default=0.0),
        "mean_error": record.mean_error,
        "non_finite": sum(shard.non_finite for shard in record.shards),
        "saturated": sum(shard.saturated for shard in record.shards),
        "mixed": {name: mine for name, mine, theirs in pairs if mine != theirs},
    }
