"""Which example comes when, and where its crop begins: pure functions of seed, epoch and clip.

Nothing here keeps state, so batch size, threads and the place to resume from cannot change a crop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["clip_keys", "draw_below", "shuffled"]


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
    state = _mix(np.array([seed], np.uint64))
    for part in (np.array([epoch], np.uint64), keys, numbers.astype(np.uint64)):
        state = _mix(state ^ part)
    scaled = (state >> np.uint64(32)) * limits.astype(np.uint64)
    return (scaled >> np.uint64(32)).astype(np.int64)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    # arrays, not scalars: numpy warns about the intended overflow of scalars only
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
