"""How long a file says it is, where libsndfile reads a shortened one to its end without a word."""

from __future__ import annotations

import struct

__all__ = ["missing_bytes"]

_UNKNOWN = 0xFFFFFFFF  # what a writer that could not go back puts in place of a size


def missing_bytes(data: bytes) -> int:
    """Count the bytes of samples that a WAV, AIFF or AU header promises and the file does not have.

    Parameters
    ----------
    data : bytes
        A whole file of any format.

    Returns
    -------
    int
        0 for other formats, and where the header says that the size is unknown.
    """
    if data[:4] == b".snd":
        if len(data) < 12:
            return 0
        start, size = struct.unpack(">II", data[4:12])
        return 0 if size == _UNKNOWN else max(0, start + size - len(data))
    if (data[:4], data[8:12]) in ((b"RIFF", b"WAVE"), (b"RIFX", b"WAVE")):
        return _in_chunks(data, "<I" if data[:4] == b"RIFF" else ">I", b"data")
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return _in_chunks(data, ">I", b"SSND")
    return 0


def _in_chunks(data: bytes, number: str, wanted: bytes) -> int:
    (whole,) = struct.unpack_from(number, data, 4)
    place = 12
    while place + 8 <= len(data):
        (size,) = struct.unpack_from(number, data, place + 4)
        if data[place : place + 4] == wanted:
            streamed = size == whole == _UNKNOWN  # by a program that wrote to a pipe
            return 0 if streamed else max(0, place + 8 + size - len(data))
        place += 8 + size + size % 2
    return 0
