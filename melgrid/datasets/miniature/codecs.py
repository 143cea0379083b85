"""Audio files in the variants that corpora hold, by libsndfile or byte by byte; no other programs, no dates inside."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

__all__ = ["WavKind", "id3", "stereo", "write_au", "write_mp3", "write_ogg", "write_wav"]

Float = npt.NDArray[np.float32]
WavKind = Literal["pcm_u8", "pcm_16", "pcm_24", "pcm_32", "float", "ms_adpcm", "ima_adpcm", "extensible", "list_chunk"]


def stereo(y: Float) -> Float:
    """Two channels, shape (n, 2), that differ a little."""
    return np.stack([y, 0.8 * np.roll(y, 7)], axis=1).astype(np.float32)


def write_wav(path: Path, y: Float, sr: int, kind: WavKind = "pcm_16") -> None:
    """Write a WAV file.

    Parameters
    ----------
    path : Path
    y : ndarray, shape (n,) or (n, channels), full scale +-1
    sr : int, Hz
    kind : str
        Sample format; ``extensible`` is 16 bit behind a WAVE_FORMAT_EXTENSIBLE header, ``list_chunk`` 16 bit with a
        chunk of odd length and one of text before the samples.
    """
    if kind in ("float", "list_chunk"):
        path.write_bytes(_riff(y, sr, kind))
        return
    subtype = "PCM_16" if kind == "extensible" else kind.upper()
    soundfile.write(path, y, sr, format="WAVEX" if kind == "extensible" else "WAV", subtype=subtype)


def write_au(path: Path, y: Float, sr: int, *, known_size: bool = True) -> None:
    """Write a big-endian 16-bit AU file; the header may leave the size open (0xFFFFFFFF)."""
    soundfile.write(path, y, sr, format="AU", subtype="PCM_16", endian="BIG")
    if not known_size:
        data = bytearray(path.read_bytes())
        data[8:12] = b"\xff" * 4
        path.write_bytes(data)


def write_mp3(path: Path, y: Float, sr: int, *, kbps: int | None = 128, comment: str = "") -> None:
    """Write an MP3 file.

    Parameters
    ----------
    path : Path
    y : ndarray, shape (n,) or (n, 2)
    sr : int, Hz
    kbps : int, optional
        Constant bit rate; None makes it variable.
    comment : str
        Goes into an ID3v2.3 tag in front; none where empty.
    """
    if kbps is None:
        soundfile.write(path, y, sr, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5)
    else:
        low, high = (
            (8, 160) if sr <= 24000 else (32, 320)
        )  # libsndfile maps its level 0..1 onto the rates of the MPEG version
        level = (high - kbps) / (high - low)
        soundfile.write(path, y, sr, format="MP3", bitrate_mode="CONSTANT", compression_level=min(1.0, level + 0.005))
    if comment:
        path.write_bytes(id3(comment) + path.read_bytes())


def write_ogg(path: Path, y: Float, sr: int) -> None:
    """Write an Ogg Vorbis file; its stream number, which libsndfile draws by chance, becomes 1."""
    soundfile.write(path, y, sr, format="OGG", subtype="VORBIS")
    data = bytearray(path.read_bytes())
    place = 0
    while place < len(data):
        segments = data[place + 26]
        end = place + 27 + segments + sum(data[place + 27 : place + 27 + segments])
        data[place + 14 : place + 18] = struct.pack("<I", 1)
        data[place + 22 : place + 26] = bytes(4)
        data[place + 22 : place + 26] = struct.pack("<I", _ogg_checksum(data[place:end]))
        place = end
    path.write_bytes(data)


def id3(comment: str) -> bytes:
    """Give an ID3v2.3 tag with one comment, 400 bytes of padding after it."""
    text = b"\0eng\0" + comment.encode("latin-1")
    frame = b"COMM" + struct.pack(">IH", len(text), 0) + text + bytes(400)
    size = len(frame)
    return b"ID3\x03\0\0" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + frame


def _ogg_checksum(page: bytes | bytearray) -> int:
    """CRC-32 of RFC 3533: polynomial 0x04C11DB7, not reflected, from 0, no final exclusive or."""
    crc = 0
    for byte in page:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC[crc >> 24 ^ byte]
    return crc


def _crc_entry(value: int) -> int:
    value <<= 24
    for _ in range(8):
        value = (value << 1) ^ (0x104C11DB7 if value & 0x80000000 else 0)
    return value


_CRC = tuple(_crc_entry(byte) for byte in range(256))


def _riff(y: Float, sr: int, kind: str) -> bytes:
    """By hand: libsndfile puts a date into float files, and no chunks before the samples."""
    channels = 1 if y.ndim == 1 else y.shape[1]
    if kind == "float":
        code, data, before = 3, y.astype("<f4").tobytes(), _chunk(b"fact", struct.pack("<I", len(y)))
    else:
        code, data = 1, np.round(np.clip(y, -1, 1) * 32767).astype("<i2").tobytes()
        before = _chunk(b"junk", b"odd") + _chunk(b"LIST", b"INFO" + _chunk(b"ISFT", b"a field recorder\0"))
    width = len(data) // max(1, len(y) * channels) or 2
    form = struct.pack("<HHIIHH", code, channels, sr, sr * channels * width, channels * width, 8 * width)
    body = b"WAVE" + _chunk(b"fmt ", form) + before + _chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
