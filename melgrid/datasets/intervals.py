"""Labels in time: intervals with a class, and the labels of frames.

Conventions: an interval is ``(start, end, class)`` in seconds and covers ``start <= t < end``. Intervals may
overlap or leave gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from melgrid.datasets.tables import read_text
from melgrid.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Interval", "frame_labels", "read_lab"]

Interval = tuple[float, float, str]


def read_lab(path: Path) -> tuple[Interval, ...]:
    """Read a ``.lab`` file: lines of ``start end class``, seconds, separated by blanks; UTF-8, else Latin-1.

    Raises
    ------
    DatasetError
        If it is no text, a line has another form or an interval ends before it starts.
    """
    intervals = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        fields = line.split(maxsplit=2)
        try:
            start, end, name = float(fields[0]), float(fields[1]), fields[2].strip()
        except (ValueError, IndexError):
            raise DatasetError(f"{path}, line {number}: {line!r} is not 'start end class'") from None
        if not 0 <= start <= end < float("inf"):
            raise DatasetError(f"{path}, line {number}: start={start} and end={end} must fulfil 0 <= start <= end")
        intervals.append((start, end, name))
    return tuple(intervals)


def frame_labels(
    intervals: Iterable[Interval],
    classes: Sequence[str],
    *,
    num_frames: int,
    hop_seconds: float,
    first_seconds: float = 0.0,
) -> npt.NDArray[np.uint8]:
    """Give each frame the classes that hold at its time.

    Parameters
    ----------
    intervals : iterable of (start, end, class), s
    classes : sequence of str
        The columns, in this order.
    num_frames : int >= 0
    hop_seconds : float > 0, s
        Distance of frames, ``feature.hop_seconds``.
    first_seconds : float, s
        Time of the first frame on the time axis of the intervals: 0 for centred frames, half a window for frames that
        begin at the first sample; plus the clip's ``start`` where it is an excerpt of its file.

    Returns
    -------
    ndarray, uint8, shape (num_frames, len(classes)), multi-hot
        Frame i stands for the instant ``first_seconds + i * hop_seconds``; a row of zeros where nothing holds.

    Raises
    ------
    DatasetError
        If an interval has an unknown class.
    """
    import numpy as np

    column = {name: number for number, name in enumerate(classes)}
    times = first_seconds + hop_seconds * np.arange(num_frames)
    labels = np.zeros((num_frames, len(classes)), dtype=np.uint8)
    for start, end, name in intervals:
        if name not in column:
            raise DatasetError(
                f"interval {start}..{end} s has the class {name!r}, which is not one of {', '.join(classes)}"
            )
        first, last = np.searchsorted(times, (start, end))
        labels[first:last, column[name]] = 1
    return labels
