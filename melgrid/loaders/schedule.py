"""Which crop of which clip stands where in an epoch."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.loaders.crops import Crop, tiles
from melgrid.loaders.sampling import clip_keys, draw_below, shuffled

__all__ = ["Schedule"]

Ints = NDArray[np.int64]


class Schedule:
    """Batches of (clip, first frame), as a pure function of epoch and number.

    An epoch holds every clip `crops_per_clip` times, or every tile once. The crop that a clip gives depends on seed,
    epoch, clip id and crop number only.

    Parameters
    ----------
    clip_ids : iterable of str
    lengths : int64 array (clips,), frames
    frames : int >= 1 or None
        Length of a crop; None: whole clips.
    crop : str or None
        As resolved by `check_crop`.
    crops_per_clip, batch_size : int >= 1
    shuffle : bool
    seed : int in [0, 2**64)
    drop_last : bool

    Raises
    ------
    ParameterError
        There would be no batch, or the seed is out of range.
    """

    def __init__(
        self,
        clip_ids: Iterable[str],
        lengths: Ints,
        *,
        frames: int | None,
        crop: Crop | None,
        crops_per_clip: int,
        batch_size: int,
        shuffle: bool,
        seed: int,
        drop_last: bool,
    ) -> None:
        if min(batch_size, crops_per_clip) < 1:
            raise ParameterError(f"batch_size={batch_size}, crops_per_clip={crops_per_clip}: must be at least 1")
        if not 0 <= seed < 1 << 64:
            raise ParameterError(f"seed={seed}: must lie in [0, 2**64)")
        if crop == "tile" and frames is not None:
            self._clips, self._starts = tiles(lengths, frames)
        else:
            self._clips = np.repeat(np.arange(len(lengths)), crops_per_clip)
            self._starts = np.zeros_like(self._clips)
        spare = np.maximum(0, lengths - frames)[self._clips] if frames is not None else self._starts
        if crop == "center":
            self._starts = spare // 2
        self._draw: partial[Ints] | None = None
        if crop == "random":
            keys, numbers = clip_keys(clip_ids)[self._clips], np.tile(np.arange(crops_per_clip), len(lengths))
            self._draw = partial(draw_below, spare + 1, seed, keys=keys, numbers=numbers)
        self._batch_size, self._shuffle, self._seed = batch_size, shuffle, seed
        self._count = len(self._clips) // batch_size if drop_last else -(-len(self._clips) // batch_size)
        if self._count == 0:
            raise ParameterError(
                f"no batch: {len(self._clips)} crops with batch_size={batch_size}, drop_last={drop_last}; "
                "select more clips or make batches smaller"
            )
        self._planned = -1, self._clips, self._starts

    def __len__(self) -> int:
        return self._count

    def part(self, epoch: int, i: int) -> tuple[Ints, Ints]:
        """Return the crops of one batch.

        Parameters
        ----------
        epoch : int >= 0
        i : int in [0, len)

        Returns
        -------
        clips, starts : int64 arrays (examples,)
            Positions of the clips, and the first frame in each.

        Raises
        ------
        IndexError
            There is no batch `i`.
        """
        if not 0 <= i < self._count:
            raise IndexError(f"batch {i} of {self._count}")
        known, clips, starts = self._planned
        if known != epoch:
            clips, starts = self._plan(epoch)
            self._planned = epoch, clips, starts  # one assignment: other threads see the old plan or the new one
        part = slice(i * self._batch_size, (i + 1) * self._batch_size)
        return clips[part], starts[part]

    def _plan(self, epoch: int) -> tuple[Ints, Ints]:
        clips = self._clips
        starts = self._starts if self._draw is None else self._draw(epoch=epoch)
        if self._shuffle:
            order = shuffled(len(clips), self._seed, epoch)
            clips, starts = clips[order], starts[order]
        return clips, starts
