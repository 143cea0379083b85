"""A selection as a dataset of Hugging Face's package ``datasets``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from melgrid.errors import ParameterError
from melgrid.store import Selection
from melgrid.store.plain import objects

__all__ = ["hf_dataset"]

TEXTS = ("split", "group", "parent")


def hf_dataset(selection: Selection, *, cache_dir: str | Path | None = None) -> datasets.Dataset:
    """Copy clips into an Arrow file of ``datasets``, one after the other, and open it.

    Parameters
    ----------
    selection : Selection
    cache_dir : path, optional
        Where the file is made; None: where ``datasets`` keeps its files. It is made once for equal clips of an
        unchanged feature set.

    Returns
    -------
    datasets.Dataset
        A row per clip in store order: `clip_id`; `x`, float32 in the feature's unit, (frames, bins[, channels]), with
        real and imaginary part as last axis of a complex feature; `label` (a `ClassLabel`), or for task multi a list
        `labels` of them; `split`, `fold`, `group` and `parent`, None where there is none. ``with_format("numpy")``
        gives arrays.

    Raises
    ------
    ParameterError
        A frame has more than three axes.
    """
    features = selection.feature_set
    kinds = {2: datasets.Array2D, 3: datasets.Array3D, 4: datasets.Array4D}
    axes = 1 + len(features.frame_shape)
    if axes not in kinds:
        raise ParameterError(f"{features.id}: frames of shape {features.frame_shape} have too many axes")
    classes = datasets.ClassLabel(names=list(selection.classes)) if selection.classes else datasets.Value("int64")
    multi = features.store.about.task == "multi"
    columns = datasets.Features(
        {
            "clip_id": datasets.Value("string"),
            "x": kinds[axes](shape=(None, *features.frame_shape), dtype="float32"),
            "labels" if multi else "label": datasets.List(classes) if multi else classes,
            "fold": datasets.Value("int64"),
            **{name: datasets.Value("string") for name in TEXTS},
        }
    )
    made = datasets.Dataset.from_generator(
        _rows,
        features=columns,
        gen_kwargs={"selection": selection},
        cache_dir=None if cache_dir is None else str(cache_dir),
    )
    assert isinstance(made, datasets.Dataset)
    return made


def _rows(selection: Selection) -> Iterator[dict[str, Any]]:
    features, labels = selection.feature_set, selection.labels
    clips = {name: objects(selection.clips[name]) for name in ("clip_id", "fold", *TEXTS)}
    for place, clip_id in enumerate(clips["clip_id"]):
        x = features[clip_id]
        if features.feature.is_complex:
            x = x.view(np.float32).reshape(*x.shape, 2)
        row = {name: column[place] for name, column in clips.items()}
        if labels.ndim == 2:
            row["labels"] = np.flatnonzero(labels[place]).tolist()
        else:
            row["label"] = int(labels[place]) if labels[place] >= 0 else None
        yield {**row, "x": x}
