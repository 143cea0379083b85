"""Labels in time of a store's clips, one clip after the other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["Intervals"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Intervals:
    """Intervals of clips; those of clip i are ``offset[i]`` up to, not including, ``offset[i + 1]``.

    Attributes
    ----------
    offset : int64 array (clips + 1,)
    seconds : float64 array (intervals, 2)
        Start and end in the source file; ``start <= t < end`` is covered. They may overlap and leave gaps.
    classes : int32 array (intervals,)
        Class numbers.
    """

    offset: Ints
    seconds: NDArray[np.float64]
    classes: NDArray[np.int32]

    def of(self, clips: Ints) -> Intervals:
        """Pick clips.

        Parameters
        ----------
        clips : int64 array (n,)

        Returns
        -------
        Intervals, of n clips
        """
        count = np.diff(self.offset)[clips]
        offset = np.concatenate([[0], np.cumsum(count)])
        picked = np.repeat(self.offset[clips] - offset[:-1], count) + np.arange(offset[-1])
        return Intervals(offset, self.seconds[picked], self.classes[picked])

    def rows(self) -> list[list[tuple[float, float, int]]]:
        """Return lists of (start, end, class number), one for each clip."""
        spans = [(a, b, c) for (a, b), c in zip(self.seconds.tolist(), self.classes.tolist(), strict=True)]
        return [spans[a:b] for a, b in pairwise(self.offset.tolist())]
