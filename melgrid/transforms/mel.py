"""Mel filter banks with librosa's weights, made once per process."""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from melgrid.params.limits import BREAK_HZ, BREAK_MEL, HZ_PER_MEL, LOG_STEP, hz_to_mel
from melgrid.transforms.bank import Bank

__all__ = ["mel_bank"]


@cache
def mel_bank(
    *,
    sr: float,
    n_fft: int,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: Literal["slaney", "inf", 1, 2] | None = "slaney",
    density_of: float | None = None,
) -> Bank:
    """Triangular filters, equally spaced on the mel scale.

    Parameters
    ----------
    sr : float > 0, Hz
    n_fft : int > 0, samples
    n_mels : int > 0
    fmin, fmax : float in [0, sr / 2], Hz
        `fmax` None is ``sr / 2``.
    htk : bool
        HTK's formula instead of Slaney's.
    norm : str, int or None
        slaney (unit area), 1, 2 or inf (unit norm of each filter), None.
    density_of : float > 0 or None
        Energy of the window: bins are taken as power per radian, one-sided, in place of power.

    Returns
    -------
    Bank, n_mels bands over 1 + n_fft // 2 bins
        Bands that contain no bin are zero; refusing them is up to `melgrid.params`.
    """
    top = sr / 2 if fmax is None else fmax
    edges = _edges(n_mels, fmin, top, htk)
    matrix = _triangles(sr, n_fft, edges)
    _normalize(matrix, edges, norm)
    if density_of is not None:
        one_sided = np.full(1 + n_fft // 2, 2.0)
        one_sided[0] = 1.0
        if n_fft % 2 == 0:
            one_sided[-1] = 1.0
        matrix = matrix * one_sided / (2.0 * math.pi * density_of)
    return Bank.from_dense(matrix, ("mel", sr, n_fft, n_mels, fmin, top, htk, norm, density_of))


# The steps below follow librosa 0.11 operation by operation, so that the weights are its own to the last bit (a test
# compares them). Importing librosa for them would cost every worker a second, half of its start.


def _edges(n_mels: int, fmin: float, fmax: float, htk: bool) -> npt.NDArray[np.float64]:
    """Band edges in Hz; `melgrid.params.limits.mel_edges` with numpy's rounding."""
    low, high = hz_to_mel(fmin, htk), hz_to_mel(fmax, htk)
    mels = np.linspace(low, high, n_mels + 2)
    if htk:
        return np.asarray(700.0 * (10.0 ** (mels / 2595.0) - 1.0))
    hz = HZ_PER_MEL * mels
    above = mels >= BREAK_MEL
    hz[above] = BREAK_HZ * np.exp(LOG_STEP * (mels[above] - BREAK_MEL))
    return hz


def _triangles(sr: float, n_fft: int, edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    bins = np.fft.rfftfreq(n=n_fft, d=1.0 / sr)
    widths = np.diff(edges)
    ramps = np.subtract.outer(edges, bins)
    matrix = np.zeros((len(edges) - 2, len(bins)), np.float32)
    for band in range(len(matrix)):
        rising = -ramps[band] / widths[band]
        falling = ramps[band + 2] / widths[band + 1]
        matrix[band] = np.maximum(0, np.minimum(rising, falling))
    return matrix


def _normalize(
    matrix: npt.NDArray[np.float32], edges: npt.NDArray[np.float64], norm: Literal["slaney", "inf", 1, 2] | None
) -> None:
    if norm is None:
        return
    if norm == "slaney":
        matrix *= (2.0 / (edges[2:] - edges[:-2]))[:, np.newaxis]
        return
    sizes = np.abs(matrix).astype(np.float64)
    if norm == "inf":
        length = sizes.max(axis=1, keepdims=True)
    else:
        length = np.sum(sizes**norm, axis=1, keepdims=True) ** (1.0 / norm)
    length[length < np.finfo(np.float32).tiny] = 1.0
    matrix[:] = matrix / length
