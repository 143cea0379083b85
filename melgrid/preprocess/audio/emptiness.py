"""Why a file that opens as audio gives no sample: because it holds none, or because it is damaged."""

from __future__ import annotations

import struct

from melgrid.errors import ClipError
from melgrid.preprocess.audio.ogg import LAST, pages

__all__ = ["no_samples"]


def no_samples(data: bytes) -> ClipError:
    """Say why a file gives no samples.

    Parameters
    ----------
    data : bytes
        A whole file, of which libsndfile makes audio without samples.

    Returns
    -------
    ClipError
        ``empty`` only when the file is whole and says so itself, else ``truncated`` or ``undecodable``.
    """
    if data[:4] == b"OggS":
        return _ogg(data)
    if data[:4] == b".snd":
        (start,) = struct.unpack(">I", data[4:8].ljust(4, b"\0"))
        return _empty() if start == len(data) else _unlike(len(data) - start)
    if data[:4] in (b"RIFF", b"RIFX", b"FORM"):
        return _chunks(data, "<I" if data[:4] == b"RIFF" else ">I")
    return _empty()


def _empty() -> ClipError:
    return ClipError("empty", "the file decodes to no samples")


def _unlike(extra: int) -> ClipError:
    if extra < 0:
        return ClipError("truncated", "the file ends before its samples")
    return ClipError("undecodable", f"the header says that there are no samples, but {extra} bytes follow it")


def _chunks(data: bytes, number: str) -> ClipError:
    place = 12
    while place + 8 <= len(data):
        name = data[place : place + 4]
        (size,) = struct.unpack_from(number, data, place + 4)
        if not (name.isascii() and name.decode("ascii").isprintable()):
            return _unlike(len(data) - place)
        place += 8 + size + size % 2
        if name == b"data" and size:
            return ClipError("undecodable", f"none of the {size} bytes of samples can be decoded")
    return _empty() if place == len(data) else _unlike(-1)


def _ogg(data: bytes) -> ClipError:
    last = samples = 0
    for page in pages(data):
        if page is None:
            return ClipError("undecodable", "pages of the Ogg stream are damaged, and no sample can be decoded")
        flags, position = page
        last, samples = flags & LAST, max(samples, position)
    if not last:
        return ClipError("truncated", "the stream stops before its last page")
    if samples:
        return ClipError("undecodable", f"none of the {samples} samples of the Ogg stream can be decoded")
    return _empty()
