"""Clips to go with a clip: of its own class, and of another."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError

__all__ = ["Partners", "Tuples"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Tuples = Literal["pairs", "triplets"]


class Partners:
    """Draw partners by class.

    Parameters
    ----------
    classes : int64 array (clips,)

    Raises
    ------
    ParameterError
        All clips are of one class.
    """

    def __init__(self, classes: Ints) -> None:
        self._order = np.argsort(classes, kind="stable").astype(np.int64)
        _, first, block, count = np.unique(
            classes[self._order], return_index=True, return_inverse=True, return_counts=True
        )
        if len(count) < 2:
            raise ParameterError("tuples: needs clips of two classes at least")
        place = np.empty_like(self._order)
        place[self._order] = np.arange(len(classes))
        block = block[place]  # of every clip
        self._place, self._first, self._count = place, first[block], count[block]

    def same(self, clips: Ints, chance: Floats) -> Ints:
        """Draw another clip of the same class for each; a clip that is alone in its class gets itself.

        Parameters
        ----------
        clips : int64 array (n,)
        chance : float64 array (n,), in [0, 1)

        Returns
        -------
        int64 array (n,)
        """
        first, count = self._first[clips], self._count[clips]
        step = 1 + (chance * (count - 1)).astype(np.int64)
        return self._order[first + (self._place[clips] - first + step) % count]

    def other(self, clips: Ints, chance: Floats) -> Ints:
        """Draw a clip of another class for each; arguments as for `same`."""
        first, count = self._first[clips], self._count[clips]
        drawn = (chance * (len(self._order) - count)).astype(np.int64)
        return self._order[np.where(drawn < first, drawn, drawn + count)]
