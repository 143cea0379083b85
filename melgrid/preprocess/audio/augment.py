"""Variants of a corpus's clips, as further rows of its table and as altered signals.

A variant is a clip of its own: its id is that of its parent, ``#`` and what was done; it has the parent's file, split,
fold, group and labels, and `parent` names it. What is done is done to the signal that a feature is computed from,
after mixing and resampling: noise has its level at that rate, and variants of a clip share its decoded signal.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from melgrid.errors import DatasetError
from melgrid.params.augmentation import Augmentation, augmentations
from melgrid.preprocess.audio.signal import Float32
from melgrid.store.plain import objects

if TYPE_CHECKING:
    from melgrid.datasets import Dataset

__all__ = ["altered", "augmentation_of", "augmented", "stretch"]

_HOP = 512  # of librosa's vocoder, in samples


def augmented(dataset: Dataset, wanted: Iterable[str] | Iterable[Augmentation]) -> Dataset:
    """Add variants of the training clips to a corpus.

    Parameters
    ----------
    dataset : Dataset
    wanted : iterable of str or Augmentation
        As on the command line: ``"pitch_shift n_steps=-2,2"``.

    Returns
    -------
    Dataset
        With the variants of every clip whose split is train; of every clip where the corpus has no official split
        into train and others, as in one that has folds only. Its options record what was done.

    Raises
    ------
    ParameterError
        A text is not of the form, or a value is out of range.
    DatasetError
        There is no clip to make variants of, or a clip has the id of a variant.
    """
    chosen = augmentations(item.text if isinstance(item, Augmentation) else item for item in wanted)
    if not chosen:
        return dataset
    clips = dataset.clips
    parents = clips[clips["split"] == "train"] if "split" in dataset.splits else clips
    if not len(parents):
        raise DatasetError(f"{dataset.name}: no clip is in the training set, so there are no variants to make")
    variants = [_variants(parents, augmentation) for augmentation in chosen]
    table = pd.concat([clips.assign(parent=None), *variants], ignore_index=True)
    if (twice := table["clip_id"][table["clip_id"].duplicated()]).any():
        raise DatasetError(f"{dataset.name}: clip id {twice.iloc[0]!r} is that of a variant; rename the clip")
    table["parent"] = pd.Series(objects(table["parent"]), dtype=object)
    return replace(
        dataset,
        clips=table.sort_values("clip_id", ignore_index=True),
        options={**dataset.options, "augment": [augmentation.text for augmentation in chosen]},
    )


def _variants(parents: pd.DataFrame, augmentation: Augmentation) -> pd.DataFrame:
    table = parents.assign(clip_id=parents["clip_id"] + augmentation.suffix, parent=parents["clip_id"])
    if "intervals" in table and augmentation.rate != 1:
        begin = table["start"].fillna(0.0)
        spans = [
            [
                (start + (a - start) / augmentation.rate, start + (b - start) / augmentation.rate, name)
                for a, b, name in row
            ]
            for start, row in zip(begin, table["intervals"], strict=True)
        ]
        table["intervals"] = pd.Series(spans, index=table.index, dtype=object)
    return table


def augmentation_of(clip: Mapping[Any, Any]) -> Augmentation | None:
    """What was done to a clip of a table; None for one that is no variant."""
    parent = clip.get("parent")
    return Augmentation.from_suffix(clip["clip_id"][len(parent) :]) if isinstance(parent, str) else None


def stretch(clips: pd.DataFrame) -> NDArray[np.float64]:
    """How many times longer each clip of a table is than its part of the file.

    Parameters
    ----------
    clips : DataFrame

    Returns
    -------
    ndarray, shape (n,)
    """
    factors = np.ones(len(clips))
    if "parent" in clips:
        found: dict[str, float] = {}
        pairs = zip(clips["clip_id"], clips["parent"], strict=True)
        for row, (clip_id, parent) in enumerate(pairs):
            if isinstance(parent, str):
                suffix = clip_id[len(parent) :]
                if suffix not in found:
                    found[suffix] = 1 / Augmentation.from_suffix(suffix).rate
                factors[row] = found[suffix]
    return factors


def altered(y: Float32, sr: int, augmentation: Augmentation, clip_id: str) -> Float32:
    """Apply the effects of a variant to a signal.

    Stretching and shifting are librosa's phase vocoder (`librosa.effects`); noise is white and drawn from a generator
    that is seeded with the clip's id, so that it is the same in every run.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,) or (channels, n_samples)
    sr : int, Hz
    augmentation : Augmentation
    clip_id : str
        Of the variant.

    Returns
    -------
    ndarray of float32, shape (m_samples,) or (channels, m_samples)
    """
    for number, (name, value) in enumerate(augmentation.steps):
        if name == "gain":
            y = y * np.float32(10 ** (value / 20))
        elif name == "noise":
            y = _with_noise(y, value, f"{number} {clip_id}")
        else:
            y = _by_vocoder(y, sr, name, value)
    return np.ascontiguousarray(y, dtype=np.float32)


def _with_noise(y: Float32, snr_db: float, seed: str) -> Float32:
    """Add white noise whose power is `snr_db` below that of the signal; silence stays silent."""
    digest = hashlib.sha256(seed.encode()).digest()
    noise = np.random.default_rng(int.from_bytes(digest)).standard_normal(y.shape, np.float32)
    power = float(np.mean(np.square(y, dtype=np.float64)))
    return y + noise * np.float32(np.sqrt(power * 10 ** (-snr_db / 10)))


def _by_vocoder(y: Float32, sr: int, name: str, value: float) -> Float32:
    import librosa

    length = round(y.shape[-1] / value) if name == "time_stretch" else y.shape[-1]
    if (lacking := _HOP - y.shape[-1]) > 0 and not version("librosa").startswith("0."):
        # librosa 1.0 makes NaN of a clip with a single frame, for want of another to interpolate to
        y = np.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, lacking)])
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.filterwarnings("ignore", "n_fft=")  # the clip is shorter than a window: the vocoder pads it
        warnings.filterwarnings("ignore", ".* parameter is deprecated as of 1.0")  # librosa 1.0 warns of itself
        if name == "time_stretch":
            return librosa.effects.time_stretch(y, rate=value)[..., :length]
        return librosa.effects.pitch_shift(y, sr=sr, n_steps=value, res_type="soxr_hq")[..., :length]
