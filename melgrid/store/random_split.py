"""Sides drawn at random: groups stay whole, classes keep their shares."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.store.selection import Selection

if TYPE_CHECKING:
    from melgrid.store.feature_set import FeatureSet

__all__ = ["random_split"]

_PARTS = 20  # sides are made of this many equal parts, so shares come in steps of 5 %


def random_split(features: FeatureSet, shares: Mapping[str, float], seed: int) -> tuple[Selection, ...]:
    """Divide the clips of a feature set into sides of given sizes; see `FeatureSet.split`.

    Parameters
    ----------
    features : FeatureSet
    shares : mapping of str to float
        Of all clips; at most 1 together.
    seed : int

    Returns
    -------
    tuple of Selection

    Raises
    ------
    ParameterError
        The shares are not positive or exceed 1, or there are too few groups for them.
    """
    total = sum(shares.values())
    if any(share <= 0 for share in shares.values()) or total > 1 + 1e-9:
        raise ParameterError(f"shares {dict(shares)}: must be above 0 and at most 1 together")
    groups, labels = _groups(features), _labels(features)
    parts = _parts(groups, labels, seed)
    number = int(parts.max()) + 1
    bounds = np.rint(np.cumsum([0.0, *shares.values()]) * number).astype(int)
    if (np.diff(bounds) < 1).any():
        raise ParameterError(
            f"shares {dict(shares)}: {number} groups of clips cannot be divided so; ask for fewer or larger sides"
        )
    return tuple(
        Selection(features, np.flatnonzero((parts >= first) & (parts < last))) for first, last in pairwise(bounds)
    )


def _parts(groups: NDArray[np.int64], labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Number of the equal part that each clip is in."""
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    classes, counts = np.unique(labels, return_counts=True)
    number = min(_PARTS, len(np.unique(groups)))
    kind = GroupKFold
    if len(classes) > 1 and counts.max() > 1:
        kind, number = StratifiedGroupKFold, min(number, int(counts.max()))
    if number < 2:
        return np.zeros(len(groups), np.int64)
    folds = kind(number, shuffle=True, random_state=seed)
    parts = np.empty(len(groups), np.int64)
    with warnings.catch_warnings():
        # A class with fewer clips than parts is spread as far as it goes.
        warnings.filterwarnings("ignore", "The least populated class")
        for part, (_, held_out) in enumerate(folds.split(groups, labels, groups)):
            parts[held_out] = part
    return parts


def _groups(features: FeatureSet) -> NDArray[np.int64]:
    column = features.store.table.column("group").iloc[features.clip_rows]
    codes = pd.factorize(column)[0].astype(np.int64)
    alone = codes < 0  # a clip without a group is one
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    return codes


def _labels(features: FeatureSet) -> NDArray[np.int64]:
    """Class numbers to keep balanced; of several labels of a clip, the rarest, which is the hardest to balance."""
    everything = Selection(features, np.arange(len(features.clip_ids)))
    if everything.labels.ndim == 1:
        return everything.labels.astype(np.int64)
    hot = everything.labels.astype(bool)
    rarity = np.where(hot, hot.sum(axis=0), np.iinfo(np.int64).max)
    return np.where(hot.any(axis=1), rarity.argmin(axis=1), -1)
