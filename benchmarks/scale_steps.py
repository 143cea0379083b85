"""Everything that is done once a run or once an epoch, for one number of clips, in a process of its own.

python -m benchmarks.scale_steps plan|serve CLIPS FOLDER

Prints a line of JSON: of each step its seconds, its processor seconds, and the most MiB that the process held during
it. The steps of `serve` need the store that `plan` leaves in the folder.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from melgrid.params import LogMel

__all__ = ["LOADING", "PLANNING"]

PLANNING: tuple[str, ...] = (
    "index", "dry run", "make the store", "list the tasks", "resume after a kill", "publish", "resume, all done",
    "verify", "inspect",
)  # fmt: skip
LOADING: tuple[str, ...] = (
    "open", "select", "split by groups", "random split", "statistics", "make a loader", "first batch",
    "shuffle an epoch", "an epoch",
)  # fmt: skip
FRAMES = 4
TINY = LogMel(sr=8000, n_fft=256, hop_length=128, n_mels=4, fmin=100.0)
"""A feature that costs next to nothing: what clips cost then is the clip."""
BATCH = 1000
LIBC = ctypes.CDLL(None)
T = TypeVar("T")


def write_table(folder: Path, clips: int) -> Path:
    """Write the table of a corpus that has no files: ten clips to a recording, 50 classes, an official split."""
    table = folder / "clips.csv"
    with table.open("w") as file:
        file.write("path,label,split,group,seconds\n")
        for number in range(clips):
            recording = number // 10
            side = "train" if recording % 10 < 8 else "valid" if recording % 10 == 8 else "test"
            file.write(
                f"{recording // 1000:03d}/recording-{recording:06d}-{number % 10}.wav,class {number % 50:02d},"
                f"{side},recording {recording},{1 + number % 7 / 100:.2f}\n"
            )
    return table


class Steps:
    """What steps cost, as they happen."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[float, float, float]] = {}

    def __call__(self, name: str, work: Callable[[], T]) -> T:
        LIBC.malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.found[name] = time.perf_counter() - wall, time.process_time() - cpu, _peak()
        return result


def _peak() -> float:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) / 1024


def plan(step: Steps, clips: int, folder: Path) -> None:
    """All that `melgrid preprocess` does beside the work on audio."""
    from benchmarks.synthetic_store import write_shards
    from melgrid.datasets import load
    from melgrid.preprocess import prepare, run
    from melgrid.preprocess.clips import clip_rows, dealt, known_bad
    from melgrid.preprocess.resume import outstanding
    from melgrid.preprocess.task import ShardTask
    from melgrid.preprocess.versions import about_of
    from melgrid.store import Manifest, create_store, verify
    from melgrid.store.views.inspect import store_summary

    store = folder / "store"
    table = write_table(folder, clips)
    dataset = step("index", lambda: load("folder", folder, table=str(table)))
    assert len(dataset) == clips
    step("dry run", lambda: prepare(dataset, TINY, store))
    about = about_of(dataset)

    def make() -> Manifest:
        return create_store(store, about, dealt(clip_rows(dataset), (TINY,), dataset.nominal_seconds, 128 << 20))

    def tasks(manifest: Manifest) -> int:
        clips = manifest.clips()
        rows = clips.assign(known_bad=known_bad(dataset, clips))
        import pandas as pd

        template = ShardTask(str(folder), str(store), -1, (), about, pd.DataFrame())
        return len(outstanding(template, (TINY,), manifest, rows)[0])

    manifest = step("make the store", make)
    assert step("list the tasks", lambda: tasks(manifest))
    infos = step("(noise for every clip)", lambda: write_shards(manifest, TINY, FRAMES))
    assert step("resume after a kill", lambda: tasks(manifest)) == 0

    def publish() -> None:
        manifest.gather_outcomes({TINY.id: infos})
        manifest.add_feature_set(TINY, infos)

    step("publish", publish)
    step("resume, all done", lambda: run(dataset, TINY, store, progress=False))
    assert step("verify", lambda: verify(store)) == []
    step("inspect", lambda: store_summary(store))


def serve(step: Steps, clips: int, folder: Path) -> None:
    """All that training does beside reading features."""
    from melgrid.loaders import NumpyLoader
    from melgrid.store import FeatureSet, open_store

    def opened() -> FeatureSet:
        features = open_store(folder / "store")[0]
        assert len(features) == clips
        return features

    features = step("open", opened)
    everything = step("select", features.select)
    step("split by groups", features.split)
    step("statistics", lambda: everything.statistics())
    loader = step(
        "make a loader", lambda: NumpyLoader(everything, batch_size=BATCH, crop_frames=FRAMES // 2, prefetch=0)
    )
    step("first batch", lambda: loader.batches.batch(0, 0))
    step("shuffle an epoch", lambda: loader.batches.clips_of(1, 0))

    def epoch() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        seen = np.zeros(clips, np.int64)
        for number in range(len(loader)):
            loader.batches.batch(2, number)
            seen[loader.batches.clips_of(2, number)] += 1
        return seen

    assert (step("an epoch", epoch) == 1).all()
    step("random split", lambda: features.split(train=0.8, test=0.2, seed=0))


def main() -> None:
    job, clips, folder = sys.argv[1:]
    step = Steps()
    {"plan": plan, "serve": serve}[job](step, int(clips), Path(folder))
    print(json.dumps(step.found))


if __name__ == "__main__":
    main()
