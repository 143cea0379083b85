"""Mel filter banks, made by librosa once per process."""

from __future__ import annotations

import math
import warnings
from functools import cache
from typing import Literal

import numpy as np

from melgrid.transforms.bank import Bank

__all__ = ["MelBank", "mel_bank"]

MelBank = Bank


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
) -> MelBank:
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
    MelBank, n_mels bands over 1 + n_fft // 2 bins
        Bands that contain no bin are zero; refusing them is up to `melgrid.params`.
    """
    import librosa

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Empty filters detected")
        matrix = librosa.filters.mel(
            sr=sr,
            n_fft=n_fft,
            n_mels=n_mels,
            fmin=fmin,
            fmax=fmax,
            htk=htk,
            norm=math.inf if norm == "inf" else norm,
        )
    if density_of is not None:
        one_sided = np.full(1 + n_fft // 2, 2.0)
        one_sided[0] = 1.0
        if n_fft % 2 == 0:
            one_sided[-1] = 1.0
        matrix = matrix * one_sided / (2.0 * math.pi * density_of)
    top = sr / 2 if fmax is None else fmax
    return Bank.from_dense(matrix, ("mel", sr, n_fft, n_mels, fmin, top, htk, norm, density_of))
