"""Decoded samples to the signal that a feature is computed from: channels, then rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import soxr

from melgrid.errors import ClipError

if TYPE_CHECKING:
    from melgrid.params import Feature

__all__ = ["SignalKey", "mix", "resample", "resampled_length", "resampler_version", "signal_key"]

Float32 = npt.NDArray[np.float32]
SignalKey = tuple[int | None, int, str]
"""Channels kept (None: mono), rate in Hz, resampler: features with equal keys share one signal."""


def signal_key(feature: Feature) -> SignalKey:
    """Which signal a feature is computed from."""
    return feature.channels, feature.sr, feature.res_type


def mix(samples: Float32, channels: int | None) -> Float32:
    """Mix to mono, or keep channels.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples, n_channels)
    channels : int or None
        None takes the mean of all channels; a number keeps them, a mono clip is duplicated.

    Returns
    -------
    ndarray of float32, shape (n_samples,) for mono, else (channels, n_samples), C-contiguous

    Raises
    ------
    ClipError
        ``undecodable``: the clip has neither one nor the wanted number of channels.
    """
    n_samples, found = samples.shape
    if channels is not None:
        if found not in (1, channels):
            raise ClipError("undecodable", f"{found} channels; the feature keeps {channels} (or duplicates one)")
        return np.ascontiguousarray(np.broadcast_to(samples.T, (channels, n_samples)))
    # Column by column: numpy's mean over the short last axis costs as much as decoding (measured: 35 times this).
    if found == 1:
        return np.ascontiguousarray(samples[:, 0])
    total: Float32 = samples[:, 0] + samples[:, 1]
    for channel in range(2, found):
        total += samples[:, channel]
    total /= np.float32(found)
    return total


def resample(y: Float32, sr: int, target: int, res_type: str) -> Float32:
    """Change the rate with soxr; as librosa does, the result has ``ceil(n_samples * target / sr)`` samples.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,) or (channels, n_samples)
    sr, target : int, Hz
    res_type : str
        soxr_hq and its kin.

    Returns
    -------
    ndarray of float32, shape as `y` with the new length
    """
    if sr == target:
        return y
    length = resampled_length(y.shape[-1], sr, target)
    quality = res_type.removeprefix("soxr_").upper()
    if y.ndim == 2:
        return np.stack([resample(channel, sr, target, res_type) for channel in y])
    out = soxr.resample(y, sr, target, quality=quality)
    if len(out) >= length:
        return np.ascontiguousarray(out[:length])
    return np.pad(out, (0, length - len(out)))


def resampled_length(n_samples: int, sr: int, target: int) -> int:
    """Number of samples after a change of rate.

    Parameters
    ----------
    n_samples : int
    sr, target : int, Hz

    Returns
    -------
    int
    """
    return int(np.ceil(n_samples * (float(target) / sr)))


def resampler_version() -> str:
    """Version of the resampler in force.

    Returns
    -------
    str
    """
    return f"soxr {soxr.__version__}, {soxr.__libsoxr_version__}"
