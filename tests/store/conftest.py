"""Small stores of noise, made in milliseconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from melgrid.params import Cqt, Feature, LogMel, Mel, Stft, Waveform
from melgrid.store import About, Manifest, ShardInfo, ShardWriter, Store, create_store, open_store
from melgrid.store.deal import deal

FEATURES: dict[str, Feature] = {
    "float16": LogMel(sr=8000, n_fft=256, n_mels=8),
    "float32": Mel(sr=8000, n_fft=256, n_mels=8),
    "uint8": LogMel(sr=8000, n_fft=256, n_mels=8, dtype="uint8", range_db=(-80.0, 0.0)),
    "channels": LogMel(sr=8000, n_fft=256, n_mels=8, mono=False, channels=2),
    "one-channel": Mel(sr=8000, n_fft=256, n_mels=8, mono=False, channels=1),
    "complex": Stft(sr=8000, n_fft=16, output="complex"),
    "complex-channels": Stft(sr=8000, n_fft=16, output="complex", mono=False, channels=3),
    "complex-float16": Cqt(sr=8000, n_bins=12, output="complex", dtype="float16"),
    "phase": Stft(sr=8000, n_fft=16, output="phase"),
    "waveform": Waveform(sr=8000),
}


def noise(feature: Feature, frames: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng([seed, frames])
    shape = (frames, feature.bins, *(() if feature.channels is None else (feature.channels,)))
    if feature.is_complex:
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)
    return (rng.standard_normal(shape) * 8 - 40).astype(np.float32)


@dataclass
class Toy:
    """A store and what was put into it."""

    path: Path
    about: About
    frames: dict[str, int]
    failing: tuple[str, ...]
    contents: dict[str, int] | None = None
    values: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return open_store(self.path)

    def write(self, feature: Feature, generation: int = 0, failing: Sequence[str] | None = None) -> list[ShardInfo]:
        failing = self.failing if failing is None else failing
        infos = []
        for index, rows in Manifest.load(self.path).clips().groupby("shard"):
            with ShardWriter(self.path / feature.id, int(index), feature, self.about, rows, generation) as writer:
                for clip_id in rows["clip_id"]:
                    number = int(clip_id.split("-")[1])
                    content = (self.contents or {}).get(clip_id, number)
                    facts = {"source_sha256": f"{content:064x}", "native_sr": 44100, "native_channels": 2}
                    if clip_id in failing:
                        writer.append(None, status="failed", reason="undecodable: no sync", **facts)
                        continue
                    values = noise(feature, self.frames[clip_id], seed=number)
                    writer.append(values, num_samples=100, native_frames=200, **facts)
                    self.values[feature.id, clip_id] = values
                infos.append(writer.publish())
        return infos

    def add(self, feature: Feature, **options: Any) -> None:
        manifest = Manifest.load(self.path)
        manifest.add_feature_set(feature, self.write(feature, **options))
        manifest.gather_outcomes()


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of the time of these tests would be waiting for a disk whose failure they do not test."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


@pytest.fixture
def features() -> dict[str, Feature]:
    return FEATURES


@pytest.fixture
def make_toy(tmp_path: Path) -> Callable[..., Toy]:
    def make(
        name: str = "toy",
        features: Iterable[Feature] = (FEATURES["float16"],),
        clips: int = 20,
        per_shard: int = 8,
        failing: Sequence[str] = ("clip-3",),
        frames: Callable[[int], int] = lambda i: 1 + i % 5,
        task: str = "single",
        columns: dict[str, Sequence[Any]] | None = None,
        contents: dict[str, int] | None = None,
        **about: Any,
    ) -> Toy:
        ids = [f"clip-{i}" for i in range(clips)]
        labels = {"single": [[i % 3] for i in range(clips)], "multi": [[0, 2] if i % 2 else [] for i in range(clips)]}
        shard, row = deal(ids, per_shard)
        table = pd.DataFrame(
            {
                "clip_id": ids,
                "path": [f"audio/ü {i}.wav" for i in range(clips)],
                "labels": pd.Series(labels.get(task, [[] for _ in ids]), dtype=object),
                "fold": [1 + i % 4 for i in range(clips)],
                "split": ["train" if i % 4 < 2 else "valid" if i % 4 == 2 else "test" for i in range(clips)],
                "group": [f"g{i % 4}-{i // 8}" if i % 5 else None for i in range(clips)],
                "shard": shard,
                "row": row,
                **(columns or {}),
            }
        )
        facts = {"dataset": "toy", "classes": ("cat", "dog", "owl"), "task": task, "versions": {"fft": "1"}, **about}
        facts.setdefault("splits", {"fold": (1, 2, 3, 4)})
        toy = Toy(tmp_path / name, About(**facts), {c: frames(i) for i, c in enumerate(ids)}, tuple(failing), contents)
        create_store(toy.path, toy.about, table)
        for feature in features:
            toy.add(feature)
        return toy

    return make
