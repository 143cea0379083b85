"""Two worker processes against one, through `melgrid.preprocess.run`, with the start of the workers apart."""

from __future__ import annotations

import math
import shutil

from benchmarks.clips import Clips, clips_of
from benchmarks.grid import GRID
from benchmarks.machine import all_cores
from benchmarks.race import race
from benchmarks.report import Report, Settings, Table, Target
from benchmarks.shards import features_of
from melgrid.preprocess import run

__all__ = ["measure"]

FEWEST = 240  # clips: seconds of work, so that the start is a small part


def measure(settings: Settings) -> Report:
    clips = clips_of("fma", settings.corpora, settings.clips)
    many = clips.repeated(math.ceil(FEWEST / len(clips)))
    features = features_of(GRID, "float16")
    store = settings.scratch / "processes"

    def work(clips: Clips, jobs: int, shard_mb: int) -> None:
        summary = run(clips.dataset, features, store, jobs=jobs, shard_mb=shard_mb, progress=False)
        if summary.jobs != jobs or summary.failed:
            raise AssertionError(f"{summary.jobs} processes, {summary.failed} failed clips; not what was measured")

    work(clips.first(1), 1, 1)  # the warm-up: compiled kernels are on the disk, files in the page cache
    shutil.rmtree(store)
    with all_cores():
        times = race(
            {
                # a clip to each process, and a shard to each clip: nearly nothing but the start
                "start 1": lambda: work(clips.first(1), 1, 1),
                "start 2": lambda: work(clips.first(2), 2, 1),
                "run 1": lambda: work(many, 1, 128),
                "run 2": lambda: work(many, 2, 128),
            },
            settings.repeats,
            warm_up=False,
            between=lambda: shutil.rmtree(store),
        )
    start = {jobs: times[f"start {jobs}"].seconds for jobs in (1, 2)}
    whole = {jobs: times[f"run {jobs}"].seconds for jobs in (1, 2)}
    net = {jobs: whole[jobs] - start[jobs] for jobs in (1, 2)}
    rows = [
        (f"{jobs} process{'es' * (jobs > 1)}", whole[jobs], start[jobs], 1e3 * net[jobs] / len(many)) for jobs in (1, 2)
    ]
    columns = ("s", f"{len(many)} clips", "start", "ms per clip without start")
    report = Report([Table(f"2x2x2 grid float16 through melgrid.preprocess.run, {clips.title}", columns, rows)])
    report.targets = [
        Target("two processes against one, without start", 1.75, net[1] / net[2]),
        Target("two processes against one, start included", 1.75, whole[1] / whole[2]),
    ]
    report.notes.append(f"{len(clips)} clips, {clips.origin}, each {len(many) // len(clips)} times")
    return report
