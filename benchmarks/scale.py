"""What a clip costs beside the work on its audio, from a thousand clips to a million; and how long large corpora take.

The corpora of the first part have no files and the clips of their stores are tiny: planning, resuming, the manifest,
opening, selecting, splitting and shuffling are measured, not audio. The second part runs a few clips for real and
extrapolates.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import soundfile

from benchmarks.clips import Clips, clips_of
from benchmarks.grid import GRID, ONE
from benchmarks.report import Report, Settings, Table, Target
from benchmarks.rivals import Setting
from benchmarks.scale_steps import LOADING, PLANNING
from benchmarks.shards import features_of, shard, shard_task
from melgrid.params import Feature
from melgrid.preprocess.audio.decode import decode, read_bytes
from melgrid.preprocess.forecast import frame_bytes
from melgrid.store.deal import clips_per_shard
from melgrid.transforms import num_frames

__all__ = ["measure"]

SIZES = (1_000, 10_000, 100_000, 1_000_000)
SMALL, LARGE, LARGEST = SIZES[0], SIZES[2], SIZES[3]
Costs = dict[str, tuple[float, float, float]]
"""Seconds, processor seconds and MiB of each step."""


@dataclass(frozen=True)
class Corpus:
    """A corpus that is too large to be here."""

    name: str
    clips: int
    hours: float
    like: str

    @property
    def seconds(self) -> float:
        """Length of a clip."""
        return 3600 * self.hours / self.clips


LARGE_CORPORA = (
    Corpus("AudioSet", 2_000_000, 5_800, "10 s stereo FLAC"),
    Corpus("FMA full", 106_574, 8_232, "30 s stereo MP3"),
)
JOBS = (1, 16)
EFFICIENCY = 0.875  # of several processes on one machine, measured by benchmark `processes` with two


def measure(settings: Settings) -> Report:
    report = Report()
    costs = {clips: _costs(clips, settings.corpora / "scale") for clips in SIZES}
    for title, steps in (("planning", PLANNING), ("loading", LOADING)):
        for number, unit in ((0, "s"), (2, "MiB")):
            rows: list[tuple[str | float, ...]] = [
                (step, *(costs[clips][step][number] for clips in SIZES)) for step in steps
            ]
            total = [sum(costs[clips][step][0] for step in steps) for clips in SIZES]
            if unit == "s":
                rows.append(("together", *total))
                rows.append(("microseconds a clip", *(1e6 * s / clips for s, clips in zip(total, SIZES, strict=True))))
            else:
                rows.append(("most", *(max(costs[clips][step][2] for step in steps) for clips in SIZES)))
            report.tables.append(Table(f"{title}, {unit}", ("clips", *(f"{clips:,}" for clips in SIZES)), rows))
    largest = costs[LARGEST]
    for title, steps in (("planning, resume, manifest", PLANNING), ("loading", LOADING)):
        for few, many in ((SMALL, LARGE), (LARGE, LARGEST)):
            wall, cpu = (
                few * sum(costs[many][s][n] for s in steps) / many / sum(costs[few][s][n] for s in steps)
                for n in (0, 1)
            )
            what = f"{title}: cost per clip at {many:,} clips over that at {few:,}"
            report.targets.append(Target(what, 1.2, wall, cpu, at_most=True))
    first = ("open", "select", "make a loader", "first batch")
    peak = max(largest[step][2] for step in LOADING)
    for what, target, steps in (("opening, s", 2.0, ("open",)), ("first batch, s", 3.0, first)):
        wall, cpu = (sum(largest[step][number] for step in steps) for number in (0, 1))
        report.targets.append(Target(f"{LARGEST:,} clips: {what}", target, wall, cpu, at_most=True))
    report.targets.append(Target(f"{LARGEST:,} clips: MiB to load from", 1000, peak, at_most=True))
    report.notes.append("memory is of the whole process at its peak, in each step; 220 MiB of it are the libraries")
    report.notes.append("an epoch: every clip came exactly once, or this report would not be here")
    _extrapolate(report, settings, costs)
    return report


def _costs(clips: int, folder: Path) -> Costs:
    """Do everything with a number of clips, in two processes of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    costs: Costs = {}
    try:
        for job in ("plan", "serve"):
            command = (sys.executable, "-m", "benchmarks.scale_steps", job, str(clips), str(folder))
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            costs |= {step: tuple(found) for step, found in json.loads(done.stdout.splitlines()[-1]).items()}
    finally:
        shutil.rmtree(folder)
    return costs


def _extrapolate(report: Report, settings: Settings, costs: dict[int, Costs]) -> None:
    """Say what large corpora take: measured seconds of work a second of audio and a clip, exact bytes."""
    fma = clips_of("fma", settings.corpora, settings.clips)
    samples = {"30 s stereo MP3": fma, "10 s stereo FLAC": _ten_seconds(fma, settings.scratch / "ten")}
    beside = sum(costs[LARGEST][step][0] for step in PLANNING) / LARGEST
    rows: list[tuple[str | float, ...]] = []
    for corpus in LARGE_CORPORA:
        for title, grid in (("one setting", ONE), ("2x2x2 grid", GRID)):
            features = features_of(grid, "float16")
            of_audio, stages = _stage_costs(samples[corpus.like], grid, settings)
            work = corpus.hours * 3600 * of_audio + corpus.clips * beside
            bytes_of = [_clip_bytes(feature, corpus.seconds) for feature in features]
            each = clips_per_shard(corpus.clips, max(bytes_of), 128 << 20)
            rows.append(
                (
                    f"{corpus.name}, {title}",
                    corpus.clips,
                    corpus.hours,
                    1 / of_audio,
                    *(work / 3600 / jobs / (1 if jobs == 1 else EFFICIENCY) for jobs in JOBS),
                    corpus.clips * sum(bytes_of) / 1e9,
                    math.ceil(corpus.clips / each) * len(features),
                    corpus.clips * beside / 60,
                    ", ".join(f"{name} {100 * share:.0f}" for name, share in stages.items()),
                )
            )
    columns = (
        "", "clips", "h of audio", "x real time", *(f"h, {jobs} job{'s' * (jobs > 1)}" for jobs in JOBS), "GB",
        "shards", "min beside audio", "stages, %",
    )  # fmt: skip
    report.tables.append(Table("what large corpora would take, float16", columns, rows))
    report.notes.append(
        f"extrapolated from {len(fma)} clips in one process, {fma.origin}: FMA full from 30 s MP3 excerpts, AudioSet "
        f"from the first 10 s of them as FLAC; several jobs at {EFFICIENCY:g} of what one does; disks keep up"
    )


def _ten_seconds(clips: Clips, folder: Path) -> Clips:
    folder.mkdir(exist_ok=True)
    names = []
    for number, path in enumerate(clips.paths):
        audio = decode(read_bytes(path))
        names.append(f"{number}.flac")
        soundfile.write(folder / names[-1], audio.samples[: 10 * audio.sr], audio.sr)
    table = clips.dataset.clips.assign(path=names, seconds=10.0)
    return replace(clips, dataset=replace(clips.dataset, root=folder, clips=table, nominal_seconds=10.0))


def _stage_costs(clips: Clips, grid: list[Setting], settings: Settings) -> tuple[float, dict[str, float]]:
    """Seconds of work a second of audio, the median of several runs, and the share of each stage."""
    totals: list[tuple[float, dict[str, float]]] = []
    for number in range(1 + settings.repeats):
        store = settings.scratch / "stages"
        result = shard(shard_task(clips, features_of(grid, "float16"), store))
        shutil.rmtree(store)
        if number:  # the first one compiles kernels and builds filter banks
            totals.append((sum(result.stage_seconds.values()), result.stage_seconds))
    seconds, stages = sorted(totals, key=lambda total: total[0])[len(totals) // 2]
    audio = sum(_seconds(path) for path in clips.paths)
    return seconds / audio, {name: spent / seconds for name, spent in stages.items()}


def _seconds(path: Path) -> float:
    info = soundfile.info(path)
    return float(info.frames / info.samplerate)


def _clip_bytes(feature: Feature, seconds: float) -> int:
    return num_frames(feature, round(seconds * feature.sr)) * frame_bytes(feature)
