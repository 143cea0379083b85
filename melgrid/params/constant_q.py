"""Kinds that rest on wavelets. Defaults are librosa 0.11's, except ``tuning = 0.0`` (no estimate per clip)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from melgrid.params.features import Count, Positive
from melgrid.params.limits import wavelet_cutoff
from melgrid.params.scaled import NonNegative, Scaled, Window

__all__ = ["Cqt", "Vqt"]


class Cqt(Scaled):
    """Constant-Q transform.

    Attributes
    ----------
    hop_length : int >= 1, samples
    fmin : float > 0, Hz
        Lowest bin; C1 by default.
    n_bins, bins_per_octave : int >= 1
    tuning : float, bins
        Offset of `fmin`; never estimated per clip.
    filter_scale : float > 0
        Below 1: shorter filters, better time resolution.
    norm : int, str or None
        Norm of the filters: 1, 2, inf or None.
    sparsity : float in [0, 1)
        Part of a filter's energy that may be dropped.
    window : str
        One of those of the other kinds.
    scale : bool
        Divide by the square root of the filter length.
    pad_mode : str
        Padding at the edges of the clip: constant (zeros), reflect or edge.
    output : str
        magnitude, log (20 log10 of the magnitude) or complex.
    """

    kind: Literal["cqt", "vqt"] = "cqt"
    hop_length: Count = 512
    fmin: Positive = 32.70319566257483
    n_bins: Count = 84
    bins_per_octave: Count = 12
    tuning: Annotated[float, Field(ge=-100, le=100)] = 0.0
    filter_scale: Positive = 1.0
    norm: Literal["inf", 1, 2] | None = 1
    sparsity: Annotated[float, Field(ge=0, lt=1)] = 0.01
    window: Window = "hann"
    scale: bool = True
    pad_mode: Literal["constant", "reflect", "edge"] = "constant"
    output: Literal["magnitude", "log", "complex"] = "magnitude"

    @model_validator(mode="after")
    def _check_wavelets(self) -> Self:
        cutoff = wavelet_cutoff(
            fmin=self.fmin,
            n_bins=self.n_bins,
            bins_per_octave=self.bins_per_octave,
            tuning=self.tuning,
            filter_scale=self.filter_scale,
            gamma=self._gamma,
            window=self.window,
        )
        if cutoff > self.sr / 2:
            raise ValueError(
                f"n_bins={self.n_bins}: the highest wavelet reaches {cutoff:.0f} Hz, above the Nyquist frequency "
                f"sr / 2 = {self.sr / 2:g} Hz; use fewer bins, a lower fmin or a higher sr"
            )
        return self

    @property
    def _gamma(self) -> float | None:
        return 0.0

    @property
    def bins(self) -> int:
        return self.n_bins

    @property
    def is_complex(self) -> bool:
        return self.output == "complex"

    def _slug(self) -> list[str]:
        return [*super()._slug(), f"hop{self.hop_length}", f"bins{self.n_bins}", self.output]


class Vqt(Cqt):
    """Variable-Q transform.

    Attributes
    ----------
    gamma : float >= 0, Hz, or None
        Bandwidth offset; None follows equivalent rectangular bandwidths.
    """

    kind: Literal["vqt"] = "vqt"
    gamma: NonNegative | None = None

    @property
    def _gamma(self) -> float | None:
        return self.gamma
