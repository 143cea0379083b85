"""Mean and standard deviation of any clips, merged from the sums that every shard holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import StoreError
from melgrid.store.shards.shard_info import read_arrays

if TYPE_CHECKING:
    from melgrid.store.feature_set import FeatureSet

__all__ = ["Moments", "Statistics", "clip_moments"]

# Below this share of the mean, the spread of a bin is nothing but rounding.
CONSTANT = 1e-7


@dataclass(frozen=True)
class Statistics:
    """Of all frames of some clips together, so long clips weigh more.

    Attributes
    ----------
    mean : ndarray, float64 or complex128, physical unit
        Shape (bins[, channels]), or () over everything.
    std : ndarray, float64
        Population standard deviation, same shape; 1 where a bin is constant, so that dividing by it is safe. Of
        complex values, the root mean square distance from the mean.
    frames : int
    """

    mean: NDArray[Any]
    std: NDArray[np.float64]
    frames: int


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations.

    Attributes
    ----------
    count : int
    mean, m2 : ndarray, float64, same shape
    """

    count: int
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]

    @staticmethod
    def merge(counts: NDArray[np.int64], means: NDArray[np.float64], m2s: NDArray[np.float64]) -> Moments:
        """Merge the moments of several lots of values, along the first axis.

        Parameters
        ----------
        counts : ndarray, shape (n,)
        means, m2s : ndarray, shape (n, ...)

        Returns
        -------
        Moments

        References
        ----------
        .. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing
           sample variances", Stanford STAN-CS-79-773, 1979.
        """
        total = int(counts.sum())
        if not total:
            return Moments(0, np.zeros(means.shape[1:]), np.zeros(means.shape[1:]))
        weights = counts.reshape(-1, *[1] * (means.ndim - 1)) / total
        # Deviations from one of the means first: a constant stays exactly constant.
        origin = means[int(np.argmax(counts))]
        mean = origin + (weights * (means - origin)).sum(axis=0)
        m2 = m2s.sum(axis=0) + total * (weights * (means - mean) ** 2).sum(axis=0)
        return Moments(total, mean, m2)

    def statistics(self, axis: Literal["bin"] | None, is_complex: bool) -> Statistics:
        """Finish: per bin, or over all bins (and channels) together.

        Raises
        ------
        StoreError
            There are no frames.
        """
        if not self.count:
            raise StoreError("these clips have no frames, so there are no statistics")
        mean, m2 = self.mean, self.m2
        if axis is None:
            tail = mean.shape[-1:] if is_complex else ()
            flat = mean.reshape(-1, *tail)
            merged = Moments.merge(np.full(len(flat), self.count), flat, m2.reshape(flat.shape))
            count, mean, m2 = merged.count, merged.mean, merged.m2
        else:
            count = self.count
        variance = m2 / count
        size = np.abs(mean)
        if is_complex:
            variance, size = variance.sum(axis=-1), np.hypot(mean[..., 0], mean[..., 1])
            mean = mean[..., 0] + 1j * mean[..., 1]
        std = np.sqrt(variance)
        return Statistics(np.asarray(mean), np.where(std <= CONSTANT * size, 1.0, std), self.count)


def clip_moments(features: FeatureSet, rows: NDArray[np.int64]) -> Moments:
    """Merge the moments of some clips; memory holds one shard's at a time.

    Parameters
    ----------
    features : FeatureSet
    rows : ndarray, shape (n,), int64
        Into its clip ids, ascending.

    Returns
    -------
    Moments of shape frame_shape
    """
    table = features.store.table
    places = features.clip_rows[rows]
    lengths = features.lengths[rows]
    parts = []
    bounds = np.searchsorted(table.shard[places], [[shard.index, shard.index + 1] for shard in features.record.shards])
    for shard, (first, after) in zip(features.record.shards, bounds.reshape(-1, 2).tolist(), strict=True):
        if first < after:
            own = slice(first, after)
            in_shard = table.row[places[own]]
            means, m2s = read_arrays(features.store.path / features.id / shard.file, "mean", "m2")
            parts.append(Moments.merge(lengths[own], means[in_shard], m2s[in_shard]))
    if not parts:
        return Moments(0, np.zeros(features.frame_shape), np.zeros(features.frame_shape))
    counts = np.array([part.count for part in parts])
    return Moments.merge(counts, np.stack([part.mean for part in parts]), np.stack([part.m2 for part in parts]))
