"""Why a file that opens as audio gives no sample: because it holds none, or because it is damaged."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from melgrid.errors import ClipError

__all__ = ["no_samples"]

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_HEADER = 27  # bytes of an Ogg page before its table of segments
_LAST = 4  # flag of an Ogg page


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
    for page in _pages(data):
        if page is None:
            return ClipError("undecodable", "pages of the Ogg stream are damaged, and no sample can be decoded")
        flags, position = page
        last, samples = flags & _LAST, max(samples, position)
    if not last:
        return ClipError("truncated", "the stream stops before its last page")
    if samples:
        return ClipError("undecodable", f"none of the {samples} samples of the Ogg stream can be decoded")
    return _empty()


def _pages(data: bytes) -> Iterator[tuple[int, int] | None]:
    """Flags and position of each page; None, and an end, where there is something else or the checksum is wrong."""
    place = 0
    while place < len(data):
        head = data[place : place + _HEADER]
        if len(head) < _HEADER or head[:5] != b"OggS\0" or head[5] >= 2 * _LAST:
            yield None
            return
        segments = data[place + _HEADER : place + _HEADER + head[26]]
        end = place + _HEADER + head[26] + sum(segments)
        page = data[place:end]
        (checksum,) = struct.unpack("<I", head[22:26])
        if end > len(data) or _checksum(page[:22] + bytes(4) + page[26:]) != checksum:
            yield None
            return
        yield head[5], struct.unpack("<q", head[6:14])[0]
        place = end


def _checksum(page: bytes) -> int:
    """CRC-32 of Ogg (RFC 3533): zlib's polynomial, but bits in the other order and no complement."""
    found = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2)
