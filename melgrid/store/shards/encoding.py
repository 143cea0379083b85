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
from melgrid.store.shards.half import widen

__all__ = ["EncodingReport", "decode", "encode", "encode_with_moments", "item_shape", "moments", "stored_dtype"]

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
    stored, _, report = _cast(values, feature)
    return stored, report


def encode_with_moments(
    values: NDArray[Any], feature: Feature
) -> tuple[NDArray[Any], EncodingReport, NDArray[np.float64], NDArray[np.float64]]:
    """Cast as `encode` does, and tell the moments of what is stored, as `moments` does, without decoding it again."""
    stored, back, report = _cast(values, feature)
    return stored, report, *_moments(back)


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
    values = decode(stored, feature)
    return _moments(values.view(np.float32).reshape(stored.shape))


def _moments(values: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, m2 = np.zeros(values.shape[1:]), np.zeros(values.shape[1:])
    if len(values):
        from melgrid.store.shards.kernels import moments_of

        moments_of(_table(values), mean.reshape(-1), m2.reshape(-1))
    return mean, m2


def _table(parts: NDArray[Any]) -> NDArray[Any]:
    return parts.reshape(len(parts), math.prod(parts.shape[1:]))


def _cast(values: NDArray[Any], feature: Feature) -> tuple[NDArray[Any], NDArray[np.float32], EncodingReport]:
    """Return what is stored, the same as float32 in the physical unit, and the report."""
    parts = _parts(values, feature)
    if feature.dtype == "uint8":
        return _cast_to_uint8(parts, feature)
    if feature.dtype == "float32":
        parts = np.ascontiguousarray(parts, np.float32)
        return parts.astype(stored_dtype(feature), copy=False), parts, EncodingReport(non_finite=_non_finite(parts))
    return _cast_to_half(np.ascontiguousarray(parts), feature)


def _cast_to_half(
    parts: NDArray[np.float32], feature: Feature
) -> tuple[NDArray[np.float16], NDArray[np.float32], EncodingReport]:
    from melgrid.store.shards.kernels import round_half

    stored, back = np.empty(parts.shape, stored_dtype(feature)), np.empty_like(parts)
    worst = np.empty(math.prod(parts.shape[1:]), np.float32)
    total = np.empty(len(worst))
    round_half(_table(parts), _table(stored.view(np.uint16)), _table(back), worst, total)
    error_sum = float(total.sum())
    if math.isfinite(error_sum):  # so is every value: the usual case ends here
        return stored, back, EncodingReport(float(worst.max(initial=0.0)), error_sum)
    finite = np.isfinite(parts)
    saturated = finite & ~np.isfinite(back)
    back[saturated] = np.copysign(FLOAT16_MAX, parts[saturated])
    stored[saturated] = back[saturated].astype(stored.dtype)
    with np.errstate(invalid="ignore"):
        errors = np.abs(back - parts)
    return stored, back, _report(errors, finite & ~saturated, _non_finite(parts), saturated)


def _parts(values: NDArray[Any], feature: Feature) -> NDArray[np.float32]:
    shape = item_shape(feature)
    expected = shape[:-1] if feature.is_complex else shape
    if values.shape[1:] != expected:
        raise ValueError(
            f"values of shape {values.shape} are no (frames, {', '.join(map(str, expected))}) of {feature.id}"
        )
    if not feature.is_complex:
        return np.asarray(values, np.float32)
    return np.ascontiguousarray(values, np.complex64).view(np.float32).reshape(len(values), *shape)


def _cast_to_uint8(
    parts: NDArray[np.float32], feature: Feature
) -> tuple[NDArray[np.uint8], NDArray[np.float32], EncodingReport]:
    low, step = uint8_scale(feature)
    finite = np.isfinite(parts)
    steps = np.rint((np.where(finite, parts, np.where(parts > 0, np.inf, -np.inf)) - low) / step)
    stored = np.clip(steps, 0, 255).astype(np.uint8)
    saturated = finite & ((steps < 0) | (steps > 255))
    within = finite & ~saturated
    back = decode(stored, feature)
    errors = np.abs(back - np.where(within, parts, 0))
    return stored, back, _report(errors, within, _non_finite(parts), saturated)


def _report(
    errors: NDArray[np.float32], counted: NDArray[np.bool_], non_finite: int, saturated: NDArray[np.bool_]
) -> EncodingReport:
    worst = errors.max(initial=0.0, where=counted)
    total = errors.sum(dtype=np.float64, where=counted)
    return EncodingReport(float(worst), float(total), non_finite, int(saturated.sum()))


def _non_finite(parts: NDArray[np.float32]) -> int:
    finite = np.isfinite(parts)
    return 0 if finite.all() else int(finite.size - finite.sum())
