"""The length of an MP3 that does not say how long it is.

A decoder guesses it from the first frame, which is wrong where the bit rate varies, and stops there. A "Xing" tag tells
the number of frames; here the frames are counted and such a tag is put in front. Headers are those of ISO/IEC 11172-3
and 13818-3, layer III.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["Frames", "frames_of", "with_length"]

_KBITS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version: 1, 2, 2.5
_ID3 = 10  # bytes of an ID3v2 header
_XING_FRAMES = 1  # flag: the number of frames follows
_SPREAD = 1 << 16  # bytes in which the next frame is looked for


@dataclass(frozen=True)
class Frames:
    """What a walk through a file has found.

    Attributes
    ----------
    first : int
        Byte at which the first frame begins.
    count, samples : int
        Frames, and samples a channel in all of them.
    """

    first: int
    count: int
    samples: int


@dataclass(frozen=True)
class _Frame:
    """A header's version, sample rate and mono, and the bytes of its frame."""

    version: int
    rate: int
    mono: bool
    size: int

    def goes_on(self, after: _Frame | None) -> bool:
        return after is not None and (after.version, after.rate) == (self.version, self.rate)


def frames_of(data: bytes) -> Frames | None:
    """Count the frames of an MP3 file.

    Parameters
    ----------
    data : bytes
        A whole file.

    Returns
    -------
    Frames or None
        None where no two frames of layer III follow one another.
    """
    place = _resync(data, _after_id3(data))
    if place is None:
        return None
    first, count, samples = place, 0, 0
    while place is not None and (frame := _frame(data, place)) is not None and place + frame.size <= len(data):
        count += 1
        samples += 1152 if frame.version == 3 else 576
        place += frame.size
        if _frame(data, place) is None:
            place = _resync(data, place)  # behind damage, or nothing but tags
    return Frames(first, count, samples)


def with_length(data: bytes, frames: Frames) -> bytes:
    """Put a frame with a length tag in front of the first frame.

    Parameters
    ----------
    data : bytes
        A whole MP3 file without such a tag.
    frames : Frames
        From `frames_of`.

    Returns
    -------
    bytes
        Decoders leave out the 529 samples of their own delay, as they do with every file that has a tag.
    """
    first = frames.first
    return data[:first] + _tag(data[first : first + 4], frames.count) + data[first:]


def _after_id3(data: bytes) -> int:
    place = 0
    while data[place : place + 3] == b"ID3" and len(data) >= place + _ID3:
        a, b, c, d = data[place + 6 : place + _ID3]
        place += _ID3 + (a << 21 | b << 14 | c << 7 | d)
    return place


def _resync(data: bytes, place: int) -> int | None:
    """Where the next frame begins that another of its kind follows."""
    end = place + _SPREAD
    while (place := data.find(b"\xff", place, end)) >= 0:
        frame = _frame(data, place)
        if frame and frame.goes_on(_frame(data, place + frame.size)):
            return place
        place += 1
    return None


def _frame(data: bytes, place: int) -> _Frame | None:
    head = data[place : place + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # 11 bits of sync, layer III
        return None
    version, bits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bits in (0, 15) or rate == 3:  # reserved; free format, whose frames do not tell their size
        return None
    hertz = _RATES[version][rate]
    kbits = _KBITS[1 if version == 3 else 2][bits]
    size = (144_000 if version == 3 else 72_000) * kbits // hertz + (head[2] >> 1 & 1)
    return _Frame(version, hertz, head[3] >> 6 == 3, size)


def _tag(head: bytes, frames: int) -> bytes:
    """Return a frame without sound that holds the tag."""
    # of the highest bit rate, without checksum: there is room, and the tag's place is known
    head = bytes([head[0], head[1] | 1, 0xE0 | head[2] & 0x0C, head[3]])
    frame = _frame(head, 0)
    assert frame is not None
    side = (17 if frame.mono else 32) if frame.version == 3 else (9 if frame.mono else 17)
    tag = head + bytes(side) + b"Xing" + struct.pack(">II", _XING_FRAMES, frames)
    return tag.ljust(frame.size, b"\0")
