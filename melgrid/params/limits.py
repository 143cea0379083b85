"""Rules that need arithmetic: mel bands without an FFT bin, wavelets above the Nyquist frequency.

Plain floats only, so that a grid is checked without loading numpy or librosa.
"""

from __future__ import annotations

import math

__all__ = [
    "BANDWIDTHS",
    "BREAK_HZ",
    "BREAK_MEL",
    "HZ_PER_MEL",
    "LOG_STEP",
    "empty_bands",
    "hz_to_mel",
    "mel_edges",
    "wavelet_cutoff",
]

# Slaney's scale: linear below 1 kHz, logarithmic above (Auditory Toolbox, Interval Research, 1998-010).
HZ_PER_MEL = 200.0 / 3.0
BREAK_HZ = 1000.0
BREAK_MEL = BREAK_HZ / HZ_PER_MEL
LOG_STEP = math.log(6.4) / 27.0

BANDWIDTHS = {
    "bartlett": 1.3334961334912805,
    "blackman": 1.7269681554262326,
    "blackmanharris": 2.0045975283585014,
    "bohman": 1.7859588613860062,
    "boxcar": 1.0,
    "cosine": 1.2337005350199792,
    "flattop": 2.7762255046484143,
    "hamming": 1.3629455320350348,
    "hann": 1.50018310546875,
    "nuttall": 1.9763500280946082,
    "parzen": 1.9174603174603191,
    "triang": 1.3331706523555851,
}
"""Equivalent noise bandwidth in FFT bins, ``n * sum(w**2) / sum(w)**2``, of symmetric windows of n = 8193 points
(Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", Proc. IEEE 66(1), 1978).
flattop is librosa's 2.776 in place of the formula's 3.771, since the rule is to refuse what librosa refuses."""


def hz_to_mel(hz: float, htk: bool) -> float:
    """Place of a frequency on the mel scale.

    Parameters
    ----------
    hz : float, Hz
    htk : bool

    Returns
    -------
    float, mel
    """
    if htk:
        return 2595.0 * math.log10(1.0 + hz / 700.0)
    if hz < BREAK_HZ:
        return hz / HZ_PER_MEL
    return BREAK_MEL + math.log(hz / BREAK_HZ) / LOG_STEP


def _mel_to_hz(mel: float, htk: bool) -> float:
    if htk:
        return 700.0 * (math.pow(10.0, mel / 2595.0) - 1.0)
    if mel < BREAK_MEL:
        return mel * HZ_PER_MEL
    return BREAK_HZ * math.exp(LOG_STEP * (mel - BREAK_MEL))


def mel_edges(n_mels: int, fmin: float, fmax: float, htk: bool) -> list[float]:
    """Band edges of a mel filter bank: band ``i`` rises from edge ``i`` to ``i + 1`` and falls to ``i + 2``.

    Parameters
    ----------
    n_mels : int > 0
    fmin, fmax : float, Hz
    htk : bool
        HTK's formula instead of Slaney's.

    Returns
    -------
    list of float, length n_mels + 2, Hz
    """
    low, high = hz_to_mel(fmin, htk), hz_to_mel(fmax, htk)
    step = (high - low) / (n_mels + 1)
    return [_mel_to_hz(low + i * step, htk) for i in range(n_mels + 2)]


def empty_bands(sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float, htk: bool) -> list[int]:
    """Indices of the mel bands that contain no FFT bin and so would always be zero.

    Parameters
    ----------
    sr : int, Hz
    n_fft : int, samples
    n_mels : int
    fmin, fmax : float, Hz
        At most sr / 2, so that every bin below the upper edge of a band is one of the transform.
    htk : bool

    Returns
    -------
    list of int, 0-based
    """
    edges = mel_edges(n_mels, fmin, fmax, htk)
    spacing = sr / n_fft
    empty = []
    for band in range(n_mels):
        first = math.floor(edges[band] / spacing) + 1  # the first bin strictly above the lower edge
        if first * spacing >= edges[band + 2]:
            empty.append(band)
    return empty


def wavelet_cutoff(
    *,
    fmin: float,
    n_bins: int,
    bins_per_octave: int,
    tuning: float,
    filter_scale: float,
    gamma: float | None,
    window: str,
) -> float:
    """Highest frequency that the top wavelet of a constant-Q or variable-Q transform reaches.

    Parameters
    ----------
    fmin : float, Hz
    n_bins, bins_per_octave : int
    tuning : float, bins
    filter_scale : float > 0
    gamma : float >= 0 or None
        Bandwidth offset of a variable-Q transform; None follows equivalent rectangular bandwidths.
    window : str, a key of `BANDWIDTHS`

    Returns
    -------
    float, Hz; infinite beyond 1000 octaves

    Notes
    -----
    Schoerkhuber and Klapuri, "Constant-Q transform toolbox for music processing", SMC 2010, with the relative
    bandwidth of equal temperament and Glasberg and Moore's 24.7 and 0.108 for the ERB case.
    """
    ratio = math.pow(2.0, 2.0 / bins_per_octave)
    alpha = (ratio - 1.0) / (ratio + 1.0)
    offset = alpha * 24.7 / 0.108 if gamma is None else gamma
    octaves = (tuning + n_bins - 1) / bins_per_octave
    top = fmin * math.pow(2.0, octaves) if octaves < 1000 else math.inf  # a float ends at 2**1024
    return top * (1.0 + 0.5 * BANDWIDTHS[window] * alpha / filter_scale) + 0.5 * offset
