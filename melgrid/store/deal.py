"""Which shard and row a clip gets. Dealt once, when a store is made; nothing later moves a clip."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["clips_per_shard", "deal"]


def clips_per_shard(clips: int, clip_bytes: float, shard_bytes: float) -> int:
    """Clips in a full shard: what fills the size target, but enough shards to keep many workers busy.

    Parameters
    ----------
    clips : int >= 0
        Clips in the store.
    clip_bytes : float >= 0
        Stored bytes of one clip of nominal length, of the largest feature.
    shard_bytes : float > 0
        Size target.

    Returns
    -------
    int >= 1: the smaller of ``shard_bytes / clip_bytes`` and ``max(8, ceil(clips / 64))``
    """
    fill = int(shard_bytes // clip_bytes) if clip_bytes > 0 else clips
    return max(1, min(fill, max(8, math.ceil(clips / 64))))


def deal(
    clip_ids: Sequence[str], clips_per_shard: int, first_shard: int = 0, parents: Sequence[str | None] | None = None
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Deal clips to shards in the order of the SHA-256 of their ids, so that every shard is a fair sample.

    Parameters
    ----------
    clip_ids : sequence of str
        All different.
    clips_per_shard : int >= 1
        The last shard may have fewer.
    first_shard : int >= 0
        Number of the first shard; above 0 when clips join a store later.
    parents : sequence of (str or None), optional
        Id of the clip that a clip is a variant of. Variants follow their parent, so that one decoding serves all.

    Returns
    -------
    shard, row : ndarray, shape (n,), int32, in the order of `clip_ids`

    Raises
    ------
    ValueError
        An id occurs twice, or `clips_per_shard` is below 1.
    """
    if clips_per_shard < 1:
        raise ValueError(f"clips_per_shard={clips_per_shard}: must be at least 1")
    if len(set(clip_ids)) != len(clip_ids):
        twice = Counter(clip_ids).most_common(1)[0][0]
        raise ValueError(f"clip id {twice!r} occurs twice")
    roots = clip_ids if parents is None else [p or own for p, own in zip(parents, clip_ids, strict=True)]
    digests = b"".join(hashlib.sha256(root.encode()).digest() for root in roots)
    words = np.frombuffer(digests, ">u8").astype(np.uint64).reshape(-1, 4)
    keys = [*words.T[::-1]]  # as bytes sort: the first word counts most
    if parents is not None:
        keys.insert(0, np.unique(np.array(clip_ids, object), return_inverse=True)[1])  # a parent's id is the shortest
    place = np.empty(len(words), np.int64)
    place[np.lexsort(keys)] = np.arange(len(words))
    return (first_shard + place // clips_per_shard).astype(np.int32), (place % clips_per_shard).astype(np.int32)
