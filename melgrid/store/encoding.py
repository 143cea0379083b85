"""How values become stored numbers and back.

Values are float32 (frames, bins[, channels]) or complex64 of the same shape, in the feature's physical unit.
Stored numbers are little-endian float16, float32 or uint8; complex values get a last axis of 2 (real, imaginary).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgrid.params import Feature
from melgrid.store.half import widen

__all__ = ["EncodingReport", "decode", "encode", "item_shape", "moments", "stored_dtype"]

FLOAT16_MAX = np.float32(65504)


@dataclass(frozen=True, slots=True)
class EncodingReport:
    """What the cast cost.

    Attributes
    ----------
    worst_error, error_sum : float
        Largest rounding error, and the sum of all of them, in the physical unit, of finite values inside the range of
        the stored type.
    non_finite : int
        Values that were NaN or infinite. In uint8 a NaN is stored as the lowest value.
    saturated : int
        Finite values outside the range of the stored type; stored as its nearest end.
    """

    worst_error: float = 0.0
    error_sum: float = 0.0
    non_finite: int = 0
    saturated: int = 0

    def merged(self, other: EncodingReport) -> EncodingReport:
        """Return the report on both lots of values together."""
        return EncodingReport(
            max(self.worst_error, other.worst_error),
            self.error_sum + other.error_sum,
            self.non_finite + other.non_finite,
            self.saturated + other.saturated,
        )


def stored_dtype(feature: Feature) -> np.dtype[Any]:
    """Return the little-endian type that `feature` is stored in."""
    return np.dtype(feature.dtype).newbyteorder("<")


def item_shape(feature: Feature) -> tuple[int, ...]:
    """Return the shape of one stored frame: (bins[, channels][, 2])."""
    channels = () if feature.channels is None else (feature.channels,)
    return (feature.bins, *channels, *((2,) if feature.is_complex else ()))


def encode(values: NDArray[Any], feature: Feature) -> tuple[NDArray[Any], EncodingReport]:
    """Cast values to what is stored.

    Parameters
    ----------
    values : ndarray, shape (frames, bins[, channels]), float32 or complex64, physical unit
    feature : Feature

    Returns
    -------
    stored : ndarray, shape (frames, bins[, channels][, 2]), C-contiguous, type `stored_dtype`
        Of float32 features, the memory of `values` where that has the right layout.
    report : EncodingReport

    Raises
    ------
    ValueError
        The shape is not that of the feature.
    """
    parts = _parts(values, feature)
    if feature.dtype == "uint8":
        return _encode_uint8(parts, feature)
    if feature.dtype == "float32":
        return np.ascontiguousarray(parts, stored_dtype(feature)), EncodingReport(non_finite=_non_finite(parts))
    parts = np.ascontiguousarray(parts)
    stored, back = np.empty(parts.shape, stored_dtype(feature)), np.empty_like(parts)
    _round(parts, stored, back)
    with np.errstate(all="ignore"):
        errors = np.abs(back - parts)
        worst = errors.max(initial=0.0)
    if np.isfinite(worst):  # so is every value: the usual case ends here
        return stored, EncodingReport(float(worst), float(errors.sum(dtype=np.float64)))
    finite = np.isfinite(parts)
    saturated = finite & ~np.isfinite(back)
    stored[saturated] = np.copysign(FLOAT16_MAX, parts[saturated]).astype(stored.dtype)
    return stored, _report(errors, finite & ~saturated, _non_finite(parts), saturated)


def decode(stored: NDArray[Any], feature: Feature) -> NDArray[Any]:
    """Turn stored numbers back into values in the physical unit.

    Parameters
    ----------
    stored : ndarray, shape (..., bins[, channels][, 2]), type `stored_dtype`
    feature : Feature

    Returns
    -------
    ndarray, shape (..., bins[, channels]), float32 or complex64, C-contiguous
        Of float32 features, `stored` itself.
    """
    stored = np.ascontiguousarray(stored)
    if feature.dtype == "float16":
        parts = np.empty(stored.shape, np.float32)
        widen(stored, parts)
    else:
        parts = stored.astype(np.float32, copy=False)
    if feature.range_db is not None:
        low, step = uint8_scale(feature)
        parts *= step
        parts += low
    if feature.is_complex:
        return parts.view(np.complex64)[..., 0]
    return parts


def uint8_scale(feature: Feature) -> tuple[np.float32, np.float32]:
    """Return the value of a stored 0 and the step from one stored number to the next, in dB."""
    if feature.range_db is None:
        raise ValueError(f"{feature.id} is not stored as uint8")
    low, high = feature.range_db
    return np.float32(low), np.float32((high - low) / 255)


def moments(stored: NDArray[Any], feature: Feature) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and sum of squared deviations over the frames of a clip, as it is stored.

    Real and imaginary parts of complex features count on their own; phases count as plain numbers, although they
    are angles.

    Parameters
    ----------
    stored : ndarray, shape (frames, *item_shape), type `stored_dtype`
    feature : Feature

    Returns
    -------
    mean, m2 : ndarray, shape item_shape, float64, physical unit and its square; zeros without frames
    """
    shape = stored.shape[1:]
    if not len(stored):
        return np.zeros(shape), np.zeros(shape)
    from melgrid.store.kernels import moments_of

    flat = decode(stored, feature).view(np.float32).reshape(len(stored), -1)
    mean, m2 = np.empty(flat.shape[1]), np.empty(flat.shape[1])
    moments_of(flat, mean, m2)
    return mean.reshape(shape), m2.reshape(shape)


def _round(parts: NDArray[np.float32], stored: NDArray[np.float16], back: NDArray[np.float32]) -> None:
    from melgrid.store.kernels import round_half

    rows = (len(parts), math.prod(parts.shape[1:]))
    round_half(parts.reshape(rows), stored.view(np.uint16).reshape(rows), back.reshape(rows))


def _parts(values: NDArray[Any], feature: Feature) -> NDArray[np.float32]:
    shape = item_shape(feature)
    expected = shape[:-1] if feature.is_complex else shape
    if values.shape[1:] != expected or values.ndim == 0:
        raise ValueError(
            f"values of shape {values.shape} are no (frames, {', '.join(map(str, expected))}) of {feature.id}"
        )
    if not feature.is_complex:
        return np.asarray(values, np.float32)
    return np.ascontiguousarray(values, np.complex64).view(np.float32).reshape(len(values), *shape)


def _encode_uint8(parts: NDArray[np.float32], feature: Feature) -> tuple[NDArray[np.uint8], EncodingReport]:
    low, step = uint8_scale(feature)
    finite = np.isfinite(parts)
    steps = np.rint((np.where(finite, parts, np.where(parts > 0, np.inf, -np.inf)) - low) / step)
    stored = np.clip(steps, 0, 255).astype(np.uint8)
    saturated = finite & ((steps < 0) | (steps > 255))
    within = finite & ~saturated
    errors = np.abs(decode(stored, feature) - np.where(within, parts, 0))
    return stored, _report(errors, within, _non_finite(parts), saturated)


def _report(
    errors: NDArray[np.float32], counted: NDArray[np.bool_], non_finite: int, saturated: NDArray[np.bool_]
) -> EncodingReport:
    worst = errors.max(initial=0.0, where=counted)
    total = errors.sum(dtype=np.float64, where=counted)
    return EncodingReport(float(worst), float(total), non_finite, int(saturated.sum()))


def _non_finite(parts: NDArray[np.float32]) -> int:
    finite = np.isfinite(parts)
    return 0 if finite.all() else int(finite.size - finite.sum())
