"""What can be said of a feature without computing it: how many frames, which frequencies, how silence looks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from melgrid.params import Cqt, Feature, Mel, Mfcc, Stft
from melgrid.params.limits import mel_edges
from melgrid.params.spectral import Spectral
from melgrid.transforms.assembly import chain_of, finish, framing_of

__all__ = ["frequencies", "num_frames", "silence", "silent_frame"]


def num_frames(feature: Feature, n_samples: int) -> int:
    """Count the frames that a clip gives.

    Parameters
    ----------
    feature : Feature
    n_samples : int >= 0
        Length of the clip at the feature's rate.

    Returns
    -------
    int, 0 where the clip is empty or librosa would call it too short
    """
    return _counter(feature)(n_samples)


@lru_cache(maxsize=4096)
def _counter(feature: Feature) -> Callable[[int], int]:
    count = _transform_counter(feature)
    excerpt, segments, sr = feature.excerpt, feature.segments, feature.sr
    if segments is None and excerpt is None:
        return count
    if excerpt is not None and excerpt.pad == "frames":
        wanted = count(excerpt.samples(sr))
        return lambda n: wanted if count(n) else 0

    def count_parts(n: int) -> int:
        length = n if excerpt is None else excerpt.length(n, sr)
        if segments is None:
            return count(length)
        return sum(count(last - first) for first, last in segments.spans(length, sr))

    return count_parts


def _transform_counter(feature: Feature) -> Callable[[int], int]:
    if isinstance(feature, Spectral):
        return framing_of(feature).num_frames
    if isinstance(feature, Cqt):
        return chain_of(feature).num_frames
    return int


def frequencies(feature: Feature) -> npt.NDArray[np.float64]:
    """Centre frequency of every bin.

    Parameters
    ----------
    feature : Feature

    Returns
    -------
    ndarray, shape (bins,), Hz
        The numbers of the bins for mfcc and chroma, which have no frequency; 0 for a waveform.
    """
    bins = np.arange(feature.bins, dtype=np.float64)
    if isinstance(feature, Stft):
        return bins * feature.sr / feature.n_fft
    if isinstance(feature, Mel) and not isinstance(feature, Mfcc):
        return np.array(mel_edges(feature.n_mels, feature.fmin, feature.fmax, feature.htk)[1:-1])
    if isinstance(feature, Cqt):
        return feature.fmin * 2.0 ** ((bins + feature.tuning) / feature.bins_per_octave)
    return bins


def silence(feature: Feature) -> float:
    """Value that digital silence has.

    With ``ref = "max"`` that is 0 dB, a clip's loudest: pad such clips with their own floor. For mfcc it is 0, what all
    coefficients but the first have; `silent_frame` knows each.

    Parameters
    ----------
    feature : Feature

    Returns
    -------
    float, in the feature's physical unit
    """
    return 0.0 if isinstance(feature, Mfcc) else float(silent_frame(feature)[0].real)


def silent_frame(feature: Feature) -> npt.NDArray[Any]:
    """One frame of digital silence, by the same code as any other clip.

    Parameters
    ----------
    feature : Feature

    Returns
    -------
    ndarray, float32 or complex64, shape (bins,)
    """
    bins = feature.n_mels if isinstance(feature, Mel) else feature.bins
    spectrum = isinstance(feature, Cqt) or (isinstance(feature, Stft) and feature.output in ("complex", "phase"))
    frame: npt.NDArray[Any] = finish(feature, np.zeros((1, bins), np.complex64 if spectrum else np.float32))[0]
    return frame
