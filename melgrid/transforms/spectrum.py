"""Short-time Fourier transforms: many outputs from one pass over a clip.

Arrays are (frames, bins), float32 or complex64, C-contiguous. Frames are transformed in blocks that stay in the
second-level cache; powers are turned so that time is the vector axis of the product with a filter bank.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from melgrid.errors import ParameterError
from melgrid.transforms import kernels
from melgrid.transforms.bank import Bank
from melgrid.transforms.fourier import rfft
from melgrid.transforms.framing import Framing, analysis_window, as_signal, block_rows, full_rows, segments

__all__ = ["Tap", "spectra"]

Array = npt.NDArray[Any]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Tap:
    """What to take from the frames of a pass.

    Attributes
    ----------
    step : int > 0
        Keep every step-th frame, beginning with the first.
    output : str
        complex, or power for ``abs(X) ** power``.
    power : float > 0
    bank : Bank or None
        Bands to sum the powers into.
    """

    step: int = 1
    output: Literal["complex", "power"] = "power"
    power: float = 2.0
    bank: Bank | None = None

    def __post_init__(self) -> None:
        if self.step < 1:
            raise ParameterError(f"step={self.step}: must be at least 1")
        if self.output == "complex" and self.bank is not None:
            raise ParameterError("output='complex': a bank needs output='power'")


def spectra(
    y: npt.ArrayLike, framing: Framing, taps: Sequence[Tap], *, on_bands: Callable[[float], object] | None = None
) -> list[Array]:
    """Transform a clip once and return every output asked for.

    Each array has the same bits whichever other taps run; a tap that keeps every k-th frame has those of a tap on
    frames k times as far apart (not with framing "same", whose padding depends on the hop).

    Parameters
    ----------
    y : array_like, float32, shape (n_samples,), full scale +-1
    framing : Framing
    taps : sequence of Tap
    on_bands : callable, optional
        Told how many seconds of the pass the filter banks took.

    Returns
    -------
    list of ndarray, one per tap
        Shape (ceil(num_frames / step), bins or bands); complex64 or float32.

    Raises
    ------
    ParameterError
        `y` has more than one axis.
    """
    y = as_signal(y)
    frames = framing.num_frames(y.size)
    bins = 1 + framing.n_fft // 2
    outputs: list[Array] = [
        np.empty(
            (-(-frames // tap.step), tap.bank.bands if tap.bank else bins),
            np.complex64 if tap.output == "complex" else np.float32,
        )
        for tap in taps
    ]
    if not taps or frames == 0:
        return outputs

    stride = math.gcd(*(tap.step for tap in taps))
    hop = framing.hop_length * stride
    frames = -(-frames // stride)
    sinks: dict[_Source, list[_Sink]] = {}
    for tap, out in zip(taps, outputs, strict=True):
        source = None if tap.output == "complex" else (tap.power, tap.bank)
        sinks.setdefault(source, []).append(_Sink(tap.step // stride, out))
    block = _Block(framing, frames, list(sinks))
    for first, count, segment in segments(
        y,
        n_fft=framing.n_fft,
        hop=hop,
        left=framing.left(y.size),
        frames=frames,
        pad_mode=framing.pad_mode,
        rows=block.rows,
    ):
        for source, transformed in block.transform(segment, hop, count):
            turned = source is not None and source[1] is not None
            for sink in sinks[source]:
                sink.write(first, count, transformed, turned)
    if on_bands is not None:
        on_bands(block.band_seconds)
    return outputs


# What several taps may share: the spectrum itself (None), or a power and the bank behind it.
_Source = tuple[float, Bank | None] | None


@dataclass(frozen=True)
class _Sink:
    """An output array that takes every step-th frame."""

    step: int
    out: Array

    def write(self, first: int, count: int, block: Array, turned: bool) -> None:
        """Take what is wanted of `count` frames from `first` on, rows of `block` or, if it is turned, its columns."""
        skip = -first % self.step
        start = (first + skip) // self.step
        target = self.out[start : start + max(0, -(-(count - skip) // self.step))]
        if turned:
            kernels.turn_back(block, skip, self.step, target)
        else:
            target[:] = block[skip : count : self.step]


class _Block:
    """Buffers for a few blocks of frames and the steps that run on them."""

    def __init__(self, framing: Framing, frames: int, sources: Sequence[_Source]) -> None:
        bins = 1 + framing.n_fft // 2
        self._window = analysis_window(framing.window, framing.win_length, framing.n_fft, framing.window_sym)
        self._keeps_spectrum = None in sources
        self._banks: dict[float, list[Bank | None]] = {}
        for power, bank in filter(None, sources):
            self._banks.setdefault(power, []).append(bank)
        banks = [bank for group in self._banks.values() for bank in group if bank]
        self.rows = rows = block_rows(framing.n_fft, frames)
        self._frames = np.empty((rows, framing.n_fft), np.float32)
        self._powers = np.empty((rows, bins), np.float32)
        self._scratch = np.empty((4, bins), np.float32)
        self._columns = np.zeros((bins + Bank.SLACK, rows), np.float32)
        self._bands = {bank: np.empty((bank.bands, rows), np.float32) for bank in banks}
        self.band_seconds = 0.0

    def transform(self, segment: Float32, hop: int, count: int) -> Iterator[tuple[_Source, Array]]:
        """Yield what the sources give of a few frames: (rows, bins), or (bands, rows) of a bank."""
        frames = self._frames[: full_rows(count)]
        kernels.cut_frames(segment, hop, self._window, count, frames)
        spectrum = rfft(frames)
        if self._keeps_spectrum:
            yield None, spectrum
        parts = spectrum.view(np.float32)
        self._columns[:, len(frames) :] = 0  # or the last call would raise the leavings of the one before
        for power, banks in self._banks.items():
            if None in banks:
                powers = self._powers[: len(frames)]
                kernels.square(parts, powers)
                yield (power, None), _from_squares(powers, power)
            if banks != [None]:
                kernels.square_turned(parts, self._scratch, self._columns)
                _from_squares(self._columns, power)
            for bank in filter(None, banks):
                start = perf_counter()
                bank.apply(self._columns, self._bands[bank])
                self.band_seconds += perf_counter() - start
                yield (power, bank), self._bands[bank]


def _from_squares(squares: Float32, power: float) -> Float32:
    """Powers of magnitudes from their squares, in place."""
    if power == 1.0:
        return np.sqrt(squares, out=squares)
    return squares if power == 2.0 else np.power(squares, np.float32(power / 2.0), out=squares)
