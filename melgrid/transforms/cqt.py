"""Constant-Q and variable-Q transforms, equal to librosa's and planned once per process.

The bases are librosa's own wavelets; gains of octaves and filters are folded into them. Every octave
is a Fourier transform without window and a product with a banded complex basis, computed as a real one of twice the
size on interleaved real and imaginary parts. The Fourier transform is in double precision, as librosa's: without a
window, whatever sounds outside the bins would leave rounding noise in them that 0.01 dB does not forgive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from melgrid.transforms import kernels
from melgrid.transforms.bank import Bank
from melgrid.transforms.fourier import rfft
from melgrid.transforms.framing import PadMode, analysis_window, as_signal, block_rows, full_rows, segments
from melgrid.transforms.octaves import Octave, OctaveChain, octave_chain

__all__ = ["CqtPlan", "Octaves", "cqt_plan"]

Float32 = npt.NDArray[np.float32]
Complex64 = npt.NDArray[np.complex64]
Octaves = dict[tuple[str, bool, tuple[int, ...]], Float32]


@dataclass(frozen=True)
class CqtPlan:
    """Everything about a transform that does not depend on the clip; made by `cqt_plan`.

    Attributes
    ----------
    chain : OctaveChain
    bases : tuple of (int, Bank)
        FFT length and basis of each octave.
    n_bins : int
    pad_mode, res_type : str
    loud : bool
        The clip's early decimation is louder by the root of its factor, as librosa makes it without `scale`.
    """

    chain: OctaveChain
    bases: tuple[tuple[int, Bank], ...]
    n_bins: int
    pad_mode: PadMode
    res_type: str
    loud: bool

    def num_frames(self, n_samples: int) -> int:
        """Count the frames of a clip.

        Parameters
        ----------
        n_samples : int >= 0

        Returns
        -------
        int, 0 where the clip is too short to be decimated
        """
        return self.chain.num_frames(n_samples)

    def transform(self, y: npt.ArrayLike, octaves: Octaves) -> Complex64:
        """Transform a clip.

        Parameters
        ----------
        y : array_like, float32, shape (n_samples,), full scale +-1
        octaves : dict
            Decimated signals of this very `y`, kept here for the next plan. Start with an empty one for every clip.

        Returns
        -------
        ndarray, complex64, shape (num_frames, n_bins)
        """
        y = as_signal(y)
        frames = self.num_frames(y.size)
        out = np.empty((frames, self.n_bins), np.complex64)
        if frames == 0:
            return out
        for octave, (n_fft, basis) in zip(self.chain.octaves, self.bases, strict=True):
            signal = self._decimated(y, octave.factors, octaves)
            parts = out.view(np.float32)[:, 2 * octave.low : 2 * octave.high]
            self._project(signal, octave.hop, n_fft, basis, parts)
        return out

    def _decimated(self, y: Float32, factors: tuple[int, ...], octaves: Octaves) -> Float32:
        """Decimate by each factor in turn as librosa.resample(scale=True) does: ceil(n / factor) samples, equal energy.

        The gains could be folded into the bases, but soxr rounds to float32 inside: only inputs with librosa's very
        bits give librosa's rounding, 3e-7 of the peak otherwise.
        """
        import soxr

        if not factors:
            return y
        key = (self.res_type, self.loud, factors)
        if key not in octaves:
            parent = self._decimated(y, factors[:-1], octaves)
            size = -(-parent.size // factors[-1])
            child = soxr.resample(parent, factors[-1], 1, quality=self.res_type)[:size]
            child = np.pad(child, (0, size - child.size)) if child.size < size else np.ascontiguousarray(child)
            kernels.amplify(child, math.sqrt(factors[-1]))
            if self.loud and len(factors) == 1:
                kernels.amplify(child, math.sqrt(factors[0]))
            octaves[key] = child
        return octaves[key]

    def _project(self, signal: Float32, hop: int, n_fft: int, basis: Bank, out: Float32) -> None:
        window = analysis_window("boxcar", n_fft, n_fft)
        rows = block_rows(n_fft, len(out))
        block = np.empty((rows, n_fft), np.float64)
        columns = np.zeros((n_fft + 2 + Bank.SLACK, rows), np.float32)
        bands = np.empty((basis.bands, rows), np.float32)
        span = slice(basis.first, basis.last)
        for first, count, segment in segments(
            signal, n_fft=n_fft, hop=hop, left=n_fft // 2, frames=len(out), pad_mode=self.pad_mode, rows=rows
        ):
            frames = block[: full_rows(count)]
            kernels.cut_frames(segment, hop, window, count, frames)
            columns[span, : len(frames)] = rfft(frames).view(np.float64)[:, span].T
            basis.apply(columns, bands)
            out[first : first + count] = bands[:, :count].T


@cache
def cqt_plan(
    *,
    sr: float,
    hop_length: int = 512,
    fmin: float = 32.70319566257483,
    n_bins: int = 84,
    bins_per_octave: int = 12,
    tuning: float = 0.0,
    filter_scale: float = 1.0,
    norm: Literal["inf", 1, 2] | None = 1,
    sparsity: float = 0.01,
    window: str = "hann",
    scale: bool = True,
    pad_mode: PadMode = "constant",
    res_type: str = "soxr_hq",
    gamma: float | None = 0.0,
) -> CqtPlan:
    """Plan a constant-Q transform, or a variable-Q one where `gamma` is not 0.

    Parameters
    ----------
    sr : float > 0, Hz
    hop_length : int > 0, samples
        Octaves are decimated only as long as it can be halved.
    fmin : float > 0, Hz
    n_bins, bins_per_octave : int > 0
    tuning : float, bins
        Offset of `fmin`.
    filter_scale : float > 0
    norm : str, int or None
        Norm of the filters: 1, 2, inf, None.
    sparsity : float in [0, 1)
        Part of a filter's energy that may be dropped.
    window : str
    scale : bool
        Divide by the square root of the filter length.
    pad_mode : str
    res_type : str
        Quality of the soxr decimation.
    gamma : float >= 0, Hz, or None
        Bandwidth offset; None follows equivalent rectangular bandwidths.

    Returns
    -------
    CqtPlan

    Raises
    ------
    ParameterError
        The highest wavelet reaches beyond the Nyquist frequency.
    """
    import librosa
    from scipy.fft import fft

    chain = octave_chain(
        sr=sr,
        hop_length=hop_length,
        fmin=fmin,
        n_bins=n_bins,
        bins_per_octave=bins_per_octave,
        tuning=tuning,
        filter_scale=filter_scale,
        window=window,
        gamma=gamma,
    )
    freqs = librosa.interval_frequencies(
        n_bins,
        fmin=fmin * 2.0 ** (tuning / bins_per_octave),
        intervals="equal",
        bins_per_octave=bins_per_octave,
        sort=True,
    )
    # Bandwidths from neighbouring bins: the last bits decide whether a filter is a sample longer.
    per_octave = 1.0 / np.gradient(np.log2(freqs)) if n_bins > 1 else np.array([float(bins_per_octave)])
    ratio = 2.0 ** (2.0 / per_octave)
    alpha: Any = (ratio - 1.0) / (ratio + 1.0)  # librosa takes an array and says float
    wavelets: dict[str, Any] = {"filter_scale": filter_scale, "window": window, "gamma": gamma}
    lengths, _ = librosa.filters.wavelet_lengths(freqs=freqs, sr=sr / chain.early, alpha=alpha, **wavelets)
    key = (sr, fmin, n_bins, bins_per_octave, tuning, filter_scale, norm, sparsity, window, scale, gamma)

    def basis(octave: Octave) -> tuple[int, Bank]:
        bins = slice(octave.low, octave.high)
        filters, sizes = librosa.filters.wavelet(
            freqs=freqs[bins],
            sr=sr / octave.decimation,
            norm=math.inf if norm == "inf" else norm,
            alpha=alpha[bins],
            **wavelets,
        )
        n_fft = filters.shape[1]
        filters *= sizes[:, np.newaxis] / n_fft
        spectrum = fft(filters, axis=1)[:, : 1 + n_fft // 2]
        matrix = librosa.util.sparsify_rows(spectrum, quantile=sparsity).toarray()
        gain = math.sqrt(octave.decimation / chain.early)
        if scale:
            matrix /= np.sqrt(lengths[bins, np.newaxis])
        return n_fft, Bank.from_dense(_interleaved(matrix * gain), (*key, octave))

    bases = tuple(basis(octave) for octave in chain.octaves)
    return CqtPlan(chain, bases, n_bins, pad_mode, res_type, loud=chain.early > 1 and not scale)


def _interleaved(matrix: npt.NDArray[np.complexfloating]) -> npt.NDArray[np.floating]:
    """Real form of a complex matrix for vectors of alternating real and imaginary parts."""
    real = np.empty((2 * matrix.shape[0], 2 * matrix.shape[1]))
    real[0::2, 0::2] = real[1::2, 1::2] = matrix.real
    real[0::2, 1::2] = -matrix.imag
    real[1::2, 0::2] = matrix.imag
    return real
