"""The Fourier transform behind everything: mkl_fft where it is importable, else scipy."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

try:
    from mkl_fft import rfft as _rfft
except ImportError:
    from scipy.fft import rfft as _rfft

    _BACKEND = "scipy"
else:
    _BACKEND = "mkl_fft"

__all__ = ["fft_backend", "rfft"]


def fft_backend() -> tuple[str, str]:
    """Name and version of the FFT library in use, for the record of a store.

    Returns
    -------
    (str, str)
    """
    return _BACKEND, version(_BACKEND)


def rfft(block: npt.NDArray[np.floating]) -> npt.NDArray[Any]:
    """Fourier transforms of the rows of a block, in its precision.

    Parameters
    ----------
    block : ndarray, float32 or float64, shape (rows, n_fft)

    Returns
    -------
    ndarray, complex64 or complex128, shape (rows, 1 + n_fft // 2)
    """
    spectrum: npt.NDArray[Any] = _rfft(block, axis=1)
    return spectrum
