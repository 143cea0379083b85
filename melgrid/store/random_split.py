"""Sides drawn at random: groups and copies stay whole, classes keep their shares."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.store.fair_parts import fair_parts
from melgrid.store.groups import inseparable
from melgrid.store.selection import Selection

if TYPE_CHECKING:
    from melgrid.store.feature_set import FeatureSet

__all__ = ["random_split"]

_PARTS = 20  # sides are made of this many equal parts, so shares come in steps of 5 %


def random_split(
    features: FeatureSet, shares: Mapping[str, float], seed: int, variants: Container[str] = ()
) -> tuple[Selection, ...]:
    """Divide the clips of a feature set into sides of given sizes; see `FeatureSet.split`.

    Parameters
    ----------
    features : FeatureSet
    shares : mapping of str to float
        Of all clips; at most 1 together.
    seed : int in [0, 2**64)
    variants : container of str
        Sides that get the variants of their clips as well; shares are of the clips themselves.

    Returns
    -------
    tuple of Selection

    Raises
    ------
    ParameterError
        The shares are not positive or exceed 1, there are too few groups for them, or `seed` is out of range.
    """
    total = sum(shares.values())
    if not (all(share > 0 for share in shares.values()) and total <= 1 + 1e-9):  # so that NaN is refused, too
        raise ParameterError(f"shares {dict(shares)}: must be above 0 and at most 1 together")
    if not 0 <= seed < 1 << 64:
        raise ParameterError(f"seed={seed}: must lie in [0, 2**64)")
    roots = features.store.table.roots[features.clip_rows]
    original = roots == features.clip_rows
    groups = inseparable(features.store.table, features.clip_rows)[original]
    labels = _labels(features)[original]
    largest = int(np.unique(labels, return_counts=True)[1].max(initial=0))
    # As many as the largest class can be divided into, unless classes mean nothing.
    most = min(_PARTS, len(np.unique(groups)))
    number = min(most, largest) if largest > 1 else most
    if np.abs(np.diff(_bounds(shares, number)) / max(1, number) - [*shares.values()]).max() > 0.5 / _PARTS:
        number = most  # sides come first: a class of two clips would make halves of them
    parts = fair_parts(groups, labels, number, seed)
    # A class of fewer groups than parts is not in the last ones, so sides take theirs in random order.
    parts = np.argsort(np.random.Philox(key=np.array([seed, 1], np.uint64)).random_raw(number), kind="stable")[parts]
    bounds = _bounds(shares, number)
    if (np.diff(bounds) < 1).any():
        raise ParameterError(
            f"shares {dict(shares)}: {number} groups of clips cannot be divided so; ask for fewer or larger sides"
        )
    kinds = np.unique(labels, return_inverse=True)[1]
    has = np.zeros((number, int(kinds.max()) + 1), np.int64)
    np.add.at(has, (parts, kinds), 1)
    side_of = np.full(len(features.store.table), -1)
    side_of[features.clip_rows[original]] = _evened(has, np.searchsorted(bounds[1:], np.arange(number), "right"))[parts]
    sides = side_of[roots]
    return tuple(
        Selection(features, np.flatnonzero((sides == side) & (original | (name in variants))))
        for side, name in enumerate(shares)
    )


def _bounds(shares: Mapping[str, float], parts: int) -> NDArray[np.int64]:
    """First part of each side, and the one after the last."""
    return np.asarray(np.rint(np.cumsum([0.0, *shares.values()]) * parts), np.int64)


def _evened(has: NDArray[np.int64], side: NDArray[np.int64]) -> NDArray[np.int64]:
    """Swap parts between sides as long as sides come closer to their share of every class.

    Parameters
    ----------
    has : ndarray of int64, shape (parts, classes)
        Clips.
    side : ndarray of int64, shape (parts,)
        Number of the side that takes a part.

    Returns
    -------
    ndarray like `side`, as many parts to a side
    """
    size, total, side = np.bincount(side), has.sum(axis=0), side.copy()

    def uneven(held: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.int64]:
        # In whole thousandths of a fair share, so that equal is equal on every machine.
        off = held * (1000 * len(has)) // (total * size[..., None]) - 1000
        return np.asarray((off * off).sum(axis=-1) * size)

    while True:
        held = np.stack([has[side == number].sum(axis=0) for number in range(len(size))])
        now, best, pair = uneven(held, size), 0, None
        for part, own in enumerate(side):
            more = has - has[part]
            gain = now[own] + now[side] - uneven(held[own] + more, size[own]) - uneven(held[side] - more, size[side])
            gain[side == own] = 0
            if gain.max() > best:
                best, pair = int(gain.max()), [part, int(gain.argmax())]
        if pair is None:
            return side
        side[pair] = side[pair[::-1]]


def _labels(features: FeatureSet) -> NDArray[np.int64]:
    """Class numbers to keep balanced; of several labels of a clip, the rarest, which is the hardest to balance."""
    everything = Selection(features, np.arange(len(features.clip_ids)))
    if everything.labels.ndim == 1:
        return everything.labels.astype(np.int64)
    hot = everything.labels.astype(bool)
    rarity = np.where(hot, hot.sum(axis=0), np.iinfo(np.int64).max)
    return np.where(hot.any(axis=1), rarity.argmin(axis=1), -1)
