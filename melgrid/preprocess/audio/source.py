"""What was read of a clip's file, kept for as long as variants of the clip follow it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from melgrid.errors import ClipError
from melgrid.preprocess.audio.augment import altered, augmentation_of
from melgrid.preprocess.audio.decode import Audio, decode, read_bytes
from melgrid.preprocess.audio.signal import Float32, SignalKey, signals

__all__ = ["Source", "cut", "place_of"]

Place = tuple[str, Any, Any]


def place_of(clip: Mapping[Any, Any]) -> Place:
    """Which file a clip is in, and which part of it; NaN, which equals nothing, as None."""
    start, end = (None if edge != edge else edge for edge in (clip["start"], clip["end"]))
    return clip["path"], start, end


@dataclass
class Source:
    """A file's bytes and the clip in it, each read when it is asked for.

    Attributes
    ----------
    path : Path
    place : Place
    """

    path: Path
    place: Place
    sha256: str | None = None
    audio: Audio | None = None
    signal: Callable[[SignalKey], Float32] | None = None
    _data: bytes | None = None

    def read(self) -> str:
        """Read the file, once; return the SHA-256 of its bytes, in hex."""
        if self.sha256 is None:
            self._data = read_bytes(self.path)
            self.sha256 = hashlib.sha256(self._data).hexdigest()
        return self.sha256

    def decode(self, longest_seconds: float) -> Audio:
        """Decode all of the file, once; what `read` has read, so that the digest is of these bytes."""
        if self.audio is None:
            assert self._data is not None
            self.audio, self._data = decode(self._data, self.place[0], longest_seconds), None
        return self.audio

    def signal_of(self, clip: Mapping[Any, Any], part: Audio, *, again: bool) -> Callable[[SignalKey], Float32]:
        """What gives the signals of a clip, which may be a variant.

        Parameters
        ----------
        clip : mapping
            Row of the clip table.
        part : Audio
            The clip's part of the file.
        again : bool
            Keep the signals, for the next clip is another variant.
        """
        if self.signal is None:
            plain = signals(part.samples, part.sr)
            self.signal = cache(plain) if again else plain
        base, augmentation = self.signal, augmentation_of(clip)
        if augmentation is None:
            return base
        return lambda key: altered(base(key), key[1], augmentation, clip["clip_id"])


def cut(audio: Audio, start: float | None, end: float | None) -> Audio:
    """Take the part of a file between two times.

    Parameters
    ----------
    audio : Audio
    start, end : float or None, seconds
        None or NaN: the file's own edge.

    Returns
    -------
    Audio

    Raises
    ------
    ClipError
        ``truncated`` when the part begins after the file's end.
    """
    first = 0 if start is None or start != start else round(start * audio.sr)
    last = len(audio.samples) if end is None or end != end else round(end * audio.sr)
    part = audio.samples[first:last]
    if len(part) == 0:
        raise ClipError("truncated", f"the clip begins at {start} s, the file has {len(audio.samples) / audio.sr:g} s")
    return Audio(part, audio.sr)
