"""Shuffled crops of 256x96 float32 into NumPy batches of 32, from the page cache, on one core."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from benchmarks.race import Candidate, race
from benchmarks.report import Report, Settings, Table, Target
from benchmarks.synthetic_store import BINS, FRAMES, write_per_clip, write_store
from melgrid.loaders import NumpyLoader
from melgrid.store import FeatureSet

__all__ = ["measure"]

CROP, BATCH = 256, 32
CROPS_PER_CLIP = 8
SEVERAL = 20  # passes over which memory must stay flat

Ints = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Cut = Callable[[int, int], Float32]
"""The crop of a clip (row) that begins at a frame."""


def measure(settings: Settings) -> Report:
    clips = max(300, min(2000, 10 * settings.clips))
    folder = settings.corpora / "loaders"  # on a disk, as stores are
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with ExitStack() as stack:
            features = write_store(folder / "store", clips)
            return _measure(features, folder, settings.repeats, stack)
    finally:
        shutil.rmtree(folder)


def _measure(features: FeatureSet, folder: Path, repeats: int, stack: ExitStack) -> Report:
    whole = write_per_clip(folder / "per-clip.h5", features)
    per_clip = stack.enter_context(h5py.File(folder / "per-clip.h5"))
    shards = [
        stack.enter_context(h5py.File(features.store.path / features.id / shard.file))["features"]
        for shard in features.record.shards
    ]
    maps = [
        np.memmap(
            features.store.path / features.id / shard.file,
            np.float32,
            "r",
            shard.data_offset or 0,
            (shard.frames, BINS),
        )
        for shard in features.record.shards
    ]
    in_shard = features.record.shards[0].clips  # of all shards but the last

    def in_memory(row: int, start: int) -> Float32:
        return whole[row * FRAMES + start : row * FRAMES + start + CROP]

    def sliced(arrays: list[Float32] | list[h5py.Dataset]) -> Cut:
        def cut(row: int, start: int) -> Float32:
            first = row % in_shard * FRAMES + start
            return arrays[row // in_shard][first : first + CROP]

        return cut

    def own_dataset(row: int, start: int) -> Float32:
        crop: Float32 = per_clip[str(row)][start : start + CROP]
        return crop

    memory = "memcpy gather from memory"
    candidates: dict[str, Candidate] = {
        memory: _gather(in_memory, features, fresh=False),
        f"{memory}, into new arrays": _gather(in_memory, features),
        "melgrid NumpyLoader, prefetch=0": _loader(features, prefetch=0),
        "melgrid NumpyLoader": _loader(features),
        "numpy.memmap of the same files": _gather(sliced(maps), features),
        "h5py slices of the same files": _gather(sliced(shards), features),
        "h5py, one dataset for each clip": _gather(own_dataset, features),
    }
    _check(_loader(features), in_memory, features)
    times = race(candidates, repeats)
    crops = len(features) * CROPS_PER_CLIP
    rows = [
        (
            name,
            crops / timing.seconds,
            crops * CROP * BINS * 4e-9 / timing.seconds,
            times[memory].seconds / timing.seconds,
        )
        for name, timing in times.items()
    ]
    size = 4e-6 * whole.size
    title = f"crops of {CROP}x{BINS} float32 in batches of {BATCH}, {len(features)} clips, {size:.0f} MB"
    report = Report([Table(title, ("", "crops/s", "GB/s", "of memcpy"), rows)])
    for name in ("melgrid NumpyLoader, prefetch=0", "melgrid NumpyLoader"):
        ours = times[name]
        for target, what, rival in (
            (0.7, "of a memcpy gather", memory),
            (2.0, "x h5py slices of the same files", "h5py slices of the same files"),
            (10.0, "x one dataset for each clip", "h5py, one dataset for each clip"),
        ):
            by_cpu = times[rival].cpu_seconds / ours.cpu_seconds
            report.targets.append(Target(f"{name}: {what}", target, times[rival].seconds / ours.seconds, by_cpu))
    report.notes.append(f"{SEVERAL} passes of NumpyLoader grew this process by {_growth(features):.1f} MiB")
    return report


def _order(features: FeatureSet) -> tuple[Ints, Ints]:
    """Crops as the loader draws them: every clip as often, in random order."""
    chance = np.random.default_rng(1)
    rows = chance.permutation(np.repeat(np.arange(len(features)), CROPS_PER_CLIP))
    return rows, chance.integers(0, FRAMES - CROP + 1, len(rows))


def _gather(cut: Cut, features: FeatureSet, *, fresh: bool = True) -> Candidate:
    rows, starts = (values.tolist() for values in _order(features))
    kept = np.empty((BATCH, CROP, BINS), np.float32)

    def batches() -> Iterator[Float32]:
        for first in range(0, len(rows), BATCH):
            chosen = list(zip(rows[first : first + BATCH], starts[first : first + BATCH], strict=True))
            batch = np.empty((len(chosen), CROP, BINS), np.float32) if fresh else kept
            for place, (row, start) in enumerate(chosen):
                batch[place] = cut(row, start)
            yield batch

    return lambda: sum(len(batch) for batch in batches())


def _loader(features: FeatureSet, prefetch: int = 2) -> Candidate:
    loader = NumpyLoader(
        features.select(), batch_size=BATCH, crop_frames=CROP, crops_per_clip=CROPS_PER_CLIP, prefetch=prefetch
    )
    return lambda: sum(len(batch["x"]) for batch in loader)


def _check(candidate: Candidate, cut: Cut, features: FeatureSet) -> None:
    """All candidates must see the same bytes."""
    read = np.empty((1, CROP, BINS), np.float32)
    for row, start in ((0, 0), (len(features) - 1, FRAMES - CROP)):
        features.read(np.array([row]), np.array([start]), np.array([CROP]), read)
        if not np.array_equal(read[0], cut(row, start)):
            raise AssertionError(f"crop {row}, {start}: the store and the array in memory differ")
    if candidate() != len(features) * CROPS_PER_CLIP:
        raise AssertionError("the loader serves another number of crops")


def _growth(features: FeatureSet) -> float:
    """MiB of resident memory that passes over the loader add."""
    epoch = _loader(features)
    epoch()
    before = _resident()
    for _ in range(SEVERAL):
        epoch()
    return (_resident() - before) / 2**20


def _resident() -> int:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0]) << 10
