"""Axes: where ticks stand and what is written beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgrid.params import Chroma, Feature, Mfcc, Waveform

__all__ = ["Scale", "bin_ticks", "number", "ticks"]

PITCHES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
ROUND_HZ = [m * 10**e for e in range(0, 6) for m in (1, 2, 5)]
GAP = 40.0  # between ticks of a logarithmic axis, as wide as their texts
SI = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` to places from `start` to `stop`, straight or by logarithms."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: Any) -> Any:
        """Return the place of a value, or of each of an array."""
        low, high, x = (np.log(v) if self.log else np.asarray(v, float) for v in (self.low, self.high, value))
        return self.start + (x - low) / ((high - low) or 1.0) * (self.stop - self.start)

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """Return places and texts of about `count` ticks."""
        values = _log_ticks(self.low, self.high) if self.log else ticks(self.low, self.high, count)
        found = [(float(self(v)), number(v)) for v in values]
        return _apart(found, GAP) if self.log else found


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two values, about `count` of them.

    Parameters
    ----------
    low, high : float
    count : int

    Returns
    -------
    list of float
    """
    if not high > low:
        return [low]
    rough = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) + 0.0 for i in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    span = math.log10(high / low)
    steps = (1,) if span > 2.5 else (1, 2, 5) if span > 0.8 else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [m * 10.0**e for e in exponents for m in steps if low * 0.999 <= m * 10.0**e <= high * 1.001]
    every = math.ceil(len(found) / 6)
    return found[::every] if len(found) > 1 else [low, high]


def number(value: float) -> str:
    """Write a number beside a tick: ``2.5k``, ``−40``, ``0.02``.

    Parameters
    ----------
    value : float

    Returns
    -------
    str
    """
    for factor, letter in SI:
        if abs(value) >= factor:
            return f"{value / factor:.3g}{letter}".replace("-", "−")
    text = f"{value:.3g}"
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def bin_ticks(feature: Feature, frequencies: NDArray[np.float64], scale: Scale, gap: float) -> list[tuple[float, str]]:
    """Ticks of a bin axis at round frequencies, at pitch classes or at numbers.

    Parameters
    ----------
    feature : Feature
    frequencies : ndarray, shape (bins,), Hz
        As `melgrid.transforms.frequencies` gives them.
    scale : Scale
        From 0 to the number of bins; bin i fills the stretch from i to i + 1.
    gap : float
        Least distance between two ticks.

    Returns
    -------
    list of (place, text)
    """
    bins = len(frequencies)
    centres = np.arange(bins) + 0.5
    if not in_hertz(feature, frequencies):
        if isinstance(feature, Chroma) and bins == len(PITCHES):
            return _apart([(float(scale(c)), p) for c, p in zip(centres, PITCHES, strict=True)], gap)
        return [(float(scale(v + 0.5)), number(v)) for v in ticks(0, bins - 1, 5) if v == int(v)]
    low, high = float(frequencies[0]), float(frequencies[-1])
    even = np.ptp(np.diff(frequencies)) < 1e-6 * high if bins > 2 else True
    wanted: Sequence[float] = ticks(low, high, 5) if even else [f for f in ROUND_HZ if low <= f <= high]
    return _apart([(float(scale(np.interp(f, frequencies, centres))), number(f)) for f in wanted], gap)


def in_hertz(feature: Feature, frequencies: NDArray[np.float64]) -> bool:
    """Tell whether the bins of a feature have frequencies, and not just numbers."""
    if isinstance(feature, (Mfcc, Chroma, Waveform)) or len(frequencies) < 2:
        return False
    return bool((np.diff(frequencies) > 0).all() and not (frequencies == np.arange(len(frequencies))).all())


def _apart(found: list[tuple[float, str]], gap: float) -> list[tuple[float, str]]:
    """Drop ticks that are too near to one that stays; the last (highest) stays first."""
    kept: list[tuple[float, str]] = []
    for place, text in reversed(found):
        if all(abs(place - other) >= gap for other, _ in kept):
            kept.append((place, text))
    return kept[::-1]
