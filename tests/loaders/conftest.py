"""Selections in memory, so that most tests of batches need no files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from melgrid.params import Feature, LogMel
from melgrid.store import About, FeatureSet, ShardWriter, create_store, open_store
from melgrid.store.deal import deal
from melgrid.store.shards.encoding import encode

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read once, when TensorFlow is first imported


@dataclass
class MemoryFeatureSet:
    feature: Feature
    stored: list[NDArray[Any]]
    fail_at: int | None = None

    def read(
        self, rows: NDArray[np.int64], starts: NDArray[np.int64], counts: NDArray[np.int64], out: NDArray[Any]
    ) -> None:
        for i, (row, start, count) in enumerate(zip(rows, starts, counts, strict=True)):
            if row == self.fail_at:
                raise OSError(f"row {row} is gone")
            assert 0 <= start <= start + count <= len(self.stored[row])
            out[i, :count] = self.stored[row][start : start + count]


@dataclass
class MemorySelection:
    feature_set: MemoryFeatureSet
    labels: NDArray[Any]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.feature_set.stored)

    @property
    def rows(self) -> NDArray[np.int64]:
        return np.arange(len(self))

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.array([len(s) for s in self.feature_set.stored], np.int64)

    @property
    def clip_ids(self) -> list[str]:
        return [f"clip-{i}" for i in range(len(self))]


def ramp(clip: int, frames: int, bins: int) -> NDArray[np.float32]:
    """Values that name their clip (integer part) and frame (sixteenths), exact in float16."""
    values = clip + np.arange(frames, dtype=np.float32)[:, None] / 16
    return np.repeat(values, bins, axis=1).astype(np.float32)


MakeSelection = Callable[..., Any]


@pytest.fixture
def make_selection() -> MakeSelection:
    def make(
        lengths: Sequence[int],
        feature: Feature | None = None,
        labels: Any = None,
        classes: tuple[str, ...] = ("a", "b", "c"),
        values: Sequence[NDArray[Any]] | None = None,
    ) -> MemorySelection:
        feature = LogMel(n_mels=4, dtype="float32") if feature is None else feature
        values = [ramp(i, n, feature.bins) for i, n in enumerate(lengths)] if values is None else values
        stored = [encode(v, feature)[0] for v in values]
        labels = np.arange(len(stored)) % len(classes) if labels is None and classes else labels
        labels = np.full(len(stored), -1) if labels is None else np.asarray(labels)
        return MemorySelection(MemoryFeatureSet(feature, stored), labels, classes)

    return make


MakeStore = Callable[..., FeatureSet]


@pytest.fixture
def make_store(tmp_path: Path) -> MakeStore:
    """Write clips as shards of four with a manifest; a clip whose values are None has failed."""

    def make(
        values: dict[str, NDArray[Any] | None],
        feature: Feature,
        labels: dict[str, list[int]] | None = None,
        folds: dict[str, int] | None = None,
        task: str = "single",
    ) -> FeatureSet:
        about = About(dataset="test", classes=("low", "high"), task=task, splits={"fold": (1, 2)})
        ids = list(values)
        shard, row = deal(ids, 4)
        clips = {"clip_id": ids, "shard": shard, "row": row}
        clips["labels"] = [(labels or {}).get(name, []) for name in ids]
        clips["fold"] = pd.array([(folds or {}).get(name) for name in ids], dtype="Int64")
        manifest = create_store(tmp_path / "store", about, pd.DataFrame(clips))
        infos = []
        table = manifest.clips()
        for number in table["shard"].unique().tolist():
            part = table[table["shard"] == number]
            with ShardWriter(tmp_path / "store" / feature.id, number, feature, about, part) as writer:
                for name in part["clip_id"]:
                    failed = values[name] is None
                    writer.append(
                        values[name], status="failed" if failed else "ok", reason="empty: none" if failed else None
                    )
                infos.append(writer.publish())
        manifest.add_feature_set(feature, infos)
        return open_store(tmp_path / "store")[feature.id]

    return make
