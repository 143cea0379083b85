"""Windows. Sums of cosines are made here: importing `scipy.signal` for them would cost every worker half a second."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["window"]

# Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", Proc. IEEE 66(1), 1978;
# nuttall: Nuttall, "Some windows with very good sidelobe behavior", IEEE Trans. ASSP 29(1), 1981;
# flattop: D'Antona and Ferrero, "Digital signal processing for measurement systems", Springer 2006.
_COSINES = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 1.0 - 0.54),
    "blackman": (0.42, 0.50, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def window(name: str, length: int, *, symmetric: bool) -> npt.NDArray[np.float64]:
    """Make a window, bit for bit as `scipy.signal.get_window` does.

    Parameters
    ----------
    name : str
    length : int > 0, samples
    symmetric : bool
        For filters; otherwise periodic, for spectra.

    Returns
    -------
    ndarray of float64, shape (length,)
    """
    if name not in _COSINES:
        from scipy.signal import get_window

        return np.asarray(get_window(name, length, fftbins=not symmetric), np.float64)
    if length == 1:
        return np.ones(1)
    angle = np.linspace(-np.pi, np.pi, length + (not symmetric))
    values = np.zeros(len(angle))
    for order, share in enumerate(_COSINES[name]):
        values += share * np.cos(order * angle)
    return values[:length]
