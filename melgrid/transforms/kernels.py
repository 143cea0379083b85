"""Inner loops, compiled at their first call and cached on disk; they release the GIL.

A block holds 64 frames or a multiple of it. Every number of a frame comes from the same operations in the same
order whatever its row, so that a frame has the same bits wherever it stands. Written for LLVM's vectoriser:
rows are sliced before the innermost loop (no wraparound of negative indices), time is the innermost axis of the
product with a bank, and a division does not look for zero.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

__all__ = ["amplify", "cut_frames", "logarithm", "project", "square", "square_turned", "turn_back"]

Float32 = npt.NDArray[np.float32]
Block = npt.NDArray[np.floating]
Index = npt.NDArray[np.int64]
Loop = TypeVar("Loop", bound=Callable[..., Any])


_loops: dict[str, Callable[..., Any]] = {}


def _compiled(loop: Loop) -> Loop:
    """Put all compiled loops in the place of the plain ones when the first is called."""
    _loops[loop.__name__] = loop

    @wraps(loop)
    def first_call(*arguments: Any) -> Any:
        import numba  # a third of a second, which a process that only plans does without

        for name, plain in _loops.items():
            globals()[name] = numba.njit(cache=True, nogil=True, error_model="numpy")(plain)
        return globals()[loop.__name__](*arguments)

    return cast(Loop, first_call)


@_compiled
def amplify(x: Float32, gain: float) -> None:
    """Multiply in place, in double precision before rounding.

    Parameters
    ----------
    x : ndarray, shape (n,), overwritten
    gain : float
    """
    for i in range(x.shape[0]):
        x[i] = np.float32(x[i] * gain)


@_compiled
def cut_frames(segment: Float32, hop: int, window: Float32, count: int, block: Block) -> None:
    """Write windowed frames into a block; rows from `count` on become zero.

    Parameters
    ----------
    segment : ndarray, shape (>= (count - 1) * hop + n_fft,)
    hop : int, samples
    window : ndarray, shape (n_fft,)
    count : int
    block : ndarray, float32 or float64, shape (rows, n_fft), overwritten
    """
    n_fft = window.shape[0]
    for i in range(count):
        samples = segment[i * hop : i * hop + n_fft]
        row = block[i]
        for j in range(n_fft):
            row[j] = samples[j] * window[j]
    block[count:] = 0


@_compiled
def square(spectrum: Float32, out: Float32) -> None:
    """Squared magnitudes of complex rows.

    Parameters
    ----------
    spectrum : ndarray, shape (rows, 2 * bins)
        Real and imaginary parts in turn.
    out : ndarray, shape (rows, bins), overwritten
    """
    for i in range(out.shape[0]):
        parts = spectrum[i]
        row = out[i]
        for j in range(out.shape[1]):
            re = parts[2 * j]
            im = parts[2 * j + 1]
            row[j] = re * re + im * im


@_compiled
def square_turned(spectrum: Float32, scratch: Float32, out: Float32) -> None:
    """Squared magnitudes of complex rows, turned so that time is the second axis; the same bits as `square`.

    Four rows at a time go through a scratch block that stays in the first-level cache.

    Parameters
    ----------
    spectrum : ndarray, shape (rows, 2 * bins)
    scratch : ndarray, shape (4, bins)
    out : ndarray, shape (>= bins, rows), overwritten
    """
    for i in range(0, spectrum.shape[0], 4):
        square(spectrum[i : i + 4], scratch)
        a, b, c, d = scratch[0], scratch[1], scratch[2], scratch[3]
        for j in range(scratch.shape[1]):
            place = out[j, i : i + 4]
            place[0] = a[j]
            place[1] = b[j]
            place[2] = c[j]
            place[3] = d[j]


@_compiled
def project(starts: Index, offsets: Index, weights: Float32, columns: Float32, out: Float32) -> None:
    """Product of a banded matrix and a block with time as the second axis.

    Parameters
    ----------
    starts : ndarray, shape (bands,)
        First column of each band.
    offsets : ndarray, shape (bands + 1,)
        Where the weights of each band begin; their number is a multiple of four.
    weights : ndarray, shape (offsets[-1],)
    columns : ndarray, shape (bins, rows)
    out : ndarray, shape (bands, rows), overwritten
    """
    for band in range(out.shape[0]):
        total = out[band]
        total[:] = 0
        shift = starts[band] - offsets[band]
        for k in range(offsets[band], offsets[band + 1], 4):
            w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
            x0, x1 = columns[k + shift], columns[k + 1 + shift]
            x2, x3 = columns[k + 2 + shift], columns[k + 3 + shift]
            for t in range(total.shape[0]):
                total[t] += (w0 * x0[t] + w1 * x1[t]) + (w2 * x2[t] + w3 * x3[t])


@_compiled
def turn_back(bands: Float32, first: int, step: int, out: Float32) -> None:
    """Copy frames from a block with time as the second axis to rows.

    Four rows at a time, so that a cache line that is read gives all it can.

    Parameters
    ----------
    bands : ndarray, shape (bands, rows)
    first, step : int
        Columns to copy: first, first + step, ... as many as `out` has rows.
    out : ndarray, shape (frames, bands), overwritten
    """
    fours = out.shape[0] - out.shape[0] % 4
    for i in range(0, fours, 4):
        a, b, c, d = out[i], out[i + 1], out[i + 2], out[i + 3]
        column = first + i * step
        for j in range(out.shape[1]):
            times = bands[j]
            a[j] = times[column]
            b[j] = times[column + step]
            c[j] = times[column + 2 * step]
            d[j] = times[column + 3 * step]
    for i in range(fours, out.shape[0]):
        row = out[i]
        for j in range(out.shape[1]):
            row[j] = bands[j, first + i * step]


@_compiled
def logarithm(x: Float32, floor: np.float32, factor: np.float32) -> None:
    """Replace `x` by ``factor * log(max(x, floor))``; what is not finite becomes NaN.

    ``x = m * 2**e`` with m in [sqrt(1/2), sqrt(2)), and ``log(m) = 2 * atanh((m - 1) / (m + 1))`` by its series, whose
    first neglected term is below 2e-9. Three times as fast as numpy's maximum, log and multiply, and no less exact.

    Parameters
    ----------
    x : ndarray, shape (n,), overwritten
    floor : float32 > 0, normal
    factor : float32
    """
    one = np.float32(1.0)
    third, fifth, seventh, ninth = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7), np.float32(1 / 9)
    per_octave = np.float32(0.6931471805599453) * factor
    twice = np.float32(2.0) * factor
    sqrt_half = np.int32(0x3F3504F3)
    bits = x.view(np.int32)
    for i in range(x.shape[0]):
        value = x[i]
        x[i] = floor if value < floor else value
        exponent = np.int32(np.int32(bits[i] - sqrt_half) >> np.int32(23))
        bits[i] = np.int32(bits[i] - np.int32(exponent << np.int32(23)))
        s = (x[i] - one) / (x[i] + one)
        z = s * s
        series = s * (one + z * (third + z * (fifth + z * (seventh + z * ninth))))
        x[i] = np.float32(exponent) * per_octave + twice * series + (value - value)
