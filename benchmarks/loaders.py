"""Shuffled crops of 256x96 float32 in batches of 32, on one core, into NumPy, TensorFlow and torch; warm, then cold."""

from __future__ import annotations

import gc
import os
import shutil
import statistics
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.loader_rivals import BATCH, CROP, Forms, Makers, into_numpy, into_tensorflow, into_torch
from benchmarks.race import Candidate, Timing, optional, race
from benchmarks.report import Report, Settings, Table, Target
from benchmarks.synthetic_store import BINS, FRAMES, write_store
from melgrid.loaders import NumpyLoader

__all__ = ["measure"]

SEVERAL = 20  # passes over which memory must stay flat
MEMORY = "memcpy gather from memory"
NUMPY_TARGETS = (
    ("melgrid NumpyLoader, prefetch=0", 0.7, "of a memcpy gather", MEMORY),
    ("melgrid NumpyLoader, resident=True", 0.8, "of a memcpy gather", MEMORY),
    ("melgrid NumpyLoader, prefetch=0", 2.0, "x h5py slices of the same files", "h5py slices of the same files"),
    ("melgrid NumpyLoader, prefetch=0", 10.0, "x one dataset for each clip", "h5py, one dataset for each clip"),
    ("melgrid NumpyLoader", 0.7, "of a memcpy gather", MEMORY),
    ("melgrid NumpyLoader", 2.0, "x h5py slices of the same files", "h5py slices of the same files"),
    ("melgrid NumpyLoader", 10.0, "x one dataset for each clip", "h5py, one dataset for each clip"),
)
TENSORFLOW_TARGETS = tuple(
    (ours, target, f"x {rival}", rival)
    for ours in ("melgrid tf_dataset", "melgrid KerasLoader, as Keras reads it")
    for target, rival in ((10.0, "TFRecord of whole clips"), (4.0, "tf.data.from_generator per sample, h5py"))
)
COLD = (
    "melgrid NumpyLoader",
    "numpy.memmap of the same files",
    "h5py slices of the same files",
    "h5py, one dataset for each clip",
    "Hugging Face datasets",
)


def measure(settings: Settings) -> Report:
    clips = max(300, min(2000, 10 * settings.clips))
    folder = settings.corpora / "loaders"  # on a disk, as stores are
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    report = Report()
    try:
        with ExitStack() as stack:
            forms = Forms(write_store(folder / "store", clips), folder, stack)
            _check(forms)
            for title, make, targets in (
                ("NumPy", lambda: into_numpy(forms, MEMORY), NUMPY_TARGETS),
                ("TensorFlow", lambda: into_tensorflow(forms), TENSORFLOW_TARGETS),
                ("torch", lambda: into_torch(forms), ()),
            ):
                _warm(report, title, _makers(report, title, make), targets, settings.repeats)
            report.notes.append(f"{SEVERAL} passes of NumpyLoader grew this process by {_growth(forms):.1f} MiB")
            _cold(report, forms, settings.repeats)
    finally:
        shutil.rmtree(folder)
    report.notes.append(
        "of a rival: median over the rounds of the ratio within a round; all candidates run in each round"
    )
    return report


def _makers(report: Report, title: str, make: object) -> Makers:
    try:
        makers: Makers = make()  # type: ignore[operator]
    except ImportError as error:
        report.skip(f"into {title}", {f"into {title}": f"{type(error).__name__}: {error}"})
        return {}
    return makers


def _warm(
    report: Report, title: str, makers: Makers, targets: tuple[tuple[str, float, str, str], ...], repeats: int
) -> None:
    candidates, skipped = optional(makers)
    report.skip(f"into {title}", skipped)
    if not candidates:
        return
    crops = {name: int(str(candidate())) for name, candidate in candidates.items()}
    times = race(candidates, repeats)
    first = next(iter(candidates))
    rows = [(name, *_rates(timing, crops[name]), _ratio(times, crops, name, first)) for name, timing in times.items()]
    columns = ("", "crops/s", "GB/s", f"of {first}")
    report.tables.append(
        Table(f"into {title}: crops of {CROP}x{BINS} float32, batches of {BATCH}, warm", columns, rows)
    )
    for ours, target, what, rival in targets:
        if ours in times and rival in times:
            by_cpu = _ratio(times, crops, ours, rival, cpu=True)
            report.targets.append(Target(f"{ours}: {what}", target, _ratio(times, crops, ours, rival), by_cpu))


def _rates(timing: Timing, crops: int) -> tuple[float, float]:
    rate = crops / timing.seconds
    return rate, rate * CROP * BINS * 4e-9


def _ratio(times: Mapping[str, Timing], crops: Mapping[str, int], ours: str, rival: str, *, cpu: bool = False) -> float:
    """How many times as many crops a second: the median of the rounds, in each of which both ran."""
    mine, theirs = (times[name].cpu if cpu else times[name].wall for name in (ours, rival))
    rounds = [their * crops[ours] / (my * crops[rival]) for my, their in zip(mine, theirs, strict=True)]
    return statistics.median(rounds)


def _cold(report: Report, forms: Forms, repeats: int) -> None:
    """Read with nothing in the page cache: one crop a clip, as an epoch of training has it."""
    forms.crops_per_clip = 1
    files = [file for file in forms.folder.rglob("*") if file.is_file()]
    makers = {name: make for name, make in into_numpy(forms, MEMORY).items() if name in COLD}
    read: dict[str, list[int]] = {}

    def cold(name: str) -> Candidate:
        def work() -> object:
            # What is mapped cannot be evicted, so that nothing may outlive a pass; making a candidate reads nothing.
            before = _disk_bytes()
            served = makers[name]()()
            read.setdefault(name, []).append(_disk_bytes() - before)
            for form in ("by_memmap", "hugging_face"):
                forms.__dict__.pop(form, None)
            return served

        return work

    forms.__dict__.pop("by_memmap", None)
    candidates, skipped = optional({name: lambda name=name: cold(name) for name in makers})  # type: ignore[misc]
    report.skip("cold", skipped)

    def everything_out() -> None:
        gc.collect()
        evict(files)

    everything_out()
    times = race(candidates, repeats, between=everything_out)
    served = len(forms.features)
    rows = [
        (name, *_rates(timing, served), statistics.median(read[name]) / 1e6, timing.cpu_seconds / timing.seconds)
        for name, timing in times.items()
    ]
    columns = ("", "crops/s", "GB/s", "MB from disk", "share of a core")
    report.tables.append(Table(f"into NumPy, cold: {served} crops, one a clip, shuffled", columns, rows))
    report.notes.append(
        "cold: posix_fadvise(DONTNEED) on every file before each pass; 'MB from disk' is what the kernel read for the "
        f"process (/proc/self/io), {served * CROP * BINS * 4e-6:.0f} MB are wanted. The disk may have a cache itself"
    )


def evict(files: list[Path]) -> None:
    """Drop files from the page cache."""
    for file in files:
        fd = os.open(file, os.O_RDONLY)
        try:
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def _disk_bytes() -> int:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["read_bytes"])


def _check(forms: Forms) -> None:
    """All forms must hold the same bytes, and the loader serve every clip as often."""
    features = forms.features
    read = np.empty((1, CROP, BINS), np.float32)
    for row, start in ((0, 0), (len(features) - 1, FRAMES - CROP)):
        features.read(np.array([row]), np.array([start]), np.array([CROP]), read)
        for cut in (forms.in_memory, forms.by_h5py, forms.by_memmap, forms.by_dataset):
            if not np.array_equal(read[0], cut(row, start)):
                raise AssertionError(f"crop {row}, {start}: {cut} and the store differ")


def _growth(forms: Forms) -> float:
    """MiB of resident memory that passes over the loader add."""
    loader = NumpyLoader(forms.features.select(), batch_size=BATCH, crop_frames=CROP)

    def epoch() -> int:
        return sum(len(batch["x"]) for batch in loader)

    epoch()
    before = _resident()
    for _ in range(SEVERAL):
        epoch()
    return (_resident() - before) / 2**20


def _resident() -> int:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0]) << 10
