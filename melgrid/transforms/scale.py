"""Pointwise scales of whole clips: magnitude, phase, powers, logarithms.

Functions take any shape; where a scale looks at a maximum, it is the maximum of everything it was given, so that
the channels of a clip share one reference and one floor. With ``overwrite`` the result may take the place of `x`.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from melgrid.transforms import kernels

__all__ = ["db", "lifted", "ln", "log1p", "log10", "magnitude", "phase", "raise_to"]

Float32 = npt.NDArray[np.float32]
Complex64 = npt.NDArray[np.complex64]

_TINY = float(np.finfo(np.float32).tiny)


def magnitude(spectrum: Complex64) -> Float32:
    """Absolute values.

    Parameters
    ----------
    spectrum : ndarray, complex64

    Returns
    -------
    ndarray, float32
    """
    return np.abs(spectrum)


def phase(spectrum: Complex64) -> Float32:
    """Angles, 0 where the spectrum is 0.

    Parameters
    ----------
    spectrum : ndarray, complex64

    Returns
    -------
    ndarray, float32, radians in [-pi, pi]
    """
    return np.arctan2(spectrum.imag, spectrum.real)


def raise_to(x: Float32, exponent: float) -> Float32:
    """Raise values to an exponent.

    Parameters
    ----------
    x : ndarray, >= 0
    exponent : float > 0

    Returns
    -------
    ndarray, float32; `x` itself where the exponent is 1
    """
    if exponent == 1.0:
        return x
    if exponent == 2.0:
        return np.square(x)
    return np.sqrt(x) if exponent == 0.5 else np.power(x, np.float32(exponent))


def db(
    x: Float32,
    *,
    power: float = 2.0,
    ref: float | Literal["max"] = 1.0,
    amin: float = 1e-10,
    top_db: float | None = None,
    overwrite: bool = False,
) -> Float32:
    """Decibels: ``(20 / power) * log10(max(x, amin) / max(ref, amin))``.

    The factor is 10 for powers (power = 2) and 20 for magnitudes (power = 1).

    Parameters
    ----------
    x : ndarray, >= 0
        Magnitudes raised to `power`.
    power : float > 0
    ref : float > 0 or "max"
        What 0 dB is, on the scale of `x`; "max" is the largest value of `x`.
    amin : float > 0
        Values below count as this.
    top_db : float > 0 or None, dB
        Raise what lies further under the largest value to that floor.
    overwrite : bool

    Returns
    -------
    ndarray, float32, dB
    """
    factor = 20.0 / power
    levels = _logarithm(x, amin, factor / math.log(10.0), overwrite)
    if levels.size == 0:
        return levels
    if ref == "max":
        levels -= levels.max()
    elif ref != 1.0:
        levels -= np.float32(factor * math.log10(max(ref, amin)))
    if top_db is not None:
        np.maximum(levels, levels.max() - np.float32(top_db), out=levels)
    return levels


def lifted(x: Float32, *, eps: float | None = None, zero_as: float | None = None) -> Float32:
    """Give zeros a logarithm, by adding to every value or by replacing them.

    Parameters
    ----------
    x : ndarray, >= 0
    eps : float > 0 or None
        Added to every value.
    zero_as : float > 0 or None
        What zeros become.

    Returns
    -------
    ndarray, float32, another one than `x`
    """
    if eps is not None:
        return x + np.float32(eps)
    return np.where(x == 0, np.float32(1.0 if zero_as is None else zero_as), x)


def ln(x: Float32, *, amin: float, overwrite: bool = False) -> Float32:
    """Natural logarithm of ``max(x, amin)``.

    Parameters
    ----------
    x : ndarray, >= 0
    amin : float >= 0
    overwrite : bool

    Returns
    -------
    ndarray, float32
    """
    return _logarithm(x, amin, 1.0, overwrite)


def log10(x: Float32, *, amin: float, overwrite: bool = False) -> Float32:
    """Decimal logarithm of ``max(x, amin)``.

    Parameters
    ----------
    x : ndarray, >= 0
    amin : float >= 0
    overwrite : bool

    Returns
    -------
    ndarray, float32
    """
    return _logarithm(x, amin, 1.0 / math.log(10.0), overwrite)


def log1p(x: Float32, *, scale_by: float = 1e4, overwrite: bool = False) -> Float32:
    """Compressed decimal logarithm, ``log10(1 + scale_by * x)``.

    Parameters
    ----------
    x : ndarray, >= 0
    scale_by : float > 0
    overwrite : bool

    Returns
    -------
    ndarray, float32
    """
    levels = np.multiply(x, np.float32(scale_by), out=x if overwrite else None)
    np.log1p(levels, out=levels)
    levels *= np.float32(1.0 / math.log(10.0))
    return levels


def _logarithm(x: Float32, amin: float, factor: float, overwrite: bool) -> Float32:
    levels = x if overwrite and x.flags.c_contiguous else np.array(x, np.float32, order="C")
    kernels.logarithm(levels.reshape(-1), np.float32(max(amin, _TINY)), np.float32(factor))
    return levels
