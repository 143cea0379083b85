"""Mixup, and masks over time and frequency, decided by seed, epoch and clip alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from melgrid.errors import ParameterError
from melgrid.loaders.layout import Dtype
from melgrid.loaders.whole_numbers import whole_number

__all__ = ["Augmentation", "Masks", "mix"]

Masks = tuple[int, int]
"""How many, and the greatest width."""

Chance = Callable[[int], NDArray[np.float64]]
"""Uniform numbers in [0, 1), one for each example, for each purpose (an integer) others."""


class Augmentation:
    """Changes to examples that are read.

    Parameters
    ----------
    mixup : float > 0 or None
        Both parameters of the beta distribution that shares are drawn from (Zhang et al. 2018).
    time_masks, frequency_masks : (int >= 1, int >= 1) or None
        How many stretches of frames or bins are hidden, and the greatest width of each (Park et al. 2019). What they
        hide becomes the mean of the example.
    dtype : str
        Of the loader.

    Attributes
    ----------
    hides : bool
        Whether there are masks.

    Raises
    ------
    ParameterError

    References
    ----------
    H. Zhang, M. Cisse, Y. Dauphin and D. Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018.
    D. Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition", Interspeech 2019.
    """

    def __init__(
        self, mixup: float | None, time_masks: Masks | None, frequency_masks: Masks | None, dtype: Dtype
    ) -> None:
        if mixup is not None and not 0 < mixup < np.inf:
            raise ParameterError(f"mixup={mixup}: must be above 0")
        for name, masks in (("time_masks", time_masks), ("frequency_masks", frequency_masks)):
            if masks is not None and np.shape(masks) != (2,):
                raise ParameterError(f"{name}={masks!r}: must be how many and the greatest width, such as (2, 10)")
            for i, number in enumerate(masks or ()):
                whole_number(f"{name}[{i}]", number, 1)
        self.mixup = mixup
        self._masks = time_masks, frequency_masks
        self.hides = self._masks != (None, None)
        if dtype != "float32" and (mixup is not None or time_masks or frequency_masks):
            raise ParameterError(f"dtype={dtype!r}: mixup and masks need values, not codes; leave dtype out")

    def mask(self, x: NDArray[Any], counts: NDArray[np.int64], chance: Chance) -> None:
        """Hide stretches, in place.

        Parameters
        ----------
        x : float32 array (examples, frames, bins, channels), any strides
        counts : int64 array (examples,)
            Frames before the padding.
        chance : function
        """
        means = [example[:count].mean() if count else 0.0 for example, count in zip(x, counts, strict=True)]
        frames, bins = (list(self._stretches(axis, counts, x.shape[2], chance)) for axis in (0, 1))
        for i, mean in enumerate(means):
            for first, after in frames:
                x[i, first[i] : after[i]] = mean
            for first, after in bins:
                x[i, : counts[i], first[i] : after[i]] = mean

    def _stretches(
        self, axis: int, counts: NDArray[np.int64], bins: int, chance: Chance
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        number, widest = self._masks[axis] or (0, 0)
        size = counts if axis == 0 else np.full_like(counts, bins)
        for k in range(number):
            purpose = 2 * (2 * k + axis)
            width = (chance(purpose) * (np.minimum(widest, size) + 1)).astype(np.int64)
            first = (chance(purpose + 1) * (size - width + 1)).astype(np.int64)
            yield first, first + width

    def shares(self, chance: NDArray[np.float64]) -> NDArray[np.float32]:
        """Draw what each example keeps of itself; the next one in its batch gives the rest.

        Parameters
        ----------
        chance : float64 array (examples,), in [0, 1)

        Returns
        -------
        float32 array (examples,), in [0, 1]
        """
        shares: NDArray[np.float32] = betaincinv(self.mixup, self.mixup, chance).astype(np.float32)
        return shares


def mix(values: NDArray[np.float32], shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mix every example of a batch with the next one, the last with the first.

    Parameters
    ----------
    values : float32 array (examples, ...)
    shares : float32 array (examples,)

    Returns
    -------
    float32 array of the same shape
    """
    kept = shares.reshape(-1, *[1] * (values.ndim - 1))
    rest = np.roll(values, -1, axis=0)
    rest *= 1 - kept
    rest += kept * values
    return rest
