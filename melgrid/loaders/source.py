"""Crops of the clips of one feature set, padded, in the axes and the type that a model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from melgrid.loaders.layout import Axes, Dtype, Layout
from melgrid.loaders.padding import pad

if TYPE_CHECKING:
    from melgrid.store import FeatureSet

__all__ = ["Source"]

Ints = NDArray[np.int64]
STEPS_AHEAD = 4  # batches that the system is asked to fetch, as long as the disk is needed at all
PATIENCE = 16  # batches in memory before that ends


class Source:
    """Where crops come from.

    Parameters
    ----------
    feature_set : FeatureSet
    rows : int64 array (clips,)
        Into ``feature_set.clip_ids``.
    lengths : int64 array (clips,), frames
    axes, dtype : str
        As in `Layout`.
    resident : bool
        Read all clips once, when the first crop is asked for, and keep them in memory.
    """

    def __init__(
        self, feature_set: FeatureSet, rows: Ints, lengths: Ints, axes: Axes | None, dtype: Dtype, resident: bool
    ) -> None:
        self.feature_set = feature_set
        self.rows, self.lengths = rows, lengths
        self.layout = Layout(feature_set.feature, axes, dtype)
        self.resident = resident
        self._memory: NDArray[np.uint8] | None = None
        self._hints = 0

    def crops(self, clips: Ints, starts: Ints, frames: int) -> tuple[NDArray[Any], Ints]:
        """Gather crops.

        Parameters
        ----------
        clips, starts : int64 arrays (examples,)
            Positions among `rows`, and the first frame in each.
        frames : int
            Length of the crops; shorter clips are padded.

        Returns
        -------
        x : array (examples, *axes)
        counts : int64 array (examples,)
            Frames before the padding.

        Raises
        ------
        ShardError
            A file is shorter than the manifest says.
        """
        counts = np.minimum(self.lengths[clips], frames)
        stored = self.layout.empty(len(clips), frames)
        if self.resident:
            self._gather(clips, starts, counts, stored)
        elif self.feature_set.read(self.rows[clips], starts, counts, stored):
            self._hints = PATIENCE
        pad(self.feature_set.feature, stored, counts)
        return self.layout.arrange(stored), counts

    @property
    def wants_hints(self) -> bool:
        """Whether the disk was needed lately; each look counts as a batch."""
        self._hints -= self._hints > 0
        return self._hints > 0

    def hint(self, clips: Ints, starts: Ints, frames: int) -> None:
        """Ask the system to fetch crops; arguments as for `crops`."""
        self.feature_set.advise(self.rows[clips], starts, np.minimum(self.lengths[clips], frames))

    def _gather(self, clips: Ints, starts: Ints, counts: Ints, out: NDArray[Any]) -> None:
        from melgrid.store.gather import gather  # numba takes a while to load

        frame = int(np.prod(out.shape[2:], dtype=np.int64)) * out.dtype.itemsize
        if self._memory is None:
            whole = np.empty((int(self.lengths.sum()), *out.shape[2:]), out.dtype)
            self.feature_set.read_clips(self.rows, whole)
            self._first = (np.cumsum(self.lengths) - self.lengths) * frame
            self._memory = whole.reshape(-1).view(np.uint8)
        places = np.arange(len(clips)) * (out.shape[1] * frame)
        target = out.reshape(-1).view(np.uint8)
        gather(self._memory, self._first[clips] + starts * frame, counts * frame, target, places)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_memory": None}  # a copy reads again
