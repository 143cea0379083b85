"""Run a model over a feature set and store its activations beside it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from melgrid.errors import ParameterError, StoreError
from melgrid.loaders.activations import Activations, model_digest, runtime
from melgrid.loaders.crops import crop_length
from melgrid.loaders.layout import Axes
from melgrid.loaders.whole_numbers import whole_number
from melgrid.params import Derived
from melgrid.store import About, FeatureSet, Manifest, ShardInfo, ShardWriter, lock, open_store, sweep
from melgrid.store.checks.adoption import adopt
from melgrid.store.shards.clip_arrays import NATIVE
from melgrid.store.shards.shard_info import SHARD_FILE, read_arrays, shard_name

__all__ = ["derive"]


def derive(
    features: FeatureSet,
    model: keras.Model,
    *,
    layer: str | None = None,
    crop_frames: int | None = None,
    crop_seconds: float | None = None,
    step_frames: int | None = None,
    axes: Axes = "TFC",
    batch_size: int = 32,
    dtype: Literal["float16", "float32"] = "float32",
    progress: bool = False,
) -> FeatureSet:
    """Store what a Keras model makes of every clip, as a new feature set of the same store.

    Clips keep their shard and row; those without features stay failed. A run that was interrupted goes on when it is
    called again. A feature set that is there already is returned as it is, unless its parent has gained clips since.

    Parameters
    ----------
    features : FeatureSet
        The parent.
    model : keras.Model
        With one input; it runs as in ``predict``, and takes values in the feature's unit.
    layer : str or None
        Take the output of this layer instead of the model's.
    crop_frames : int >= 1 or None
    crop_seconds : float > 0 or None
        Length of an example; neither: what the model's input says, or whole clips where it takes any length. Examples
        follow each other from the first frame, as many as fit; a clip that is shorter than one is padded as the loaders
        do.
    step_frames : int >= 1 or None
        From the beginning of one example to the next; None: `crop_frames`.
    axes : str
        Order of time, frequency and channel that the model takes.
    batch_size : int >= 1
        Examples that the model sees at once.
    dtype : str
        float32 or float16, of what is stored.
    progress : bool
        Draw a bar on standard error.

    Returns
    -------
    FeatureSet
        Of feature `Derived`. An example gives one frame when the activations are (batch, units), and several when they
        are (batch, frames, units).

    Raises
    ------
    ParameterError
        Model, layer, lengths and clips do not fit together.
    StoreError
        The store cannot be written, or another run is using it.
    """
    parent = features.feature
    crop = _crop(model, axes, crop_frames, crop_seconds, parent.hop_seconds)
    if step_frames is not None and crop is None:
        raise ParameterError(f"step_frames={step_frames}: needs crop_frames or crop_seconds")
    step = crop if step_frames is None else whole_number("step_frames", step_frames, 1)
    activations = Activations(model, layer, axes, crop, step, batch_size)
    frames, units = activations.frame_shape(features)
    feature = Derived(
        sr=parent.sr,
        dtype=dtype,
        parent=parent.id,
        model=model_digest(model),
        runtime=runtime(),
        layer=layer,
        axes=axes,
        crop_frames=crop,
        step_frames=step,
        units=units,
        frame_seconds=_clip_seconds(features) if step is None else step * parent.hop_seconds / frames,
    )
    path = features.store.path
    with lock(path):
        manifest = Manifest.load(path)
        manifest.settle()
        _write(manifest, open_store(path)[parent.id], feature, activations, progress)
    return open_store(path)[feature.id]


def _crop(model: keras.Model, axes: Axes, frames: int | None, seconds: float | None, hop_seconds: float) -> int | None:
    if axes not in get_args(Axes):
        raise ParameterError(f"axes={axes!r}: must be one of {', '.join(get_args(Axes))}")
    frames = crop_length(frames, seconds, hop_seconds)
    inputs = getattr(model, "inputs", None)
    if frames is None and inputs and len(inputs[0].shape) == 1 + len(axes):
        return inputs[0].shape[1 + axes.index("T")]  # type: ignore[no-any-return]
    return frames


def _clip_seconds(features: FeatureSet) -> float:
    """How long a frame lasts that stands for a clip."""
    nominal = features.store.about.nominal_seconds
    return nominal if nominal > 0 else float(features.lengths.max()) * features.feature.hop_seconds


def _write(manifest: Manifest, parent: FeatureSet, feature: Derived, activations: Activations, progress: bool) -> None:
    """Make the shards that are not there, or whose clips were fewer, and show them to readers."""
    folder = manifest.path / feature.id
    if folder.exists():
        sweep(folder)
    listed = manifest.feature(feature.id).shards if feature.id in manifest.features else ()
    mine = {shard.index: shard for shard in listed}
    versions = {"versions": parent.record.versions, "options": parent.record.options}
    about = manifest.about.model_copy(update=versions)
    table = manifest.clips()
    shards = parent.clip_rows, table["shard"].to_numpy()
    infos: list[ShardInfo] = []
    with tqdm(total=len(parent), unit="clip", disable=not progress) as bar:
        for shard in parent.record.shards:
            source = manifest.path / parent.id / shard.file
            clips = table[table["shard"] == shard.index].reset_index(drop=True)
            info = mine.get(shard.index)
            if info is None:
                found = _adopted(folder / shard_name(shard.index), source, feature, about, clips)
            else:
                found = info if _same_clips(folder / info.file, source) else None
            if found is not None:
                bar.update(shard.clips - shard.failed)
                infos.append(found)
                continue
            generation = 0 if info is None else _generation(info.file) + 1
            rows = np.flatnonzero(shards[1][shards[0]] == shard.index)
            examples = activations.of(parent, rows)
            with ShardWriter(folder, shard.index, feature, about, clips, generation) as writer:
                values = _by_clip(examples, feature.units)
                for outcome in _outcomes(source):
                    writer.append(next(values) if outcome["status"] == "ok" else None, **outcome)
                    bar.update(outcome["status"] == "ok")
                infos.append(writer.publish())
    if tuple(infos) != tuple(listed):
        manifest.gather_outcomes({feature.id: infos})
        manifest.add_feature_set(feature, infos, about)


def _adopted(path: Path, source: Path, feature: Derived, about: About, clips: pd.DataFrame) -> ShardInfo | None:
    """Take over what an interrupted run left, if it is whole and of the same clips."""
    if not path.exists():
        return None
    try:
        info = adopt(path, feature, about, clips)
        if _same_clips(path, source):
            return info
    except StoreError:
        pass
    path.unlink()  # no reader has seen it
    return None


def _same_clips(path: Path, source: Path) -> bool:
    """Whether a shard has features of the clips that its parent has features of."""
    (own,), (theirs,) = read_arrays(path, "status"), read_arrays(source, "status")
    return np.array_equal(own, theirs)


def _generation(file: str) -> int:
    match = SHARD_FILE.fullmatch(file)
    return int(match[2] or 0) if match else 0


def _by_clip(examples: Iterator[tuple[int, NDArray[np.float32]]], units: int) -> Iterator[NDArray[np.float32]]:
    for _, of_clip in itertools.groupby(examples, key=lambda example: example[0]):
        yield np.concatenate([activations.reshape(-1, units) for _, activations in of_clip])


def _outcomes(source: Path) -> Iterator[dict[str, Any]]:
    """What the parent's shard says of its clips, as `ShardWriter.append` takes it."""
    names = ("status", "reason", "num_samples", "source_sha256", *NATIVE)
    for status, reason, num_samples, digest, *native in zip(*read_arrays(source, *names), strict=True):
        yield {
            "status": "failed" if status else "ok",
            "reason": reason.decode() if status else None,
            "num_samples": int(num_samples),
            "source_sha256": bytes(digest).hex() if digest.any() else None,
            **{name: None if number < 0 else int(number) for name, number in zip(NATIVE, native, strict=True)},
        }
