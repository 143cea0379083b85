"""What a store's clips are like: how long, in which formats, how balanced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from melgrid.store.store import Store

__all__ = ["Balance", "balances", "durations", "formats", "label_counts"]


@dataclass(frozen=True)
class Balance:
    """Clips of each class in each part of an official split.

    Attributes
    ----------
    column : str
        split or fold.
    parts : tuple of str
    clips : ndarray, shape (parts,)
    counts : ndarray, shape (parts, classes)
        A clip with several labels counts for each.
    """

    column: str
    parts: tuple[str, ...]
    clips: NDArray[np.int64]
    counts: NDArray[np.int64]


def durations(store: Store) -> NDArray[np.float64]:
    """Length of every clip whose length is known.

    Parameters
    ----------
    store : Store

    Returns
    -------
    ndarray, seconds
    """
    table = store.table
    rate, frames, start, end = (
        table.column(name).astype("Float64").to_numpy(np.float64, na_value=np.nan)
        for name in ("native_sr", "native_frames", "start", "end")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        seconds = np.minimum(np.fmin(end, frames / rate) - np.where(np.isnan(start), 0.0, start), np.inf)
    return np.asarray(seconds[np.isfinite(seconds) & (seconds >= 0)])


def formats(store: Store) -> list[tuple[int, int, int]]:
    """Count the files of each sampling rate and number of channels, most frequent first.

    Parameters
    ----------
    store : Store

    Returns
    -------
    list of (Hz, channels, clips)
    """
    import pandas as pd

    table = store.table
    pairs = pd.DataFrame({name: table.column(name) for name in ("native_sr", "native_channels")}).dropna()
    kinds, counts = np.unique(pairs.to_numpy(np.int64), axis=0, return_counts=True)
    found = [(int(sr), int(channels), int(count)) for (sr, channels), count in zip(kinds, counts, strict=True)]
    return sorted(found, key=lambda row: (-row[2], row[0], row[1]))


def label_counts(store: Store) -> NDArray[np.int64]:
    """Count the clips of each class, failed ones as well.

    Parameters
    ----------
    store : Store

    Returns
    -------
    ndarray, shape (classes,)
    """
    return np.bincount(store.table.label_values, minlength=len(store.about.classes))


def balances(store: Store) -> list[Balance]:
    """Count the clips of each class in each part of the official splits.

    Parameters
    ----------
    store : Store

    Returns
    -------
    list of Balance
        One for each column that the dataset declares and some clip has a value in.
    """
    table, about = store.table, store.about
    classes = len(about.classes)
    per_clip = np.diff(table.label_offset)
    found = []
    for name, declared in about.splits.items():
        if name not in ("split", "fold"):
            continue
        column = table.column(name)
        parts: list[Any] = list(declared)
        number = {part: place for place, part in enumerate(parts)}
        codes = column.map(number).fillna(-1).to_numpy(np.int64)
        if not (codes >= 0).any():
            continue
        owner = np.repeat(codes, per_clip)
        inside = owner >= 0
        flat = owner[inside] * classes + table.label_values[inside]
        counts = np.bincount(flat, minlength=len(parts) * classes).reshape(len(parts), classes)
        clips = np.bincount(codes[codes >= 0], minlength=len(parts))
        found.append(Balance(name, tuple(map(str, parts)), clips, counts))
    return found
