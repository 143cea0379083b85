"""Memory must stay flat over 100,000 batches: NumPy, and Keras on its present backend.

``python -m soak.memory [BATCHES]``: prints a curve of what the process owns, without what the system caches for it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from melgrid.loaders import NumpyLoader
from melgrid.params import LogMel
from melgrid.store import About, Selection, ShardWriter, create_store, open_store
from melgrid.store.deal import deal

CLIPS, FRAMES, POINTS = 400, 200, 10
ALLOWED = 8.0  # MiB between the first tenth and the end
FEATURE = LogMel(n_mels=32, n_fft=1024)


def make_store(path: Path) -> Selection:
    """Clips of several lengths in many shards."""
    chance = np.random.default_rng(0)
    ids = [f"clip-{i}" for i in range(CLIPS)]
    shard, row = deal(ids, 8)
    labels = [[i % 2] for i in range(CLIPS)]
    about = About(dataset="memory", classes=("a", "b"), task="single")
    manifest = create_store(path, about, pd.DataFrame({"clip_id": ids, "shard": shard, "row": row, "labels": labels}))
    infos = []
    for number, part in manifest.clips().groupby("shard"):
        with ShardWriter(path / FEATURE.id, int(str(number)), FEATURE, about, part) as writer:
            for _ in part["clip_id"]:
                frames = int(chance.integers(20, FRAMES))
                writer.append(chance.normal(-40, 9, (frames, FEATURE.bins)).astype(np.float32), num_samples=frames)
            infos.append(writer.publish())
    manifest.add_feature_set(FEATURE, infos)
    return open_store(path)[0].select()


def own_memory() -> float:
    """MiB that this process has to itself."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def curve(name: str, batches: Iterator[Any], count: int) -> None:
    """Consume batches and watch."""
    seen = []
    for number, _ in enumerate(batches, start=1):
        if number % (count // POINTS) == 0:
            seen.append(own_memory())
        if number == count:
            break
    assert len(seen) == POINTS, f"{name}: only {number} batches"
    print(f"{name}, {count} batches, MiB:", *(f"{memory:.1f}" for memory in seen), flush=True)
    assert seen[-1] - seen[0] < ALLOWED, f"{name}: grew"


def fitted(selection: Selection, count: int) -> None:
    """The same in a fit."""
    import keras

    from melgrid.loaders import KerasLoader

    seen = []

    class Watch(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.steps = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.steps += 1
            if self.steps % (count // POINTS) == 0:
                seen.append(own_memory())
            self.model.stop_training = self.steps >= count

    model = keras.Sequential([keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    loader = KerasLoader(selection, batch_size=4, crop_frames=64)
    callbacks = [Watch(), *loader.callbacks]
    model.fit(loader, epochs=-(-count // len(loader)), verbose=0, shuffle=False, callbacks=callbacks)
    print(
        f"Keras on {keras.backend.backend()}, {count} batches, MiB:", *(f"{memory:.1f}" for memory in seen), flush=True
    )
    assert seen[-1] - seen[1] < ALLOWED, "Keras: grew"


def main(batches: str = "100000") -> None:
    """Watch both."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    count = int(batches)
    with tempfile.TemporaryDirectory() as name:
        selection = make_store(Path(name) / "store")
        curve("crops", iter(NumpyLoader(selection, batch_size=16, crop_frames=64, epochs=None)), count)
        curve("whole clips", iter(NumpyLoader(selection, batch_size=4, epochs=None)), count)
        fitted(selection, count)


if __name__ == "__main__":
    main(*sys.argv[1:])
