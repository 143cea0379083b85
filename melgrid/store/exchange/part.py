"""The clips of one shard, as writers of other formats take them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgrid.store.plain import objects
from melgrid.store.selection import Selection

__all__ = ["Part"]

TEXTS = ("clip_id", "path", "split", "group", "parent")


@dataclass(frozen=True)
class Part:
    """Some clips and their numbers.

    Attributes
    ----------
    number : int
        Of the part, from 0.
    selection : Selection
    done : callable
        Called after each clip.
    """

    number: int
    selection: Selection
    done: Callable[[], object]

    def values(self) -> Iterator[NDArray[Any]]:
        """Yield what is stored of each clip: (frames, *frame_shape), stored type."""
        features = self.selection.feature_set
        for row, length in zip(self.selection.rows, self.selection.lengths, strict=True):
            stored = np.empty((int(length), *features.frame_shape), features.dtype)
            features.read_clips(np.array([row]), stored)
            yield stored
            self.done()

    @cached_property
    def columns(self) -> dict[str, NDArray[Any]]:
        """What is known of the clips, one array a column; the first axis is the clip.

        Texts are empty and numbers -1 where there is none. `label` is the class number, or for task multi `labels`
        has ones where a clip has a class. Clip i has the frames from ``frame_offset[i]`` up to ``frame_offset[i + 1]``,
        and so the intervals, where the corpus has labels in time.
        """
        clips, about = self.selection.clips, self.selection.feature_set.store.about
        found: dict[str, NDArray[Any]] = {
            name: np.array([value or "" for value in objects(clips[name])], str) for name in TEXTS
        }
        found["fold"] = clips["fold"].fillna(-1).to_numpy(np.int64)
        for name in ("start", "end"):
            found[name] = clips[name].to_numpy(np.float64)
        found["labels" if about.task == "multi" else "label"] = self.selection.labels
        found["frame_offset"] = np.concatenate([[0], np.cumsum(self.selection.lengths, dtype=np.int64)])
        intervals = self.selection.intervals
        if intervals is not None:
            found["interval_offset"], found["interval_seconds"] = intervals.offset, intervals.seconds
            found["interval_class"] = intervals.classes
        return found

    def facts(self) -> Iterator[dict[str, Any]]:
        """Yield the same clip by clip, ready for JSON, without what is not known; labels are lists of class numbers."""
        columns, multi = self.columns, self.selection.feature_set.store.about.task == "multi"
        intervals = None if self.selection.intervals is None else self.selection.intervals.rows()
        for place in range(len(self.selection)):
            labels = columns["labels"][place].nonzero()[0] if multi else columns["label"][place : place + 1]
            fact: dict[str, Any] = {name: str(columns[name][place]) for name in TEXTS if columns[name][place]}
            fact["labels"] = [int(label) for label in labels if label >= 0]
            if columns["fold"][place] >= 0:
                fact["fold"] = int(columns["fold"][place])
            for name in ("start", "end"):
                if columns[name][place] == columns[name][place]:
                    fact[name] = float(columns[name][place])
            if intervals is not None:
                fact["intervals"] = intervals[place]
            yield fact
