"""The share of a training step for which a model waits for its data, on whatever device Keras finds.

Two published networks, Choi's CRNN and his compact CNN, train on crops of 1366 frames x 96 bands from a store of noise:
through `tf_dataset` and `KerasLoader`, and on one batch that lies in memory, in turns. What a step takes longer than
with that batch is what it waits for.

python -m benchmarks waiting                      beside the others, small, on the processor
python -m benchmarks.waiting [--batch N] [--steps N] [--rounds N]     alone: on a GPU, where there is one
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import Report, Settings, Table, Target

__all__ = ["measure"]

FRAMES, BINS = 1366, 96
HIDDEN = ("CUDA_VISIBLE_DEVICES", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
MOST = 0.02  # share of a step


def measure(settings: Settings) -> Report:
    """Run in a process of its own that sees every device, with all its threads."""
    environment = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    command = [sys.executable, "-m", "benchmarks.waiting", "--batch", "4", "--steps", "4", "--json"]
    command += ["--rounds", str(settings.repeats)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return _report(json.loads(done.stdout.splitlines()[-1]))


def _report(found: dict[str, Any]) -> Report:
    rows = [(name, way, *figures) for name, ways in found["models"].items() for way, figures in ways.items()]
    title = f"steps of batches of {found['batch']} x {FRAMES} x {BINS} on {found['device']}, Keras {found['keras']}"
    report = Report([Table(title, ("model", "data from", "ms a step", "share waited"), rows)])
    report.targets = [  # of a GPU: a processor that computes cannot read ahead meanwhile
        Target(f"{name}, {way}: share of a step that waits for data", MOST, max(figures[1], 1e-4), at_most=True)
        for name, ways in found["models"].items()
        for way, figures in ways.items()
        if way != "one batch in memory" and "GPU" in found["device"]
    ]
    report.notes.append(
        f"{found['steps']} steps a round, {found['rounds']} rounds in turns; shares are medians of 1 - memory / loader "
        "within a round, and as uncertain as a step's time; the design's 2 % are meant for a GPU"
    )
    return report


def _measure(batch: int, steps: int, rounds: int) -> dict[str, Any]:
    import keras
    import numpy as np
    import tensorflow as tf

    from benchmarks.synthetic_store import write_store
    from melgrid.loaders import KerasLoader, tf_dataset

    found: dict[str, Any] = {"batch": batch, "steps": steps, "rounds": rounds, "keras": keras.version()}
    found["device"] = ", ".join(device.device_type for device in tf.config.list_logical_devices())
    found["models"] = {}
    with tempfile.TemporaryDirectory() as folder:
        selection = write_store(Path(folder) / "store", max(64, batch), FRAMES + 634).select()
        options: dict[str, Any] = {
            "batch_size": batch, "crop_frames": FRAMES, "axes": "FTC", "labels": "one-hot", "drop_last": True,
            "crops_per_clip": -(-batch * steps // len(selection)),
        }  # fmt: skip
        loader = KerasLoader(selection, **options)
        x, y = (np.array(part) for part in loader[0])
        memory = tf.data.Dataset.from_tensors((x, y)).cache().repeat()
        ways = {
            "one batch in memory": memory,
            "melgrid tf_dataset": tf_dataset(selection, epochs=None, **options),
            "melgrid KerasLoader": loader,
        }
        for name, make in (("CRNN", _crnn), ("compact CNN", _compact_cnn)):
            model = make(keras)
            model.compile("adam", "categorical_crossentropy")
            times: dict[str, list[float]] = {way: [] for way in ways}
            for number in range(-1, rounds):  # the first round compiles
                for way, data in ways.items():
                    start = time.perf_counter()
                    model.fit(data, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
                    if number >= 0:
                        times[way].append(time.perf_counter() - start)
            least = times["one batch in memory"]
            found["models"][name] = {
                way: (
                    1e3 * median(taken) / steps,
                    median(1 - floor / own for floor, own in zip(least, taken, strict=True)),
                )
                for way, taken in times.items()
            }
    return found


def _crnn(keras: Any) -> Any:
    """K. Choi et al., "Convolutional recurrent neural networks for music classification", ICASSP 2017."""
    layers = keras.layers
    x = inputs = keras.Input((BINS, FRAMES, 1))
    x = layers.BatchNormalization(axis=1)(layers.ZeroPadding2D((0, 37))(x))
    for filters, pool in ((64, (2, 2)), (128, (3, 3)), (128, (4, 4)), (128, (4, 4))):
        x = layers.ELU()(layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(x)))
        x = layers.Dropout(0.1)(layers.MaxPooling2D(pool)(x))
    x = layers.GRU(32)(layers.GRU(32, return_sequences=True)(layers.Reshape((15, 128))(x)))
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Dropout(0.3)(x)))


def _compact_cnn(keras: Any) -> Any:
    """K. Choi et al., "Transfer learning for music classification and regression tasks", ISMIR 2017."""
    layers = keras.layers
    x = inputs = keras.Input((BINS, FRAMES, 1))
    for pool in ((2, 4), (3, 4), (2, 5), (2, 4), (4, 4)):
        x = layers.ELU()(layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same")(x)))
        x = layers.MaxPooling2D(pool)(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=32, metavar="N")
    parser.add_argument("--steps", type=int, default=40, metavar="N", help="in a round")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    found = _measure(asked.batch, asked.steps, asked.rounds)
    print(json.dumps(found) if asked.json else _report(found).text())


if __name__ == "__main__":
    main()
