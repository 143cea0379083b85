"""Which crop of which clip stands where in an epoch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.loaders.crops import Crop, tiles
from melgrid.loaders.sampling import clip_keys, draw_below, shuffled, uniform, weighted
from melgrid.loaders.whole_numbers import flag, whole_number

__all__ = ["Schedule"]

Ints = NDArray[np.int64]


class Schedule:
    """Batches of (clip, crop number, first frame), as a pure function of epoch and number.

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
    shard : (int, int)
        Which of how many equal shares; what does not go into equal shares is left out, in each epoch something else.
    weights : float64 array (clips,) or None
        Draw clips in proportion instead; as many crops as without.
    strata : int64 array (clips,) or None
        See `weighted`.

    Raises
    ------
    ParameterError
        There would be no batch, or a number is out of range.
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
        shard: tuple[int, int] = (0, 1),
        weights: NDArray[np.float64] | None = None,
        strata: Ints | None = None,
    ) -> None:
        batch_size = whole_number("batch_size", batch_size, 1)
        crops_per_clip = whole_number("crops_per_clip", crops_per_clip, 1)
        seed = whole_number("seed", seed)
        shuffle, drop_last = flag("shuffle", shuffle), flag("drop_last", drop_last)
        if seed >= 1 << 64:
            raise ParameterError(f"seed={seed}: must lie in [0, 2**64)")
        if np.shape(shard) != (2,) or np.asarray(shard).dtype.kind not in "iu" or not 0 <= shard[0] < shard[1]:
            raise ParameterError(f"shard={shard!r}: must be (index, count), whole numbers with 0 <= index < count")
        if weights is not None and (crop == "tile" or not shuffle):
            raise ParameterError("weights: clips are drawn at random, so say shuffle=True, and not crop='tile'")
        self._crop = crop
        self._tiles = tiles(lengths, frames) if crop == "tile" and frames is not None else None
        if self._tiles is not None:
            self._clips, self._numbers = self._tiles[0], np.zeros_like(self._tiles[0])
        else:
            self._clips = np.repeat(np.arange(len(lengths)), crops_per_clip)
            self._numbers = np.tile(np.arange(crops_per_clip), len(lengths))
        self._spare = np.maximum(0, lengths - frames) if frames is not None else np.zeros_like(lengths)
        self._keys = clip_keys(clip_ids)
        self._weights, self._strata = weights, strata
        self._batch_size, self._shuffle, self._seed, self._shard = batch_size, shuffle, seed, shard
        self._crops = len(self._clips) // shard[1]
        self._count = self._crops // batch_size if drop_last else -(-self._crops // batch_size)
        if self._count == 0:
            raise ParameterError(
                f"no batch: {self._crops} crops with batch_size={batch_size}, drop_last={drop_last}, shard={shard}; "
                "select more clips or make batches smaller"
            )
        self._planned: tuple[int | None, tuple[Ints, ...]] = None, ()

    def __len__(self) -> int:
        return self._count

    def part(self, epoch: int, i: int) -> tuple[Ints, Ints, Ints]:
        """Return the crops of one batch.

        Parameters
        ----------
        epoch : int >= 0
        i : int in [0, len)

        Returns
        -------
        clips, numbers, starts : int64 arrays (examples,)
            Positions of the clips, which of a clip's crops each is, and the first frame in each.

        Raises
        ------
        IndexError
            There is no batch `i`.
        """
        if not 0 <= i < self._count:
            raise IndexError(f"batch {i} of {self._count}")
        known, plan = self._planned
        if known != epoch:
            plan = self._plan(epoch)
            self._planned = epoch, plan  # one assignment: other threads see the old plan or the new one
        part = slice(i * self._batch_size, (i + 1) * self._batch_size)
        return plan[0][part], plan[1][part], plan[2][part]

    def starts(self, epoch: int, clips: Ints, numbers: Ints) -> Ints:
        """Say where crops begin that are not tiles.

        Parameters
        ----------
        epoch : int >= 0
        clips, numbers : int64 arrays (n,)

        Returns
        -------
        int64 array (n,), frames
        """
        spare = self._spare[clips]
        if self._crop == "random":
            return draw_below(spare + 1, self._seed, epoch, self._keys[clips], numbers)
        return spare // 2 if self._crop == "center" else np.zeros_like(spare)

    def chance(self, epoch: int, clips: Ints, numbers: Ints, purpose: int) -> NDArray[np.float64]:
        """Draw a number for each crop; the same one whenever asked.

        Parameters
        ----------
        epoch : int >= 0
        clips, numbers : int64 arrays (n,)
        purpose : int >= 0

        Returns
        -------
        float64 array (n,), in [0, 1)
        """
        return uniform(self._seed, epoch, self._keys[clips], numbers, purpose)

    def _plan(self, epoch: int) -> tuple[Ints, ...]:
        clips, numbers = self._clips, self._numbers
        if self._weights is not None:
            clips, numbers = weighted(self._weights, self._strata, len(clips), self._seed, epoch)
        starts = self.starts(epoch, clips, numbers) if self._tiles is None else self._tiles[1]
        order = shuffled(len(clips), self._seed, epoch) if self._shuffle else np.arange(len(clips))
        index, count = self._shard
        order = order[index : self._crops * count : count]
        return clips[order], numbers[order], starts[order]
