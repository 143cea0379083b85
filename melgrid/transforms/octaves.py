"""The chain of decimations under a constant-Q transform: which signal and hop serve which octave.

Recursive sub-sampling after Schoerkhuber and Klapuri, "Constant-Q transform toolbox for music processing",
SMC 2010, in the form that librosa 0.11 gives it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from melgrid.errors import ParameterError
from melgrid.params.limits import wavelet_cutoff

__all__ = ["Octave", "OctaveChain", "octave_chain"]


@dataclass(frozen=True)
class Octave:
    """One octave of bins, at its own rate.

    Attributes
    ----------
    factors : tuple of int
        Decimations from the clip down to the signal of this octave, one after the other.
    hop : int, samples of that signal
    low, high : int
        Bins ``[low, high)``.
    """

    factors: tuple[int, ...]
    hop: int
    low: int
    high: int

    @property
    def decimation(self) -> int:
        """All factors together."""
        return math.prod(self.factors)


@dataclass(frozen=True)
class OctaveChain:
    """Octaves from the highest down.

    Attributes
    ----------
    early : int
        Factor by which the clip itself is decimated, where the highest bin leaves room for that.
    octaves : tuple of Octave
    """

    early: int
    octaves: tuple[Octave, ...]

    def num_frames(self, n_samples: int) -> int:
        """Count the frames that all octaves have.

        Parameters
        ----------
        n_samples : int >= 0

        Returns
        -------
        int, 0 where the clip is too short to be decimated
        """
        if n_samples < self.early:
            return 0
        return min(1 + -(-n_samples // octave.decimation) // octave.hop for octave in self.octaves)


def octave_chain(
    *,
    sr: float,
    hop_length: int,
    fmin: float,
    n_bins: int,
    bins_per_octave: int,
    tuning: float,
    filter_scale: float,
    window: str,
    gamma: float | None,
) -> OctaveChain:
    """Lay out the octaves of a constant-Q or variable-Q transform.

    The parameters are those of `melgrid.transforms.cqt.cqt_plan`.

    Returns
    -------
    OctaveChain

    Raises
    ------
    ParameterError
        The highest wavelet reaches beyond the Nyquist frequency.
    """
    cutoff = wavelet_cutoff(
        fmin=fmin,
        n_bins=n_bins,
        bins_per_octave=bins_per_octave,
        tuning=tuning,
        filter_scale=filter_scale,
        gamma=gamma,
        window=window,
    )
    nyquist = sr / 2.0
    if cutoff > nyquist:
        raise ParameterError(
            f"n_bins={n_bins}: the highest wavelet reaches {cutoff:.0f} Hz, above the Nyquist frequency "
            f"{nyquist:g} Hz; use fewer bins, a lower fmin or a higher sr"
        )
    count = math.ceil(n_bins / bins_per_octave)
    # The highest octave stays an octave below the new Nyquist frequency; every octave must still find an even hop.
    room = max(0, math.ceil(math.log2(nyquist / cutoff)) - 2)
    halvings = (hop_length & -hop_length).bit_length() - 1
    early = 1 << min(room, max(0, halvings - count + 1))

    factors: tuple[int, ...] = (early,) if early > 1 else ()
    hop = hop_length // early
    octaves = []
    for high in range(n_bins, 0, -min(bins_per_octave, n_bins)):
        octaves.append(Octave(factors, hop, max(0, high - bins_per_octave), high))
        if hop % 2 == 0:
            factors, hop = (*factors, 2), hop // 2
    return OctaveChain(early, tuple(octaves))
