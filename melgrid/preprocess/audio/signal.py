"""Decoded samples to the signal that a feature is computed from: channels, rate, level, excerpt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import soxr

from melgrid.errors import ClipError

if TYPE_CHECKING:
    from melgrid.params import Feature
    from melgrid.params.excerpt import Excerpt, Segments

__all__ = [
    "Part",
    "SignalKey",
    "excerpt_of",
    "mix",
    "part_of",
    "resample",
    "resampled_length",
    "resampler_version",
    "scaled_to",
    "signal_key",
    "signals",
]

Float32 = npt.NDArray[np.float32]
SignalKey = tuple[int | None, int, str]
"""Channels kept (None: mono), rate in Hz, resampler: features with equal keys share one signal."""


def signal_key(feature: Feature) -> SignalKey:
    """Which signal a feature is computed from."""
    return feature.channels, feature.sr, feature.res_type


@dataclass(frozen=True)
class Part:
    """Which part of a signal a feature is computed from, at which level; features with equal parts share it.

    Attributes
    ----------
    signal : SignalKey
    peak : float or None
        See `melgrid.params.Feature`.
    excerpt : Excerpt or None
        None also where the excerpt is cut from the finished feature.
    segments : Segments or None
    """

    signal: SignalKey
    peak: float | None = None
    excerpt: Excerpt | None = None
    segments: Segments | None = None

    def windows(self, y: Float32) -> list[Float32]:
        """Take the part from the signal.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,) or (channels, n_samples)

        Returns
        -------
        list of ndarray, each to be transformed on its own
            One without segments; at least one, which is empty when there is nothing to take.
        """
        sr = self.signal[1]
        if self.peak is not None:
            y = scaled_to(y, self.peak)
        if self.excerpt is not None:
            y = excerpt_of(y, self.excerpt, sr)
        if self.segments is None:
            return [y]
        spans = self.segments.spans(y.shape[-1], sr) or [(0, 0)]
        return [np.ascontiguousarray(y[..., first:last]) for first, last in spans]

    def __str__(self) -> str:
        channels, sr, _ = self.signal
        words = ["mono" if channels is None else f"{channels} channels", f"{sr} Hz"]
        words += [f"{name} {value}" for name in ("peak", "excerpt", "segments") if (value := getattr(self, name))]
        return ", ".join(words)


def part_of(feature: Feature) -> Part:
    """Which part of its signal a feature is computed from."""
    excerpt = feature.excerpt
    if excerpt is not None and excerpt.pad == "frames":
        excerpt = None
    return Part(signal_key(feature), feature.peak, excerpt, feature.segments)


def scaled_to(y: Float32, peak: float) -> Float32:
    """Scale a signal so that its largest absolute sample is `peak`; silence stays.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,) or (channels, n_samples)
    peak : float > 0

    Returns
    -------
    ndarray of float32
        All channels by the same factor.
    """
    highest = np.abs(y).max(initial=0.0)
    return y if highest == 0 else y * np.float32(peak / float(highest))


def excerpt_of(y: Float32, excerpt: Excerpt, sr: int) -> Float32:
    """Cut an excerpt, and pad what is too short.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,) or (channels, n_samples)
    excerpt : Excerpt
    sr : int, Hz

    Returns
    -------
    ndarray of float32, C-contiguous, with `Excerpt.length` samples
    """
    first, last = excerpt.span(y.shape[-1], sr)
    length = excerpt.length(y.shape[-1], sr)
    part = y[..., first:last]
    missing = length - (last - first)
    if missing and excerpt.pad == "repeat":
        part = np.take(part, np.arange(length) % (last - first), axis=-1)
    elif missing:
        before_and_after = (missing, 0) if excerpt.pad == "front" else (0, missing)
        part = np.pad(part, [(0, 0)] * (y.ndim - 1) + [before_and_after])
    return np.ascontiguousarray(part)


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


def signals(samples: Float32, sr: int) -> Callable[[SignalKey], Float32]:
    """What mixes and resamples a clip as features ask for it, mixing once for all rates.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples, n_channels)
    sr : int, Hz

    Returns
    -------
    callable(SignalKey) -> ndarray of float32, shape (n_samples,) or (channels, n_samples)
    """
    mixed: dict[int | None, Float32] = {}

    def signal(key: SignalKey) -> Float32:
        channels, target, res_type = key
        if channels not in mixed:
            mixed[channels] = mix(samples, channels)
        return resample(mixed[channels], sr, target, res_type)

    return signal


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
