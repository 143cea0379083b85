"""The work of melgrid's worker, in this process: one shard of clips into every feature."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from benchmarks.clips import Clips
from benchmarks.rivals import SR, Setting, rival_file
from melgrid.params import Feature, LogMel
from melgrid.preprocess.audio.decode import decode, read_bytes
from melgrid.preprocess.audio.signal import mix, resample
from melgrid.preprocess.clips import clip_rows, dealt, known_bad
from melgrid.preprocess.task import ShardResult, ShardTask, run_shard
from melgrid.preprocess.versions import about_of
from melgrid.store import create_store
from melgrid.store.shards.shard_info import shard_name

__all__ = ["Dtype", "decode_only", "features_of", "shard", "shard_task", "worst_difference"]

Dtype = Literal["float16", "float32"]


def features_of(settings: list[Setting], dtype: Dtype) -> tuple[Feature, ...]:
    """Say in melgrid's terms what the rivals compute."""
    return tuple(
        LogMel(sr=SR, n_fft=n_fft, hop_length=hop, n_mels=n_mels, dtype=dtype) for n_fft, hop, n_mels in settings
    )


def shard_task(clips: Clips, features: tuple[Feature, ...], store: Path) -> ShardTask:
    """Make the task of one shard that holds all clips, as `melgrid.preprocess.run` makes its tasks."""
    dataset = clips.dataset
    about = about_of(dataset)
    rows = dealt(clip_rows(dataset), features, dataset.nominal_seconds, 128 << 20)
    table = create_store(store, about, rows.assign(shard=0, row=range(len(rows)))).clips()
    table = table.assign(known_bad=known_bad(dataset, table))
    return ShardTask(root=str(dataset.root), store=str(store), index=0, features=features, about=about, clips=table)


def shard(task: ShardTask) -> ShardResult:
    """Compute and publish the shard; a clip that fails ends the benchmark."""

    def done(clip: object) -> None:
        if getattr(clip, "reason", None) is not None:
            raise AssertionError(f"a clip that decodes has failed: {clip}")

    return run_shard(task, lambda row: None, done)


def decode_only(clips: Clips) -> None:
    """Do what no pipeline can leave out: decode, mix, resample."""
    for path in clips.paths:
        audio = decode(read_bytes(path))
        resample(mix(audio.samples, None), audio.sr, SR, "soxr_hq")


def worst_difference(task: ShardTask, settings: list[Setting], folder: Path) -> float:
    """Compare a published shard with the files of `rivals.naive`, clip by clip.

    Parameters
    ----------
    task : ShardTask
        With features in the order of `settings`.
    settings : list of Setting
    folder : Path
        Of the rival's files.

    Returns
    -------
    float, dB
    """
    worst = 0.0
    for feature, setting in zip(task.features, settings, strict=True):
        path = Path(task.store) / feature.id / shard_name(task.index)
        with h5py.File(path) as ours, h5py.File(rival_file(folder, setting)) as theirs:
            offsets = ours["clip/frame_offset"][()]
            for number in range(len(theirs)):
                values = ours["features"][offsets[number] : offsets[number + 1]]
                worst = max(worst, float(np.abs(values - theirs[str(number)][()].T).max()))
    return worst
