"""Some clips of a feature set: what a loader serves and what statistics are of."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.store.statistics import Moments, Statistics, clip_moments

if TYPE_CHECKING:
    import pandas as pd

    from melgrid.store.feature_set import FeatureSet
    from melgrid.store.intervals import Intervals

__all__ = ["Selection"]


class Selection:
    """Clips of one feature set, in store order.

    Parameters
    ----------
    feature_set : FeatureSet
    rows : ndarray, shape (n,), int64
        Into ``feature_set.clip_ids``; sorted here, repeats removed.
    """

    def __init__(self, feature_set: FeatureSet, rows: NDArray[np.int64]) -> None:
        self.feature_set = feature_set
        rows = np.asarray(rows, np.int64)
        self.rows: NDArray[np.int64] = rows if (np.diff(rows) > 0).all() else np.unique(rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def clip_ids(self) -> NDArray[np.object_]:
        """Clip ids, shape (n,)."""
        return self.feature_set.clip_ids[self.rows]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each clip, shape (n,)."""
        return self.feature_set.lengths[self.rows]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; labels are indices into them."""
        return self.feature_set.store.about.classes

    @cached_property
    def clips(self) -> pd.DataFrame:
        """Rows of ``store.clips``, with a fresh RangeIndex."""
        places = self.feature_set.clip_rows[self.rows]
        return self.feature_set.store.clips.iloc[places].reset_index(drop=True)

    @cached_property
    def labels(self) -> NDArray[Any]:
        """Class indices, int64 (n,), -1 for none; for task multi ones where a clip has a class, uint8 (n, classes)."""
        store = self.feature_set.store
        places = self.feature_set.clip_rows[self.rows]
        return (store.table.multi_hot() if store.about.task == "multi" else store.table.single_labels())[places]

    @cached_property
    def intervals(self) -> Intervals | None:
        """Labels in time of each clip; None where the dataset has none."""
        intervals = self.feature_set.store.table.intervals
        return None if intervals is None else intervals.of(self.feature_set.clip_rows[self.rows])

    @cached_property
    def _moments(self) -> Moments:
        return clip_moments(self.feature_set, self.rows)

    def statistics(self, axis: Literal["bin"] | None = "bin") -> Statistics:
        """Frame-weighted mean and standard deviation of the stored values of exactly these clips.

        Parameters
        ----------
        axis : "bin" or None
            Per bin (and channel), or over everything.

        Returns
        -------
        Statistics

        Raises
        ------
        ParameterError
            `axis` is something else.
        StoreError
            The clips have no frames.
        """
        if axis not in ("bin", None):
            raise ParameterError(f"axis={axis!r}: must be 'bin' or None")
        return self._moments.statistics(axis, self.feature_set.feature.is_complex)

    def __repr__(self) -> str:
        return f"<Selection of {len(self)} clips, {int(self.lengths.sum())} frames of {self.feature_set.id}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Selection, (self.feature_set, self.rows)
