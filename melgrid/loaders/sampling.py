"""Which example comes when, and where its crop begins: pure functions of seed, epoch and clip.

Nothing here keeps state, so batch size, threads and the place to resume from cannot change a crop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["clip_keys", "draw_below", "shuffled", "uniform", "weighted"]


def shuffled(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Permutation of ``range(count)`` for one epoch.

    The raw words of a Philox generator keyed by ``(seed, epoch)`` are sorted. Raw streams are fixed for every
    numpy version, those of ``Generator.permutation`` are not (NEP 19).

    Parameters
    ----------
    count : int >= 0
    seed, epoch : int in [0, 2**64)

    Returns
    -------
    int64 array (count,)
    """
    words = np.random.Philox(key=np.array([seed, epoch], np.uint64)).random_raw(count)
    return np.argsort(words, kind="stable").astype(np.int64, copy=False)


def clip_keys(clip_ids: Iterable[str]) -> NDArray[np.uint64]:
    """Number each clip by its id alone, so that its crops do not depend on which other clips are selected.

    Parameters
    ----------
    clip_ids : iterable of str

    Returns
    -------
    uint64 array, one 64-bit BLAKE2b digest per clip
    """
    digests = b"".join(hashlib.blake2b(clip_id.encode(), digest_size=8).digest() for clip_id in clip_ids)
    return np.frombuffer(digests, "<u8").astype(np.uint64, copy=False)


def draw_below(
    limits: NDArray[np.int64], seed: int, epoch: int, keys: NDArray[np.uint64], numbers: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Uniform integers in ``[0, limit)``, each decided by (seed, epoch, clip key, crop number) only.

    The four numbers are chained through the output function of SplitMix64, a bijection of 64 bits; the upper
    half is scaled by multiplication. The same clip and number draw the same fraction of any limit.

    Parameters
    ----------
    limits : int64 array (n,), in [1, 2**32)
    seed, epoch : int in [0, 2**64)
    keys : uint64 array (n,)
        As from `clip_keys`.
    numbers : int64 array (n,)
        Which of a clip's crops.

    Returns
    -------
    int64 array (n,)

    References
    ----------
    G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29 (2019).
    """
    scaled = (_words(seed, epoch, keys, numbers) >> np.uint64(32)) * limits.astype(np.uint64)
    return (scaled >> np.uint64(32)).astype(np.int64)


def uniform(
    seed: int, epoch: int, keys: NDArray[np.uint64], numbers: NDArray[np.int64], purpose: int
) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), other ones for every purpose and than `draw_below` draws.

    Parameters
    ----------
    seed, epoch, keys, numbers
        As for `draw_below`.
    purpose : int in [0, 2**31)

    Returns
    -------
    float64 array (n,)
    """
    words = _words(seed, epoch, keys, numbers + ((purpose + 1) << 32))
    return (words >> np.uint64(11)).astype(np.float64) * np.float64(2.0**-53)


def weighted(
    weights: NDArray[np.float64], strata: NDArray[np.int64] | None, count: int, seed: int, epoch: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw clips in proportion to weights, each as often as its share of `count` says, rounded up or down.

    Systematic sampling of the clips in random order: one random number places a comb of `count` teeth.
    With strata, these too are drawn as often as the weights of their clips say, rounded up or down.

    Parameters
    ----------
    weights : float64 array (clips,), >= 0, some above
    strata : int64 array (clips,) or None
    count : int >= 1
    seed, epoch : int in [0, 2**64)

    Returns
    -------
    clips, numbers : int64 arrays (count,)
        Drawn clips, equal ones together, and which of a clip's draws each is.
    """
    order = shuffled(len(weights), seed ^ _COMB, epoch)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    ends = np.cumsum(weights[order])
    # another word than those that were sorted: the comb must not know the order
    first = np.random.Philox(key=np.array([seed ^ _COMB, epoch], np.uint64), counter=1 << 64).random_raw() * 2.0**-64
    teeth = (np.arange(count) + first) * (ends[-1] / count)
    places = np.searchsorted(ends, teeth, side="right")
    last = np.flatnonzero(weights[order])[-1]  # rounding may push the last tooth out
    places = np.minimum(places, last)
    starts = np.searchsorted(places, places, side="left")
    return order[places], np.arange(count) - starts


def _words(seed: int, epoch: int, keys: NDArray[np.uint64], numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    state = _mix(np.array([seed], np.uint64))
    for part in (np.array([epoch], np.uint64), keys, numbers.astype(np.uint64)):
        state = _mix(state ^ part)
    return state


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    # arrays, not scalars: numpy warns about the intended overflow of scalars only
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


_COMB = 0x9D3F8A6B5C174E21  # keeps these draws apart from the shuffling of the same seed
