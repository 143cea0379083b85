"""What a run would say of a file, without computing anything of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from melgrid.errors import ClipError
from melgrid.preprocess.audio.complaints import Complaints, in_short
from melgrid.preprocess.audio.decode import decode, read_bytes
from melgrid.preprocess.audio.source import cut

__all__ = ["audition"]


def audition(path: Path, parts: Iterable[tuple[float, float]] = ()) -> tuple[float, bytes]:
    """Read and decode a file and cut its clips, as a run does; for `melgrid.datasets.validate`.

    Parameters
    ----------
    path : Path
    parts : iterable of (start, end), seconds
        The clips in the file; NaN stands for the file's own edge.

    Returns
    -------
    seconds : float
    digest : bytes
        Equal for files with equal samples, channels and rate.

    Raises
    ------
    ClipError
        With the reason and the words with which a run puts the clip into quarantine. Those that depend on a feature
        are left to the run: ``too_short``, channels that do not fit, and a feature that is not finite.
    """
    complaints = Complaints()
    try:
        audio = decode(read_bytes(path), path.name)
        for start, end in parts:
            cut(audio, start, end)
    except ClipError as error:
        raise ClipError(error.code, in_short(f"{error.message} {complaints.read()}")) from None
    count, channels = audio.samples.shape
    digest = hashlib.sha256(f"{audio.sr} {channels}".encode())
    digest.update(audio.samples.data)
    return count / audio.sr, digest.digest()
