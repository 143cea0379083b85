"""Features made from bands: cepstra of log-mel spectrograms, their deltas, and pitch classes.

Arrays are (frames, bins[, channels]).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from melgrid.transforms.bank import Bank

__all__ = ["chroma_bank", "delta", "mfcc", "normalize"]

Float32 = npt.NDArray[np.float32]

# Least-squares derivatives of a line and of a parabola through nine equidistant points (Savitzky and Golay,
# Anal. Chem. 36(8), 1964): weights of the distances 1 to 4 from the middle.
_SLOPE = np.array([1, 2, 3, 4], np.float32) / np.float32(60)
_CURVATURE = np.array([-17, -8, 7, 28], np.float32) / np.float32(462)


def mfcc(
    log_mel: Float32,
    *,
    n_mfcc: int = 20,
    dct_type: Literal[2, 3] = 2,
    dct_norm: Literal["ortho"] | None = "ortho",
    lifter: float = 0.0,
    deltas: int = 0,
) -> Float32:
    """Mel-frequency cepstral coefficients.

    Parameters
    ----------
    log_mel : ndarray, shape (frames, n_mels[, channels]), dB
    n_mfcc : int in [1, n_mels]
    dct_type : int, 2 or 3
    dct_norm : str or None
        ortho or None.
    lifter : float >= 0
        Weight coefficient ``i`` by ``1 + lifter / 2 * sin(pi * (i + 1) / lifter)``; 0 does nothing.
    deltas : int in [0, 2]
        Orders of differences stacked behind the coefficients.

    Returns
    -------
    ndarray, float32, shape (frames, n_mfcc * (1 + deltas)[, channels])
    """
    from scipy.fft import dct

    coefficients = dct(log_mel, type=dct_type, norm=dct_norm, axis=1)[:, :n_mfcc]
    if lifter > 0:
        weights = 1.0 + lifter / 2.0 * np.sin(np.pi * np.arange(1, n_mfcc + 1) / lifter)
        coefficients *= weights.astype(np.float32).reshape(-1, *[1] * (log_mel.ndim - 2))
    orders = [coefficients] + [delta(coefficients, order) for order in range(1, deltas + 1)]
    return np.concatenate(orders, axis=1)


def delta(x: Float32, order: int = 1) -> Float32:
    """Derivative along time: `librosa.feature.delta` of width 9 with mode "nearest".

    Parameters
    ----------
    x : ndarray, shape (frames, ...)
    order : int, 1 or 2

    Returns
    -------
    ndarray, float32, shape of `x`, per frame (or per frame squared)
    """
    weights = _SLOPE if order == 1 else _CURVATURE
    padded = np.concatenate([np.repeat(x[:1], 4, axis=0), x, np.repeat(x[-1:], 4, axis=0)])
    result = np.zeros(x.shape, np.float32)
    for distance, weight in enumerate(weights, 1):
        ahead = padded[4 + distance : 4 + distance + len(x)]
        behind = padded[4 - distance : 4 - distance + len(x)]
        # differences to the middle, so that a constant has no curvature at all
        result += weight * (ahead - behind if order == 1 else (ahead - x) + (behind - x))
    return result


@cache
def chroma_bank(*, sr: float, n_fft: int, n_chroma: int = 12, tuning: float = 0.0) -> Bank:
    """Gaussian pitch-class filters, made by librosa once per process.

    Parameters
    ----------
    sr : float > 0, Hz
    n_fft : int > 0, samples
    n_chroma : int > 0
    tuning : float, bins

    Returns
    -------
    Bank, n_chroma bands over 1 + n_fft // 2 bins
    """
    import librosa

    matrix = librosa.filters.chroma(sr=sr, n_fft=n_fft, n_chroma=n_chroma, tuning=tuning)
    return Bank.from_dense(matrix, ("chroma", sr, n_fft, n_chroma, tuning))


def normalize(x: Float32, norm: Literal["inf", 1, 2] | None) -> Float32:
    """Scale every frame to unit norm.

    Parameters
    ----------
    x : ndarray, shape (frames, bins[, channels]), >= 0
    norm : str, int or None
        inf, 1 or 2; None does nothing.

    Returns
    -------
    ndarray, float32; frames without any energy stay as they are
    """
    if norm is None:
        return x
    order = math.inf if norm == "inf" else norm
    length = np.linalg.norm(x.astype(np.float64), order, axis=1, keepdims=True)
    scaled: Float32 = (x / np.where(length < np.finfo(np.float32).tiny, 1.0, length)).astype(np.float32)
    return scaled
