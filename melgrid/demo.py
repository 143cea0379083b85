"""The whole of melgrid once, in minutes: a corpus, a grid of features, a network for each setting, and which won."""

from __future__ import annotations

import importlib.util
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melgrid.datasets.quiet import quiet_stderr
from melgrid.errors import MelgridError, ParameterError
from melgrid.params import Grid

if TYPE_CHECKING:
    from melgrid.store import FeatureSet, Selection

__all__ = ["run_demo"]

CLIPS = 400
EPOCHS = 8
CROP_SECONDS = 1.5
TRAIN, VALID, TEST = range(1, 8), (8, 9), 10
NO_KERAS = "the demo trains with Keras: pip install 'melgrid[tensorflow]'"
GRID = """\
# Two window lengths and two hops, and a constant-Q transform: five features of one decode.
[[features]]
kind = "logmel"
sr = 22050
n_fft = [512, 2048]
hop_length = [256, 512]
n_mels = 64

[[features]]
kind = "cqt"
sr = 22050
n_bins = 84
hop_length = 512
output = "log"
"""


def run_demo(folder: Path, *, jobs: int | None = None) -> float:
    """Make a corpus, preprocess a grid, train the same network on every setting, and report which one is best.

    Parameters
    ----------
    folder : Path
        Made when it does not exist; what is there already is used again.
    jobs : int or None
        Worker processes.

    Returns
    -------
    float
        Share of the clips of a fold that was never looked at, which the network on the best setting names rightly.

    Raises
    ------
    MelgridError
        TensorFlow is not installed.
    ParameterError
        The folder has files of the same names that are not the demo's; nothing is written.
    """
    from melgrid import datasets, open_store
    from melgrid.datasets import miniature
    from melgrid.preprocess import prepare, run
    from melgrid.preprocess.text import duration, forecast_text, summary_text
    from melgrid.store.compare import compare
    from melgrid.store.compare.text import comparison_text
    from melgrid.store.report import write_report

    start = time.perf_counter()
    if importlib.util.find_spec("keras") is None:
        raise MelgridError(NO_KERAS)
    corpus, store_path, grid_path = folder / "corpus", folder / "store", folder / "grid.toml"
    results_path, report_path = folder / "results.csv", folder / "report.html"
    foreign = [path.name for path in (corpus, store_path, grid_path, results_path, report_path) if path.exists()]
    if foreign and not (grid_path.is_file() and grid_path.read_bytes() == GRID.encode()):
        raise ParameterError(f"{folder}: has {', '.join(foreign)}, not from this demo; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    grid_path.write_bytes(GRID.encode())  # first: it tells a later run whose folder this is

    _say(f"1. A corpus in the form of UrbanSound8K: {CLIPS} synthetic clips of ten classes in ten folds")
    if not corpus.exists():
        partial = folder / "corpus.partial"
        miniature.urbansound8k(partial, clips=CLIPS, faults=False)
        partial.rename(corpus)
    dataset = datasets.load("urbansound8k", corpus)
    _say(f"   {corpus}: listen to them, e.g. {corpus / dataset.clips['path'].iloc[0]}")

    _say(f"\n2. A grid of features, every clip decoded once ({grid_path})")
    grid = Grid.from_toml(grid_path)
    coming, plan = prepare(dataset, grid, store_path)
    _say(forecast_text(coming, plan))
    _say(summary_text(run(dataset, grid, store_path, jobs=jobs)))

    store = open_store(store_path)
    _say(f"\n3. The same small Keras network on {CROP_SECONDS} s of sound, for each of the {len(store)} settings")
    trained = [_train(features) for features in store]
    lines = [f"{t.feature},{t.valid:.4f},{t.seconds:.2f}" for t in trained]
    results_path.write_text("\n".join(["feature,accuracy,train_seconds", *lines]) + "\n", "utf-8")

    _say(f"\n4. Which setting? melgrid compare {store_path} --metric {results_path}")
    found = compare(store, results_path)
    _say(comparison_text(found))
    write_report(store, report_path, metric=results_path)
    test = next(t.test for t in trained if t.feature == found.best.id)

    _say(f"\nDone in {duration(time.perf_counter() - start)}.")
    _say(f"   fold {TEST}, never looked at before: the best names {test:.0%} of the clips rightly (chance: 10 %)")
    _say(f"   corpus {corpus}, grid {grid_path}, store {store_path}")
    _say(f"   look at it all: {report_path}")
    return test


@dataclass(frozen=True)
class Trained:
    """What training on one feature set gave."""

    feature: str
    valid: float
    test: float
    seconds: float


def _train(features: FeatureSet) -> Trained:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quiet_stderr():  # TensorFlow tells of every GPU that is not there
            import keras
    except ImportError:  # it is there, but the framework that computes for it is not
        raise MelgridError(NO_KERAS) from None

    from melgrid.loaders import KerasLoader, normalization, predict_clips

    train, valid, test = features.split(train=dict(fold=TRAIN), valid=dict(fold=VALID), test=dict(fold=TEST))
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    options: dict[str, Any] = {"batch_size": 32, "crop_seconds": CROP_SECONDS}
    batches = KerasLoader(train, **options, crops_per_clip=2, seed=0)
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
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    start = time.perf_counter()
    model.fit(batches, epochs=EPOCHS, shuffle=False, callbacks=batches.callbacks, verbose=0)
    seconds = time.perf_counter() - start

    def accuracy(side: Selection) -> float:
        predicted = predict_clips(model, KerasLoader(side, **options, shuffle=False)).argmax(axis=1)
        return float((predicted == side.labels).mean())

    trained = Trained(features.id, accuracy(valid), accuracy(test), seconds)
    _say(f"   {features.id}: {trained.valid:.0%} of {len(valid)} clips to choose by, after {seconds:.1f} s")
    return trained


def _say(line: str) -> None:
    print(line, flush=True)
