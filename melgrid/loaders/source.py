"""Crops of the clips of one feature set, padded, in the axes and the type that a model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.loaders.layout import Axes, Dtype, Layout
from melgrid.loaders.padding import pad

if TYPE_CHECKING:
    from melgrid.store import FeatureSet

__all__ = ["Resident", "Source"]

Ints = NDArray[np.int64]
Resident = bool | Literal["device"]
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
    resident : bool or "device"
        Read all clips once, when the first crop is asked for, and keep them in memory; or only name crops, for
        `DeviceFrames`.

    Raises
    ------
    ParameterError
        A word is unknown, or `axes` do not fit the feature.
    """

    def __init__(
        self, feature_set: FeatureSet, rows: Ints, lengths: Ints, axes: Axes | None, dtype: Dtype, resident: Resident
    ) -> None:
        if resident not in (False, True, "device"):
            raise ParameterError(f"resident={resident!r}: must be True, False or 'device'")
        self.feature_set = feature_set
        self.rows, self.lengths = rows, lengths
        self._shortest = int(lengths.min()) if len(lengths) else 0
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
        x : array (examples, *axes), or int32 array (examples, 2) that names row and first frame for a device
        counts : int64 array (examples,)
            Frames before the padding.

        Raises
        ------
        ShardError
            A file is shorter than the manifest says.
        """
        counts = np.minimum(self.lengths[clips], frames)
        if self.resident == "device":
            return np.stack([self.rows[clips], starts], axis=1).astype(np.int32), counts
        stored = self.layout.empty(len(clips), frames)
        if self.resident:
            self._gather(clips, starts, counts, stored)
        elif self.feature_set.read(self.rows[clips], starts, counts, stored):
            self._hints = PATIENCE
        if frames > self._shortest:
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
        from melgrid.store.shards.gather import gather  # numba takes a while to load

        frame = self.layout.frame_bytes
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
