"""What a file that is no sound looks like, and what can be done about it."""

from __future__ import annotations

__all__ = ["likeness"]

_CONVERT = "convert it, e.g. with ffmpeg"
_REPLACE = "put the sound in its place"
# first bytes, how far from the start, what begins so
_BEGINNINGS = [
    (b"ftyp", 4, "MPEG-4 (AAC)", _CONVERT),
    (b"\x1aE\xdf\xa3", 0, "Matroska or WebM", _CONVERT),
    (b"0&\xb2u\x8ef\xcf\x11", 0, "Windows Media", _CONVERT),
    (b"wvpk", 0, "WavPack", _CONVERT),
    (b"MAC ", 0, "Monkey's Audio", _CONVERT),
    (b"FLV", 0, "Flash video", _CONVERT),
    (b"\xff\xf1", 0, "AAC", _CONVERT),
    (b"\xff\xf9", 0, "AAC", _CONVERT),
    (b"PK\x03\x04", 0, "a ZIP archive", "unpack it"),
    (b"\x1f\x8b", 0, "a gzip archive", "unpack it"),
    (b"\x89PNG", 0, "a picture", _REPLACE),
    (b"\xff\xd8\xff", 0, "a picture", _REPLACE),
    (b"%PDF", 0, "a PDF", _REPLACE),
    (b"version https://git-lfs", 0, "a pointer of Git LFS", "fetch the file, with git lfs pull"),
]
_LOOK = 512


def likeness(data: bytes) -> str:
    """Say what a file looks like that no decoder takes.

    Parameters
    ----------
    data : bytes
        The file, or its beginning.

    Returns
    -------
    str
        To follow a message; empty when nothing is known.
    """
    for beginning, place, name, remedy in _BEGINNINGS:
        if data[place : place + len(beginning)] == beginning:
            return f"; it looks like {name}: {remedy}"
    start = data[:_LOOK]
    if not start.strip(b"\0"):
        return "; it is full of zeros, as of a download that was cut: fetch it again"
    if start.lstrip()[:1] == b"<":
        return f"; it looks like a web page: {_REPLACE}"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start):
        return f"; it looks like text: {_REPLACE}"
    return ""
