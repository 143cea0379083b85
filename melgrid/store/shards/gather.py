"""Many copies, or many reads, in one call, without the interpreter or its lock between them."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = ["gather", "read"]

_BYTES = numba.types.Array(numba.uint8, 1, "C", readonly=True)
_INTS = numba.types.Array(numba.int64, 1, "C", readonly=True)
_pread: Any = numba.types.ExternalFunction(  # the C library's
    "pread", numba.intp(numba.int32, numba.uintp, numba.uintp, numba.int64)
)


@intrinsic
def _memcpy(context: Any, target: Any, place: Any, source: Any, begin: Any, size: Any) -> Any:
    """Call the C library's memcpy: a loop over elements takes a fifth longer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        into, place, out_of, begin, size = arguments
        to_type, _, from_type, _, _ = signature.args
        into = context.make_array(to_type)(context, builder, into).data
        out_of = context.make_array(from_type)(context, builder, out_of).data
        copy: Any = cgutils.raw_memcpy
        copy(builder, builder.gep(into, [place]), builder.gep(out_of, [begin]), size, 1)
        return context.get_dummy_value()

    return numba.void(target, numba.int64, source, numba.int64, numba.int64), generate


_copy: Any = _memcpy  # called with fewer arguments than it is written with


@numba.njit(numba.void(_BYTES, _INTS, _INTS, numba.uint8[::1], _INTS), cache=True, nogil=True, error_model="numpy")
def gather(
    source: NDArray[np.uint8],
    begins: NDArray[np.int64],
    sizes: NDArray[np.int64],
    target: NDArray[np.uint8],
    places: NDArray[np.int64],
) -> None:
    """Copy spans of bytes; nothing is checked.

    Parameters
    ----------
    source : ndarray of uint8
    begins, sizes : ndarray of int64, shape (n,)
        Spans of `source`.
    target : ndarray of uint8
    places : ndarray of int64, shape (n,)
        Where each span goes.
    """
    for i in range(begins.size):
        _copy(target, places[i], source, begins[i], sizes[i])


@numba.njit(
    numba.int64(_INTS, _INTS, _INTS, _INTS, _INTS, _INTS, numba.uint8[::1], _INTS),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def read(
    order: NDArray[np.int64],
    descriptors: NDArray[np.int64],
    offsets: NDArray[np.int64],
    files: NDArray[np.int64],
    begins: NDArray[np.int64],
    sizes: NDArray[np.int64],
    target: NDArray[np.uint8],
    places: NDArray[np.int64],
) -> int:
    """Read spans of bytes of several open files; stop at the first that does not come whole.

    Parameters
    ----------
    order : ndarray of int64, shape (m,)
        Spans to read, one after the other.
    descriptors, offsets : ndarray of int64, shape (number of files,)
        Of each file, and where its spans are counted from.
    files, begins, sizes : ndarray of int64, shape (n,)
        Of each span.
    target : ndarray of uint8
    places : ndarray of int64, shape (n,)
        Where each span goes; not checked.

    Returns
    -------
    int
        How many spans have come.
    """
    memory = target.ctypes.data
    for done in range(order.size):
        i = order[done]
        file = files[i]
        place, size = memory + numba.uintp(places[i]), numba.uintp(sizes[i])
        if _pread(numba.int32(descriptors[file]), place, size, offsets[file] + begins[i]) != sizes[i]:
            return done
    return order.size
