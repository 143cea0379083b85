"""The grid of eight log-mel features, 2 windows x 2 hops x 2 numbers of bands, on four kinds of corpus.

naive: for every setting and clip librosa.load, melspectrogram, power_to_db, h5py create_dataset. hoisted: the same, but
decode and STFT shared by hand. floor: decode, mix and resample alone. All in one process on one core.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.backends import BACKENDS, using
from benchmarks.clips import Clips, all_clips
from benchmarks.race import Candidate, Timing, race
from benchmarks.report import Report, Settings, Table, Target
from benchmarks.rivals import Setting, hoisted, naive
from benchmarks.shards import Dtype, decode_only, features_of, shard, shard_task, worst_difference
from melgrid.preprocess.task import STAGES, ShardResult

__all__ = ["GRID", "ONE", "measure"]

GRID: list[Setting] = list(itertools.product((512, 1024), (256, 512), (96, 128)))
ONE: list[Setting] = [(1024, 512, 128)]
# (corpus, backend) -> times naive, times hoisted, floors
TARGETS: dict[tuple[str, str], tuple[float, float | None, float | None]] = {
    ("fma", "mkl_fft"): (10.5, 1.7, 1.4),
    ("fma", "scipy"): (9.5, 1.6, 1.5),
    ("mtt", "mkl_fft"): (7.0, None, None),
    ("mtt", "scipy"): (6.0, None, None),
    ("gtzan", "mkl_fft"): (7.0, None, None),
    ("gtzan", "scipy"): (5.5, None, None),
    ("us8k", "mkl_fft"): (14.0, None, None),
    ("us8k", "scipy"): (12.0, None, None),
}
TARGETS_OF_ONE: dict[str, tuple[float, float | None, float | None]] = {
    "mkl_fft": (1.75, None, 1.12),
    "scipy": (1.7, None, 1.15),
}
WARM_UP = 4  # clips
DTYPES: tuple[Dtype, ...] = ("float32", "float16")


def measure(settings: Settings) -> Report:
    report = Report()
    for kind, clips in all_clips(settings, report):
        report.notes.append(f"{clips.title}: {len(clips)} clips, {clips.origin}")
        contest = _Contest(clips, GRID, settings)
        contest.report(report, "2x2x2 grid", {backend: TARGETS[kind, backend] for backend in BACKENDS})
        if kind == "fma":
            _Contest(clips, ONE, settings).report(report, "one setting 1024/512/128", TARGETS_OF_ONE)
    return report


class _Contest:
    """All ways to compute some settings of a corpus, raced; output goes to a folder that is emptied each time."""

    def __init__(self, clips: Clips, grid: list[Setting], settings: Settings) -> None:
        self._clips, self._grid = clips, grid
        self._folder = settings.scratch / "grid"
        self._stages: dict[str, ShardResult] = {}
        self._difference = self._warm_up(clips.first(WARM_UP))
        self._folder.mkdir()
        self._times = race(self._candidates(clips), settings.repeats, warm_up=False, between=self._empty)
        shutil.rmtree(self._folder)

    def _empty(self) -> None:
        shutil.rmtree(self._folder)
        self._folder.mkdir()

    def _candidates(self, clips: Clips) -> dict[str, Candidate]:
        rivals: dict[str, Callable[[Clips, list[Setting], Path], None]] = {"naive": naive, "hoisted": hoisted}
        if len(self._grid) == 1:
            del rivals["hoisted"]  # nothing to share
        candidates: dict[str, Candidate] = {
            name: partial(rival, clips, self._grid, self._folder) for name, rival in rivals.items()
        }
        for backend, dtype in itertools.product(BACKENDS, DTYPES):
            candidates[_name(backend, dtype)] = self._ours(clips, backend, dtype)
        candidates["floor"] = partial(decode_only, clips)
        return candidates

    def _ours(self, clips: Clips, backend: str, dtype: Dtype) -> Candidate:
        store = self._folder.with_name(f"{self._folder.name}-table")
        task = replace(shard_task(clips, features_of(self._grid, dtype), store), store=str(self._folder))
        shutil.rmtree(store)

        def compute() -> None:
            with using(backend):
                self._stages[_name(backend, dtype)] = shard(task)

        return compute

    def _warm_up(self, few: Clips) -> float:
        """Run every candidate once on a few clips; return how far melgrid's values are from librosa's, dB."""
        self._folder.mkdir()
        for candidate in self._candidates(few).values():
            candidate()
            self._empty()
        difference = 0.0
        store = self._folder.with_name("checked")
        for backend in BACKENDS:
            task = shard_task(few, features_of(self._grid, "float32"), store)
            with using(backend):
                shard(task)
            naive(few, self._grid, self._folder)
            difference = max(difference, worst_difference(task, self._grid, self._folder))
            shutil.rmtree(store)
        shutil.rmtree(self._folder)
        return difference

    def report(self, report: Report, what: str, targets: dict[str, tuple[float, float | None, float | None]]) -> None:
        """Add tables and targets."""
        title = self._clips.title
        count, times = len(self._clips), self._times
        rows = []
        for name, timing in times.items():
            rows.append(
                (
                    name,
                    1e3 * timing.seconds / count,
                    1e3 * min(timing.wall) / count,
                    1e3 * timing.cpu_seconds / count,
                    times["naive"].seconds / timing.seconds,
                    times["hoisted"].seconds / timing.seconds if "hoisted" in times else None,
                    timing.seconds / times["floor"].seconds,
                )
            )
        columns = ("ms per clip", "median", "best", "CPU", "x naive", "x hoisted", "floors")
        report.tables.append(Table(f"{what}, {title}", columns, rows))
        stages: list[tuple[str | float, ...]] = [
            (name, *(1e3 * result.stage_seconds[stage] / count for stage in STAGES))
            for name, result in self._stages.items()
        ]
        report.tables.append(Table(f"stages of the last round, {what}, {title}", ("ms per clip", *STAGES), stages))
        report.notes.append(
            f"{what}, {title}: float32 values differ from librosa's by {self._difference:.1e} dB at most"
        )
        for backend, dtype in itertools.product(BACKENDS, DTYPES):
            label = f"{what}, {title.split(' ')[0]}, {backend}, {dtype}: "
            ours = times[_name(backend, dtype)]
            for target, rival in zip(targets[backend], ("naive", "hoisted", "floor"), strict=True):
                if target is not None:
                    report.targets.append(_target(label, target, ours, times[rival], rival))


def _name(backend: str, dtype: str) -> str:
    return f"melgrid {backend} {dtype}"


def _target(label: str, target: float, ours: Timing, other: Timing, rival: str) -> Target:
    if rival == "floor":
        by_cpu = ours.cpu_seconds / other.cpu_seconds
        return Target(f"{label}floors", target, ours.seconds / other.seconds, by_cpu, at_most=True)
    return Target(f"{label}x {rival}", target, other.seconds / ours.seconds, other.cpu_seconds / ours.cpu_seconds)
