"""How true the time of a dry run is: the estimate beside the run, on 400 clips of each corpus."""

from __future__ import annotations

import math
import shutil
import tempfile
import time

import numpy as np

from benchmarks.clips import all_clips
from benchmarks.grid import GRID
from benchmarks.machine import all_cores
from benchmarks.report import Report, Settings, Table, Target
from benchmarks.shards import features_of
from melgrid.preprocess import prepare, run

__all__ = ["measure"]

CLIPS = 400
JOBS = 2
SLACK = 1.3


def measure(settings: Settings) -> Report:
    features = features_of(GRID, "float16")
    store = settings.scratch / "estimate"
    tempfile.tempdir = str(settings.scratch)  # the rehearsal writes to where the run writes
    rows: list[tuple[str, float, float, float]] = []
    report = Report([])
    for _, clips in all_clips(settings, report):
        many = clips.repeated(math.ceil(CLIPS / len(clips))).first(CLIPS)
        estimates: list[float] = []
        times: list[float] = []
        with all_cores():
            for _ in range(settings.repeats):
                coming, _ = prepare(many.dataset, features, store, jobs=JOBS, timed=True)
                estimates.append(coming.run_seconds or 0.0)
                begin = time.perf_counter()
                run(many.dataset, features, store, jobs=JOBS, progress=False)
                times.append(time.perf_counter() - begin)
                shutil.rmtree(store)
        ratio = float(np.median(np.divide(estimates, times)))
        rows.append((clips.title, float(np.median(estimates)), float(np.median(times)), ratio))
        off = max(ratio, 1 / ratio)
        report.targets.append(Target(f"{clips.title}: estimate and run, larger over smaller", SLACK, off, at_most=True))
    report.tables.append(
        Table(f"time of a run, 2x2x2 grid float16, {JOBS} processes", ("s", "estimate", "run", "ratio"), rows)
    )
    report.notes.append(f"{CLIPS} clips a corpus, {settings.repeats} times; medians; files in the page cache")
    return report
