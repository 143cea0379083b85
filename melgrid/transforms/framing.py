"""Where frames lie in a clip and what they see beyond its ends.

Framing "librosa" centres frame ``t`` on sample ``t * hop_length`` and pads by ``n_fft // 2``; "left" begins it there
and pads nothing; "same" is TensorFlow's SAME: ``ceil(n / hop_length)`` frames, zeros, half of them on the left.
Reflection always mirrors the whole clip. librosa 0.11 mirrors a piece of it: where ``n`` is a multiple of
``hop_length >= n_fft / 2``, the last sample of its last frame is another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from melgrid.errors import ParameterError
from melgrid.transforms.window import window as make_window

__all__ = [
    "Framing",
    "PadMode",
    "analysis_window",
    "as_signal",
    "block_rows",
    "full_rows",
    "segments",
    "window_energy",
]

Float32 = npt.NDArray[np.float32]
PadMode = Literal["constant", "reflect", "edge"]


@dataclass(frozen=True, kw_only=True)
class Framing:
    """Frames and window of a short-time Fourier transform.

    Attributes
    ----------
    n_fft : int > 0, samples
    hop_length : int > 0, samples
    win_length : int in [1, n_fft], samples
        The window is centred in the frame, zeros around it.
    window : str
        Name of a `scipy.signal.get_window` window.
    window_sym : bool
        Symmetric instead of periodic.
    framing : str
        librosa, left or same.
    pad_mode : str
        Used by framing librosa.
    """

    n_fft: int
    hop_length: int
    win_length: int
    window: str = "hann"
    window_sym: bool = False
    framing: Literal["librosa", "left", "same"] = "librosa"
    pad_mode: PadMode = "constant"

    def num_frames(self, n_samples: int) -> int:
        """Count the frames of a clip.

        Parameters
        ----------
        n_samples : int >= 0

        Returns
        -------
        int, 0 where the clip is too short for one frame
        """
        if n_samples == 0:
            return 0
        if self.framing == "same":
            return -(-n_samples // self.hop_length)
        padding = 2 * (self.n_fft // 2) if self.framing == "librosa" else 0
        return max(0, 1 + (n_samples + padding - self.n_fft) // self.hop_length)

    def left(self, n_samples: int) -> int:
        """Count the samples of padding before the clip.

        Parameters
        ----------
        n_samples : int >= 0

        Returns
        -------
        int
        """
        if self.framing == "same":
            reach = (self.num_frames(n_samples) - 1) * self.hop_length + self.n_fft
            return max(0, reach - n_samples) // 2
        return self.n_fft // 2 if self.framing == "librosa" else 0


@lru_cache(maxsize=256)
def analysis_window(window: str, win_length: int, n_fft: int, symmetric: bool = False) -> Float32:
    """Window of a frame, centred and zero-padded to the length of the transform.

    Parameters
    ----------
    window : str
    win_length, n_fft : int > 0, samples
    symmetric : bool

    Returns
    -------
    ndarray, shape (n_fft,), read-only
    """
    frame = np.zeros(n_fft, np.float32)
    start = (n_fft - win_length) // 2
    frame[start : start + win_length] = make_window(window, win_length, symmetric=symmetric)
    frame.flags.writeable = False
    return frame


def window_energy(framing: Framing) -> float:
    """Sum of the squares of a window.

    Parameters
    ----------
    framing : Framing

    Returns
    -------
    float
    """
    window = analysis_window(framing.window, framing.win_length, framing.n_fft, framing.window_sym)
    return float(np.square(window, dtype=np.float64).sum())


def as_signal(y: npt.ArrayLike) -> Float32:
    """Check that `y` is one channel of samples.

    Parameters
    ----------
    y : array_like, shape (n_samples,)

    Returns
    -------
    ndarray, float32, contiguous

    Raises
    ------
    ParameterError
        `y` has another number of axes.
    """
    signal = np.ascontiguousarray(y, np.float32)
    if np.ndim(y) != 1:
        raise ParameterError(f"y has shape {np.shape(y)}: must be (n_samples,); transform channels one by one")
    return signal


def full_rows(count: int) -> int:
    """Round a number of frames up to whole blocks of 64, so that no frame meets a library's path for remainders.

    Parameters
    ----------
    count : int >= 0

    Returns
    -------
    int
    """
    return -(-count // 64) * 64


def block_rows(n_fft: int, frames: int) -> int:
    """Frames to transform in one call: one block stays in a 1 MiB second-level cache, three of short ones save calls.

    Two or four would put all rows of the turned block into the same few cache sets; both measure slower.

    Parameters
    ----------
    n_fft : int > 0, samples
    frames : int > 0
        Number of frames in all.

    Returns
    -------
    int
    """
    return min(192 if n_fft <= 2048 else 64, full_rows(frames))


def segments(
    y: Float32, *, n_fft: int, hop: int, left: int, frames: int, pad_mode: PadMode, rows: int
) -> Iterator[tuple[int, int, Float32]]:
    """Cut a clip into stretches of samples that hold `rows` frames each.

    Parameters
    ----------
    y : ndarray, shape (n_samples > 0,)
    n_fft, hop : int > 0, samples
    left : int >= 0, samples
        Padding before the clip.
    frames : int
        Number of frames in all.
    pad_mode : str
    rows : int

    Yields
    ------
    first : int
        Index of the first frame.
    count : int in [1, rows]
    segment : ndarray, shape ((count - 1) * hop + n_fft,)
        A view where the stretch lies inside the clip, else a padded copy.
    """
    for first in range(0, frames, rows):
        count = min(rows, frames - first)
        start = first * hop - left
        stop = start + (count - 1) * hop + n_fft
        inside = start >= 0 and stop <= y.size
        yield first, count, y[start:stop] if inside else _padded(y, start, stop, pad_mode)


def _padded(y: Float32, start: int, stop: int, pad_mode: PadMode) -> Float32:
    low, high = min(max(start, 0), y.size), min(max(stop, 0), y.size)
    segment = np.zeros(stop - start, np.float32)
    segment[low - start : high - start] = y[low:high]
    if pad_mode != "constant":
        for a, b in ((start, min(stop, 0)), (max(start, y.size), stop)):
            if a < b:
                segment[a - start : b - start] = y[_inside(np.arange(a, b), y.size, pad_mode)]
    return segment


def _inside(index: npt.NDArray[np.int64], size: int, pad_mode: PadMode) -> npt.NDArray[np.int64]:
    """Index of the sample that stands for one beyond the ends (numpy.pad's "edge" and "reflect")."""
    if pad_mode == "edge" or size == 1:
        return np.clip(index, 0, size - 1)
    period = 2 * (size - 1)
    folded = index % period
    return np.minimum(folded, period - folded)
