"""What stands behind the end of a clip that is shorter than its crop.

A bare zero would be the loudest value of many dB scales. The right value is what digital silence would have become,
had the clip gone on: the floor that ``top_db`` put under the clip, or the transform of silence where there is none.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgrid.params import Feature, Mfcc
from melgrid.store.shards.encoding import decode, encode
from melgrid.transforms import mfcc, silent_frame

__all__ = ["pad", "padding"]

Frame = NDArray[Any]


def padding(feature: Feature, stored: NDArray[Any]) -> Frame:
    """Return one frame of the silence behind a clip.

    Parameters
    ----------
    feature : Feature
    stored : array (frames, ...)
        All stored frames of the clip; perhaps none.

    Returns
    -------
    float32 or complex64 array (bins,), in the feature's unit
        The clip's maximum - `top_db`, but not below silence; with ``ref="max"``, where the level of silence is
        relative to the clip, that floor, and without `top_db` the clip's minimum. For mfcc these are levels of the
        bands, which the coefficients give back smoothed. Features without such a floor: the transform of silence.
    """
    silent = _silent_frame(feature)
    top_db, relative = getattr(feature, "top_db", None), getattr(feature, "ref", None) == "max"
    if stored.size == 0 or (top_db is None and not relative):
        return silent
    if isinstance(feature, Mfcc):
        to_bands, of_constant = _cepstra(feature)
        bands = np.tensordot(decode(stored, feature)[:, : feature.n_mfcc], to_bands, axes=(1, 0))
        lowest, highest, silence = bands.min(), bands.max(), silent[: feature.n_mfcc].dot(to_bands).max()
    else:  # codes ascend with the values, so only the extremes need decoding
        lowest, highest = decode(np.array([stored.min(), stored.max()]), feature)
        of_constant, silence = np.ones(feature.bins, np.float32), silent[0]
    level = lowest if top_db is None else highest - np.float32(top_db)
    frame: Frame = of_constant * (level if relative else max(level, silence))
    return frame


def pad(feature: Feature, stored: NDArray[Any], counts: NDArray[np.int64]) -> None:
    """Fill the frames behind each clip, in place.

    Parameters
    ----------
    feature : Feature
    stored : array (examples, frames, ...)
        Of the stored type.
    counts : int64 array (examples,)
        Frames that are there; an example with fewer than `frames` must hold its whole clip.
    """
    for i in np.flatnonzero(counts < stored.shape[1]):
        frame = padding(feature, stored[i, : counts[i]])
        if feature.channels is not None:
            frame = np.repeat(frame[:, None], feature.channels, axis=1)
        stored[i, counts[i] :] = encode(frame[None], feature)[0]


@lru_cache(maxsize=64)
def _silent_frame(feature: Feature) -> Frame:
    return silent_frame(feature)


@lru_cache(maxsize=64)
def _cepstra(feature: Mfcc) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Matrix from coefficients back to bands, and the whole frame that a level of 1 dB in all bands gives."""
    basis = mfcc(
        np.eye(feature.n_mels, dtype=np.float32),
        n_mfcc=feature.n_mfcc,
        dct_type=feature.dct_type,
        dct_norm=feature.dct_norm,
        lifter=feature.lifter,
    )
    constant = np.zeros(feature.bins, np.float32)  # which has no deltas
    constant[: feature.n_mfcc] = basis.sum(axis=0)
    return np.linalg.pinv(basis).astype(np.float32), constant
