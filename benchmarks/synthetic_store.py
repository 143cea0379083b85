"""The same features in three forms: a store, one dataset for each clip, and one array in memory."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd

from melgrid.params import LogMel
from melgrid.store import About, FeatureSet, ShardWriter, create_store, open_store
from melgrid.store.deal import deal

__all__ = ["BINS", "FRAMES", "write_per_clip", "write_store"]

FRAMES, BINS = 1292, 96  # 30 s at 22,050 Hz and hop 512; 0.5 MB of float32
SHARD = 128 << 20  # bytes
CLASSES = ("low", "high")


def write_store(folder: Path, clips: int) -> FeatureSet:
    """Write a store of noise in float32, in shards of the usual size, and open it."""
    feature = LogMel(sr=22_050, n_fft=1024, hop_length=512, n_mels=BINS, dtype="float32")
    about = About(dataset="noise", classes=CLASSES, task="single")
    ids = [f"clip-{number:05d}" for number in range(clips)]
    shard, row = deal(ids, SHARD // (4 * FRAMES * BINS))
    labels = [[number % len(CLASSES)] for number in range(clips)]
    table = pd.DataFrame({"clip_id": ids, "shard": shard, "row": row, "labels": labels})
    manifest = create_store(folder, about, table)
    table = manifest.clips()
    noise = np.random.default_rng(0).standard_normal((FRAMES + 512, BINS), np.float32)
    infos = []
    for index in sorted(set(table["shard"])):
        part = table[table["shard"] == index]
        with ShardWriter(folder / feature.id, int(index), feature, about, part) as writer:
            for number in part.index:
                writer.append(noise[number % 512 :][:FRAMES], num_samples=512 * FRAMES - 1)
            infos.append(writer.publish())
    manifest.add_feature_set(feature, infos)
    manifest.write_clips(table.assign(status="ok"))
    return open_store(folder)[feature.id]


def write_per_clip(path: Path, features: FeatureSet) -> npt.NDArray[np.float32]:
    """Write a dataset for each clip into one file, and return all clips end to end, shape (frames, bins)."""
    with h5py.File(path, "w") as file:
        for row, clip in enumerate(features.clip_ids):
            file.create_dataset(str(row), data=features[clip])
    whole = np.empty((len(features) * FRAMES, BINS), np.float32)
    for row, clip in enumerate(features.clip_ids):
        whole[row * FRAMES : (row + 1) * FRAMES] = features[clip]
    return whole
