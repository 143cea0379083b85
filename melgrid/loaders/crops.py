"""Where crops begin."""

from __future__ import annotations

import math
from numbers import Real
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.loaders.whole_numbers import whole_number

__all__ = ["Crop", "check_crop", "crop_length", "tiles"]

Crop = Literal["auto", "random", "center", "head", "tile"]


def tiles(lengths: NDArray[np.int64], frames: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Back-to-back crops that cover every frame of every clip.

    The last crop of a clip ends with the clip, so it overlaps the one before unless the length is a multiple
    of `frames`. A clip shorter than `frames` has one crop, from its first frame.

    Parameters
    ----------
    lengths : int64 array (clips,)
    frames : int >= 1
        Length of a crop.

    Returns
    -------
    clips, starts : int64 arrays, one entry per crop
        Position of the crop's clip, ascending, and the first frame in it.
    """
    counts = np.maximum(1, -(-lengths // frames))
    clips = np.repeat(np.arange(len(lengths)), counts)
    first = np.cumsum(counts) - counts
    numbers = np.arange(len(clips)) - first[clips]
    return clips, np.minimum(numbers * frames, np.maximum(0, lengths[clips] - frames))


def check_crop(crop: Crop | None, frames: int | None, crops_per_clip: int, shuffle: bool) -> Crop | None:
    """Resolve "auto" and refuse combinations that contradict each other.

    Parameters
    ----------
    crop : str or None
    frames : int or None
        Length of a crop.
    crops_per_clip : int >= 1
    shuffle : bool

    Returns
    -------
    str or None
        "random", "center", "head" or "tile"; None for whole clips.

    Raises
    ------
    ParameterError
    """
    if crop is not None and crop not in get_args(Crop):
        raise ParameterError(f"crop={crop!r}: must be one of {', '.join(get_args(Crop))} or None")
    if crop == "auto":
        crop = None if frames is None else "random" if shuffle else "center"
    if crop is None and frames is not None:
        raise ParameterError("crop=None keeps whole clips: leave crop_frames and crop_seconds out")
    if crop is not None and frames is None:
        raise ParameterError(f"crop={crop!r}: needs crop_frames or crop_seconds")
    if crops_per_clip > 1 and crop != "random":
        raise ParameterError(
            f"crops_per_clip={crops_per_clip}: only crop='random' gives different crops of a clip (here: {crop!r}); "
            "crop='tile' covers clips as a whole"
        )
    return crop


def crop_length(frames: int | None, seconds: float | None, hop_seconds: float) -> int | None:
    """Resolve the two ways to say how long a crop is.

    Parameters
    ----------
    frames : int or None
    seconds : float or None
    hop_seconds : float > 0
        From one frame to the next.

    Returns
    -------
    int >= 1, frames; None for neither

    Raises
    ------
    ParameterError
        Both are given, or one is out of range.
    """
    if frames is not None and seconds is not None:
        raise ParameterError(f"crop_frames={frames}, crop_seconds={seconds}: give one of them")
    if seconds is not None:
        if not isinstance(seconds, Real) or not 0 < seconds < math.inf:
            raise ParameterError(f"crop_seconds={seconds!r}: must be above 0; for whole clips leave it out")
        return max(1, round(seconds / hop_seconds))
    return None if frames is None else whole_number("crop_frames", frames, 1)
