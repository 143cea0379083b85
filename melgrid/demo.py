"""The whole of melgrid once, in minutes: a corpus to listen to, a grid of features, a small network trained on it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melgrid.datasets.quiet import quiet_stderr
from melgrid.errors import MelgridError
from melgrid.params import Grid

if TYPE_CHECKING:
    from melgrid.store import FeatureSet

__all__ = ["run_demo"]

CLIPS = 400
EPOCHS = 12
CROP_SECONDS = 1.5
TRAIN, VALID, TEST = range(1, 9), 9, 10
GRID = """\
# Two window lengths, two hops and two numbers of bands: eight log-mel features from four spectra of one decode.
[[features]]
kind = "logmel"
sr = 22050
n_fft = [512, 1024]
hop_length = [256, 512]
n_mels = [64, 96]

[[features]]
kind = "stft"
sr = 22050
n_fft = 512
hop_length = 256
output = "log"

[[features]]
kind = "cqt"
sr = 22050
n_bins = 84
hop_length = 512
output = "log"
"""


def run_demo(folder: Path, *, jobs: int | None = None) -> float:
    """Make a corpus, preprocess a grid, train a network on the folds and test it on a held-out one.

    Parameters
    ----------
    folder : Path
        Made when it does not exist; what is there already is used again.
    jobs : int or None
        Worker processes.

    Returns
    -------
    float
        Share of the clips of the held-out fold that the network names rightly.

    Raises
    ------
    MelgridError
        TensorFlow is not installed.
    """
    from melgrid import datasets, open_store
    from melgrid.datasets import miniature
    from melgrid.preprocess import prepare, run
    from melgrid.preprocess.text import duration, forecast_text, summary_text

    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    corpus, store_path, grid_path = folder / "corpus", folder / "store", folder / "grid.toml"

    _say(f"1. A corpus in the form of UrbanSound8K: {CLIPS} synthetic clips of ten classes in ten folds")
    if not corpus.exists():
        partial = folder / "corpus.partial"
        miniature.urbansound8k(partial, clips=CLIPS, faults=False)
        partial.rename(corpus)
    dataset = datasets.load("urbansound8k", corpus)
    _say(f"   {corpus}: listen to them, e.g. {corpus / dataset.clips['path'].iloc[0]}")

    _say(f"\n2. A grid of features, every clip decoded once ({grid_path})")
    grid_path.write_text(GRID, "utf-8")
    grid = Grid.from_toml(grid_path)
    coming, plan = prepare(dataset, grid, store_path)
    print(forecast_text(coming, plan))
    print(summary_text(run(dataset, grid, store_path, jobs=jobs)))

    _say("\n3. A small Keras network on one of them")
    store = open_store(store_path)
    accuracy = _train(store.find(kind="logmel", n_fft=1024, hop_length=256, n_mels=64))

    _say(f"\nDone in {duration(time.perf_counter() - start)}.")
    _say(f"   fold {TEST}, never seen in training: {accuracy:.0%} of the clips named rightly (chance: 10 %)")
    _say(f"   corpus {corpus}, grid {grid_path}, store {store_path}")
    _say(f"   look closer: melgrid inspect {store_path}")
    return accuracy


def _train(features: FeatureSet) -> float:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quiet_stderr():  # TensorFlow tells of every GPU that is not there
            import keras
    except ImportError:
        raise MelgridError("the demo trains with Keras: pip install 'melgrid[tensorflow]'") from None
    import numpy as np

    from melgrid.loaders import KerasLoader, normalization, predict_clips

    train, valid, test = features.split(train=dict(fold=TRAIN), valid=dict(fold=VALID), test=dict(fold=TEST))
    print(f"   {features.id}: {len(train)} clips to train (folds 1 to 8), {len(valid)} to watch, {len(test)} to test")
    keras.utils.set_random_seed(0)
    options: dict[str, Any] = {"batch_size": 32, "crop_seconds": CROP_SECONDS}
    batches = KerasLoader(train, **options, crops_per_clip=2, seed=0)
    watched = KerasLoader(valid, **options, shuffle=False)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input(batches[0][0].shape[1:]),
            normalization(train.statistics(axis="bin")),  # of the training folds only
            *(
                layer
                for width in (16, 32, 64)
                for layer in (
                    layers.Conv2D(width, 3, padding="same", use_bias=False),
                    layers.BatchNormalization(momentum=0.9),
                    layers.ReLU(),
                    layers.MaxPooling2D((4, 2)),
                )
            ),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.3),
            layers.Dense(len(train.classes), activation="softmax"),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * len(batches))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        batches,
        validation_data=watched,
        epochs=EPOCHS,
        shuffle=False,
        callbacks=batches.callbacks,
        verbose=1 if sys.stderr.isatty() else 2,
    )
    predicted = predict_clips(model, KerasLoader(test, **options, shuffle=False)).argmax(axis=1)
    return float(np.mean(predicted == test.labels))


def _say(line: str) -> None:
    print(line, flush=True)
