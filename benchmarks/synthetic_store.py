"""Noise as features: stores of any size, and the same in other forms, one dataset for each clip or one array."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd

from melgrid.params import Feature, LogMel
from melgrid.store import About, FeatureSet, Manifest, ShardInfo, ShardWriter, create_store, open_store
from melgrid.store.deal import deal

__all__ = ["BINS", "FRAMES", "write_per_clip", "write_shards", "write_store"]

FRAMES, BINS = 1292, 96  # 30 s at 22,050 Hz and hop 512; 0.5 MB of float32
SHARD = 128 << 20  # bytes
CLASSES = ("low", "high")


def write_store(folder: Path, clips: int, frames: int = FRAMES) -> FeatureSet:
    """Write a store of noise in float32, in shards of the usual size, and open it."""
    feature = LogMel(sr=22_050, n_fft=1024, hop_length=512, n_mels=BINS, dtype="float32")
    about = About(dataset="noise", classes=CLASSES, task="single")
    ids = [f"clip-{number:05d}" for number in range(clips)]
    shard, row = deal(ids, SHARD // (4 * frames * BINS))
    labels = [[number % len(CLASSES)] for number in range(clips)]
    table = pd.DataFrame({"clip_id": ids, "shard": shard, "row": row, "labels": labels})
    manifest = create_store(folder, about, table)
    infos = write_shards(manifest, feature, frames)
    manifest.gather_outcomes({feature.id: infos})
    manifest.add_feature_set(feature, infos)
    return open_store(folder)[feature.id]


def write_shards(manifest: Manifest, feature: Feature, frames: int) -> list[ShardInfo]:
    """Write noise as the features of every clip of a store, 20 microseconds a clip; not yet in its manifest."""
    noise = np.random.default_rng(0).standard_normal((frames + 512, feature.bins), np.float32)
    infos = []
    for index, part in manifest.clips().groupby("shard"):
        with ShardWriter(manifest.path / feature.id, int(str(index)), feature, manifest.about, part) as writer:
            for number in part.index:
                digest = f"{number:064x}"
                writer.append(noise[number % 512 :][:frames], num_samples=frames * 128, source_sha256=digest)
            infos.append(writer.publish())
    return infos


def write_per_clip(path: Path, features: FeatureSet) -> npt.NDArray[np.float32]:
    """Write a dataset for each clip into one file, and return all clips end to end, shape (frames, bins)."""
    with h5py.File(path, "w") as file:
        for row, clip in enumerate(features.clip_ids):
            file.create_dataset(str(row), data=features[clip])
    whole = np.empty((len(features) * FRAMES, BINS), np.float32)
    for row, clip in enumerate(features.clip_ids):
        whole[row * FRAMES : (row + 1) * FRAMES] = features[clip]
    return whole
