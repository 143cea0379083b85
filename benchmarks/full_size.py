"""A whole corpus as a user meets it: forecast, run, kill in the middle, resume, verification, a training epoch.

``python -m benchmarks.full_size {fma,gtzan,magnatagatune,urbansound8k} ROOT STORE``;
ROOT by ``python -m benchmarks.corpora``. Prints one JSON object; the store stays.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import describe

FEATURES = (
    "logmel sr=22050 n_fft=512,1024 hop_length=256,512 n_mels=96,128",
    "cqt sr=22050 n_bins=84 hop_length=512",
    "stft sr=22050 n_fft=1024 hop_length=512",
)
WANTED = {"kind": "logmel", "n_fft": 1024, "hop_length": 256, "n_mels": 128}
CROP_SECONDS = 2.0
BATCH = 32
MELGRID = (sys.executable, "-m", "melgrid")

Found = dict[str, Any]


def killed(command: list[str], seconds: float) -> float:
    """Start a run and kill it with all its workers after some seconds; return how long it was at work."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    else:
        raise SystemExit(f"the run was over before {seconds:.0f} s, or failed: {process.returncode}")
    return time.perf_counter() - begin


def timed(command: list[str]) -> tuple[float, Any]:
    """Run a command to its end; return its wall time and the JSON that it printed."""
    begin = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}, check=True)
    return time.perf_counter() - begin, json.loads(done.stdout)


def stored_bytes(store: Path) -> int:
    """Space that the shards take; all.h5 only links to them."""
    return sum(path.stat().st_size for path in store.rglob("shard-*.h5"))


def measure(corpus: str, root: Path, store: Path, jobs: int) -> Found:
    """Go through the life of a store."""
    options = [option for feature in FEATURES for option in ("--feature", feature)]
    arguments = ["--root", str(root), "--store", str(store), *options, "--jobs", str(jobs), "--json"]
    preprocess = [*MELGRID, "preprocess", corpus, *arguments]
    _, forecast = timed([*preprocess, "--dry-run"])
    foreseen = sum((feature["low"] + feature["high"]) / 2 for feature in forecast["features"])
    before_kill = killed([*preprocess, "--quiet"], forecast["run_seconds"] / 2)
    kept = stored_bytes(store)
    rest, summary = timed([*preprocess, "--quiet"])
    # Before the other children run: none but the run and its workers is as large.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    verify, faults = timed([*MELGRID, "verify", str(store), "--deep", "--json"])
    _, epoch = timed([sys.executable, "-m", "benchmarks.full_size", "--epoch", str(store)])
    return {
        "clips": forecast["clips"],
        "audio_hours": forecast["audio_seconds"] / 3600,
        "failed": summary["failed"],
        "reasons": summary["reasons"],
        "seconds": {"forecast": forecast["run_seconds"], "until_kill": before_kill, "resumed": rest, "verify": verify},
        "clips_per_second": forecast["clips"] / (before_kill + rest),
        "times_real_time": forecast["audio_seconds"] / (before_kill + rest),
        "bytes": {"forecast": foreseen, "at_kill": kept, "stored": stored_bytes(store)},
        "peak_process_mib": peak,
        "faults": faults,
        "epoch": epoch,
    }


def epoch(store: str) -> Found:
    """Statistics, an epoch of crops and an epoch of training on one side of a split of recordings."""
    import melgrid
    from melgrid.loaders import NumpyLoader

    features = melgrid.open_store(store).find(**WANTED)
    train, _ = features.split(train=0.9, test=0.1, seed=0)
    begin = time.perf_counter()
    statistics = train.statistics(axis="bin")
    found: Found = {"statistics_seconds": time.perf_counter() - begin}
    begin = time.perf_counter()
    crops = sum(len(batch["x"]) for batch in NumpyLoader(train, batch_size=BATCH, crop_seconds=CROP_SECONDS, seed=0))
    found |= {"crops": crops, "crops_per_second": crops / (time.perf_counter() - begin)}

    import keras

    from melgrid.loaders import KerasLoader, normalization

    loader = KerasLoader(train, batch_size=BATCH, crop_seconds=CROP_SECONDS, seed=0)
    keras.utils.set_random_seed(0)
    tags = train.labels.ndim == 2
    model = keras.Sequential(
        [
            keras.Input((None, WANTED["n_mels"])),
            normalization(statistics),
            keras.layers.Conv1D(64, 8, strides=2, activation="relu"),
            keras.layers.Conv1D(64, 8, strides=2, activation="relu"),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(len(train.classes), activation="sigmoid" if tags else "softmax"),
        ]
    )
    model.compile("adam", "binary_crossentropy" if tags else "sparse_categorical_crossentropy")
    begin = time.perf_counter()
    losses = model.fit(loader, epochs=2, shuffle=False, verbose=0).history["loss"]
    return found | {"fit_seconds_of_two_epochs": time.perf_counter() - begin, "losses": losses}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.full_size", description=__doc__)
    parser.add_argument("corpus")
    parser.add_argument("root", type=Path)
    parser.add_argument("store", type=Path, nargs="?")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="results are added here")
    if sys.argv[1:2] == ["--epoch"]:
        print(json.dumps(epoch(sys.argv[2])))
        return
    asked = parser.parse_args()
    if asked.store is None or asked.store.exists():
        parser.error("STORE must be named and not be there yet")
    found = measure(asked.corpus, asked.root, asked.store, asked.jobs)
    print(json.dumps(found, indent=1))
    if asked.json:
        with tempfile.NamedTemporaryFile("w", dir=asked.json.parent, delete=False) as file:
            known = json.loads(asked.json.read_text("utf-8")) if asked.json.exists() else {"corpora": {}}
            corpora = {**known["corpora"], asked.corpus: found}
            json.dump({"machine": describe(), "corpora": corpora}, file, indent=1)
        Path(file.name).replace(asked.json)


if __name__ == "__main__":
    main()
