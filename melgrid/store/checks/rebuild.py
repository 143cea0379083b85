"""What the shards of a store know between them: enough for everything in its manifest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from melgrid.errors import StoreError
from melgrid.params import Feature, canonical_json
from melgrid.store.about import About, restore_feature
from melgrid.store.intervals import Intervals
from melgrid.store.plain import hex_digests, label_lists
from melgrid.store.shards.clip_arrays import NATIVE
from melgrid.store.shards.shard_info import SHARD_FILE, open_shard

__all__ = ["ShardText", "clip_rows", "common_about", "outcomes", "published", "read_text"]


@dataclass(frozen=True)
class ShardText:
    """What a shard says in words: the feature and the dataset it is of."""

    feature: Feature
    about: About


def published(folder: Path) -> list[Path]:
    """Return the newest generation of every shard in a feature's folder, by number."""
    newest: dict[int, tuple[int, Path]] = {}
    for path in folder.iterdir():
        match = SHARD_FILE.fullmatch(path.name)
        if match:
            entry = int(match[2] or 0), path
            newest[int(match[1])] = max(newest.get(int(match[1]), entry), entry)
    return [newest[number][1] for number in sorted(newest)]


def read_text(path: Path) -> ShardText:
    """Read the feature and dataset of a shard.

    Raises
    ------
    ShardError
        The file is damaged.
    """
    with open_shard(path) as file:
        parameters, about = json.loads(file.attrs["parameters"]), json.loads(file["about"][()])
        return ShardText(restore_feature(parameters), About.parse(about))


def common_about(abouts: Iterable[About]) -> About:
    """Return what most shards say about the dataset; among equals the first in the alphabet.

    Raises
    ------
    StoreError
        There are no shards.
    """
    counts = Counter(canonical_json(about.canonical()) for about in abouts)
    if not counts:
        raise StoreError("there are no shards to rebuild from")
    most = max(counts.values())
    return About.parse(json.loads(min(text for text, count in counts.items() if count == most)))


def clip_rows(path: Path) -> pd.DataFrame:
    """Rebuild the rows of the clip table that a shard stands for, without status and reason."""
    with open_shard(path) as file:
        index = int(file.attrs["shard_index"])
        group = file["clip"]  # whose items() are None where they cannot be read
        clips = {name: group[name][()] for name in group if name not in ("mean", "m2")}
    count = len(clips["id"])
    columns: dict[str, list[Any]] = {
        "clip_id": _text(clips["id"]),
        "path": _text(clips["path"]),
        "labels": list(label_lists(clips["labels"], clips["label_offset"])),
        "split": _text(clips["split"]),
        "fold": [None if fold < 0 else fold for fold in clips["fold"].tolist()],
        "group": _text(clips["group"]),
        "start": clips["start"].tolist(),
        "end": clips["end"].tolist(),
        "shard": [index] * count,
        "row": list(range(count)),
    }
    if "parent" in clips:
        columns["parent"] = _text(clips["parent"])
    if "interval_offset" in clips:
        spans = Intervals(clips["interval_offset"], clips["interval_seconds"], clips["interval_class"])
        columns["intervals"] = list(spans.rows())
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})


def outcomes(clips: pd.DataFrame, shards: Sequence[Path]) -> pd.DataFrame:
    """Fill status, reason, source digest and native format of a clip table from shards.

    A clip is ok when any feature has it, and failed when some feature, but none with success, has tried; the reason
    and the facts about the source are those of the first shard that has them.

    Parameters
    ----------
    clips : DataFrame
        Clip table with all columns, in (shard, row) order.
    shards : sequence of Path
        Of all features, ordered by feature id.

    Returns
    -------
    DataFrame of the same rows and columns
    """
    numbers = clips["shard"].to_numpy(np.int64)
    total = len(clips)
    tried, ok = np.zeros(total, bool), np.zeros(total, bool)
    facts: dict[str, NDArray[np.object_]] = {
        name: np.full(total, None, object) for name in ("reason", "source_sha256", *NATIVE)
    }
    for path in shards:
        with open_shard(path) as file:
            first, after = np.searchsorted(numbers, [file.attrs["shard_index"], file.attrs["shard_index"] + 1])
            group = file["clip"]
            status = group["status"][()]
            if len(status) != after - first:
                raise StoreError(f"{path}: has {len(status)} clips, the clip table {after - first}")
            tried[first:after] = True
            ok[first:after] |= status == 0
            for name, values in facts.items():
                own = values[first:after]
                unknown = pd.isna(own)
                if unknown.any() and (name != "reason" or status.any()):  # else nothing to learn, of most features
                    own[unknown] = np.fromiter(_fact(name, group[name][()]), object, len(own))[unknown]
    facts["reason"][ok] = None
    words = np.array([None, "failed", "ok"], object)
    filled = clips.copy()
    filled["status"] = pd.Series(words[np.where(ok, 2, tried)], index=clips.index, dtype=object)
    for name, fact in facts.items():
        filled[name] = pd.Series(fact, index=clips.index, dtype=object)
    return filled


def _fact(name: str, values: np.ndarray[Any, Any]) -> Sequence[Any]:
    if name == "reason":
        return _text(values)
    return hex_digests(values) if name == "source_sha256" else [None if n < 0 else n for n in values.tolist()]


def _text(values: np.ndarray[Any, Any]) -> list[str | None]:
    return [value.decode() or None for value in values.tolist()]
