"""Pages of an Ogg stream (RFC 3533, 6): a header, a table of segment lengths, the segments."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

__all__ = ["LAST", "checksum", "pages", "stops_early"]

LAST = 4  # flag of the last page of a stream
_HEADER = 27  # bytes of a page before its table of segments
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def stops_early(data: bytes) -> bool:
    """Whether a file is an Ogg stream that ends within a page, or with one that is not marked as the last.

    Parameters
    ----------
    data : bytes
        A whole file of any format.
    """
    if data[:4] != b"OggS":
        return False
    place = data.rfind(b"OggS\0")
    return _end(data, place) > len(data) or not data[place + 5] & LAST


def pages(data: bytes) -> Iterator[tuple[int, int] | None]:
    """Flags and position of each page; None, and an end, where there is something else or the checksum is wrong."""
    place = 0
    while place < len(data):
        head = data[place : place + _HEADER]
        if len(head) < _HEADER or head[:5] != b"OggS\0" or head[5] >= 2 * LAST:
            yield None
            return
        end = _end(data, place)
        page = data[place:end]
        (told,) = struct.unpack("<I", head[22:26])
        if end > len(data) or checksum(page[:22] + bytes(4) + page[26:]) != told:
            yield None
            return
        yield head[5], struct.unpack("<q", head[6:14])[0]
        place = end


def _end(data: bytes, place: int) -> int:
    """Where the page at `place` ends; behind the data where they are too short to say."""
    count = data[place + _HEADER - 1 : place + _HEADER]
    table = data[place + _HEADER : place + _HEADER + (count[0] if count else 0)]
    if not count or len(table) < count[0]:
        return len(data) + 1
    return place + _HEADER + count[0] + sum(table)


def checksum(page: bytes) -> int:
    """CRC-32 of Ogg (RFC 3533): zlib's polynomial, but bits in the other order and no complement."""
    found = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2)
