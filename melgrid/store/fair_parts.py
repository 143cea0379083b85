"""Divide groups of clips into parts of which each has its share of every class."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["fair_parts"]

Ints = NDArray[np.int64]


def fair_parts(groups: Ints, classes: Ints, parts: int, seed: int) -> Ints:
    """Give each group as a whole to the part where it leaves the shares of the classes most even.

    Groups come in random order, those of uneven classes first, because they are the hardest to place; equally good
    parts are taken by the one with fewest clips. Counts are whole numbers, so that equal is equal everywhere.

    Parameters
    ----------
    groups, classes : ndarray of int64, shape (n,)
        Of each clip; any numbers.
    parts : int >= 1
    seed : int in [0, 2**64)

    Returns
    -------
    ndarray of int64, shape (n,)
        Number of the part of each clip.

    References
    ----------
    The greedy rule is that of J. Wasikowski's "Stratified group k-fold cross-validation" (Kaggle, 2019), which
    scikit-learn's StratifiedGroupKFold follows at 20 us a class, part and group; this takes 1 us a group.
    """
    _, group = np.unique(groups, return_inverse=True)
    _, kind = np.unique(classes, return_inverse=True)
    if not len(group):
        return np.zeros(0, np.int64)
    kinds, number = int(kind.max()) + 1, int(group.max()) + 1
    pairs, count = np.unique(group * kinds + kind, return_counts=True)
    of, member = pairs // kinds, pairs % kinds
    first = np.searchsorted(of, np.arange(number + 1))
    uneven = kinds * np.bincount(of, count * count, number) - np.bincount(of, count, number) ** 2
    chance = np.argsort(np.random.Philox(key=np.array([seed, 0], np.uint64)).random_raw(number), kind="stable")
    order = chance[np.argsort(-uneven[chance], kind="stable")]
    return _deal(order, first, member, count.astype(np.int64), np.bincount(kind, minlength=kinds), parts)[group]


@numba.njit("int64[::1](int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64)", cache=True, nogil=True)
def _deal(order: Ints, first: Ints, member: Ints, count: Ints, total: Ints, parts: int) -> Ints:
    """Part of each group; the classes of group g are ``member[first[g]:first[g + 1]]``, with their `count`."""
    has = np.zeros((parts, len(total)), np.int64)
    clips = np.zeros(parts, np.int64)
    sums, squares = np.zeros(len(total), np.int64), np.zeros(len(total), np.int64)
    chosen = np.empty(len(order), np.int64)
    for group in order:
        best, least = 0, np.inf
        for part in range(parts):
            spread = 0.0  # standard deviation, over the parts, of the share that each has of a class
            for at in range(first[group], first[group + 1]):
                kind, more = member[at], count[at]
                square = squares[kind] + more * (2 * has[part, kind] + more)
                spread += np.sqrt(float(parts * square - (sums[kind] + more) ** 2)) / total[kind]
            if spread < least or (spread == least and clips[part] < clips[best]):
                best, least = part, spread
        for at in range(first[group], first[group + 1]):
            kind, more = member[at], count[at]
            squares[kind] += more * (2 * has[best, kind] + more)
            sums[kind] += more
            has[best, kind] += more
            clips[best] += more
        chosen[group] = best
    return chosen
