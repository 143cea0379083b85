"""Labels of frames, from labels in time: every crop has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.params import Feature
from melgrid.params.spectral import Spectral
from melgrid.transforms import framing_of

if TYPE_CHECKING:
    from melgrid.store import Selection

__all__ = ["FrameLabels", "first_seconds"]

Ints = NDArray[np.int64]


class FrameLabels:
    """Labels of the frames of crops.

    A frame stands for one instant, its centre, and has the classes that hold then.

    Parameters
    ----------
    selection : Selection
    option : str
        "frames": one class for each frame; "frames-multi-hot": any number of them.

    Attributes
    ----------
    arrays : tuple of array
        What the labels depend on, for a digest.

    Raises
    ------
    ParameterError
        The store has no labels in time, frames have no fixed place in time, or two classes hold at once where one is
        asked for.
    """

    def __init__(self, selection: Selection, option: str) -> None:
        features, intervals = selection.feature_set, getattr(selection, "intervals", None)
        if intervals is None:
            raise ParameterError(
                f"labels={option!r}: needs a store with labels in time, of a dataset with intervals (jamendo, or "
                "folder with .lab files)"
            )
        self._classes = len(selection.classes) if option == "frames-multi-hot" else None
        starts = selection.clips["start"].fillna(0.0).to_numpy(np.float64)
        zero = first_seconds(features.feature, features.num_samples[selection.rows]) + starts
        owner = np.repeat(np.arange(len(selection)), np.diff(intervals.offset))
        lengths = np.asarray(selection.lengths, np.int64)
        hop = features.feature.hop_seconds
        first = _first_frame(intervals.seconds[:, 0], zero[owner], hop)
        after = np.minimum(_first_frame(intervals.seconds[:, 1], zero[owner], hop), lengths[owner])
        seen = np.flatnonzero(after > first)
        seen = seen[np.lexsort((first[seen], owner[seen]))]
        self._first, self._after = first[seen], after[seen]
        self._class: Ints = intervals.classes[seen].astype(np.int64)
        self._offset = np.searchsorted(owner[seen], np.arange(len(selection) + 1))
        self.arrays = self._first, self._after, self._class, self._offset
        if self._classes is None:
            same = owner[seen][1:] == owner[seen][:-1]
            overlap = np.flatnonzero(
                same & (self._first[1:] < self._after[:-1]) & (self._class[1:] != self._class[:-1])
            )
            if len(overlap):
                clip, frame = owner[seen][overlap[0]], self._first[overlap[0] + 1]
                raise ParameterError(
                    f"labels='frames': two classes hold at once in {selection.clip_ids[clip]!r} (frame {frame}); say "
                    "labels='frames-multi-hot'"
                )

    def crops(self, clips: Ints, starts: Ints, counts: Ints, frames: int) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Return the labels of crops.

        Parameters
        ----------
        clips, starts, counts : int64 arrays (examples,)
            Positions in the selection, first frame in each, frames before the padding.
        frames : int
            Length of the crops.

        Returns
        -------
        y : int64 array (examples, frames), or float32 array (examples, frames, classes)
            Zeros where nothing is known.
        weight : float32 array (examples, frames)
            1 where `y` counts: not in the padding, nor, where `y` is one class, in frames without any.
        """
        shape = (len(clips), frames)
        known = np.zeros(shape, np.float32)
        y: NDArray[Any] = (
            np.zeros(shape, np.int64) if self._classes is None else np.zeros((*shape, self._classes), "f4")
        )
        if self._classes is not None:
            known[np.arange(frames) < counts[:, None]] = 1
        for i, (clip, start, count) in enumerate(zip(clips.tolist(), starts.tolist(), counts.tolist(), strict=True)):
            own = slice(self._offset[clip], self._offset[clip + 1])
            first = np.maximum(self._first[own] - start, 0)
            after = np.minimum(self._after[own] - start, count)
            for k in np.flatnonzero(after > first).tolist():
                part = slice(first[k], after[k])
                if self._classes is None:
                    y[i, part], known[i, part] = self._class[own][k], 1
                else:
                    y[i, part, self._class[own][k]] = 1
        return y, known


def first_seconds(feature: Feature, num_samples: Ints) -> NDArray[np.float64]:
    """Say when the first frame of each clip is.

    Parameters
    ----------
    feature : Feature
    num_samples : int64 array (clips,)
        Lengths at the feature's rate, before any excerpt is taken.

    Returns
    -------
    float64 array (clips,), seconds from the beginning of the clip to the centre of the frame

    Raises
    ------
    ParameterError
        The feature's frames do not follow each other at their hop in the clip.
    """
    excerpt = feature.excerpt
    moved = excerpt is not None and (excerpt.pad == "repeat" or (excerpt.pad == "frames" and excerpt.start == "center"))
    if feature.segments is not None or moved:
        raise ParameterError(
            f"labels of frames: those of {feature.id} have no fixed place in time "
            f"({'segments' if feature.segments is not None else f'excerpt={excerpt}'}); use a feature of whole clips"
        )
    first, length = np.zeros_like(num_samples), num_samples
    if excerpt is not None and excerpt.pad != "frames":
        spans = np.array([excerpt.span(n, feature.sr) for n in num_samples.tolist()], np.int64).reshape(-1, 2)
        length = np.array([excerpt.length(n, feature.sr) for n in num_samples.tolist()], np.int64)
        first = spans[:, 0]
        if excerpt.pad == "front":
            first = spans[:, 1] - length
    if isinstance(feature, Spectral):
        framing = framing_of(feature)
        left = {n: framing.left(n) for n in set(length.tolist())}
        first = first + framing.n_fft // 2 - np.array([left[n] for n in length.tolist()], np.int64)
    return first / feature.sr


def _first_frame(times: NDArray[np.float64], zero: NDArray[np.float64], hop: float) -> Ints:
    """Number of the first frame at or after a time, where frame i is at ``zero + hop * i``, as computed."""
    frame = np.ceil((times - zero) / hop).astype(np.int64)
    frame += zero + hop * frame < times
    frame -= zero + hop * (frame - 1) >= times
    return np.maximum(frame, 0)
