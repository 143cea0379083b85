"""Bytes of an audio file to samples. Whatever goes wrong becomes a `ClipError` with one of the fixed reasons."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from melgrid.errors import ClipError

__all__ = ["Audio", "decode", "decoder_version", "read_bytes"]

Float32 = npt.NDArray[np.float32]

# A header that claims more frames than this per byte of the file is not trusted with one big allocation.
_PLAUSIBLE_FRAMES_PER_BYTE = 64
_BLOCK_FRAMES = 1 << 16


@dataclass(frozen=True)
class Audio:
    """Decoded audio as it lies in the file.

    Attributes
    ----------
    samples : ndarray of float32, shape (n_samples, n_channels), full scale +-1
    sr : int, Hz
    """

    samples: Float32
    sr: int


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bytes, at least one

    Raises
    ------
    ClipError
        ``missing`` or ``empty``.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ClipError("missing", error.strerror or str(error)) from None
    if not data:
        raise ClipError("empty", "the file has no bytes")
    return data


def decode(data: bytes) -> Audio:
    """Decode a file's bytes at its own rate and channels, with libsndfile.

    Parameters
    ----------
    data : bytes
        A whole WAV, AU, FLAC, OGG, MP3, AIFF, ... file.

    Returns
    -------
    Audio
        At least one sample, all finite.

    Raises
    ------
    ClipError
        ``undecodable``, ``empty``, ``truncated`` or ``non_finite``.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.format == "RAW":  # libsndfile's last resort: any bytes, taken for headerless samples
                raise ClipError("undecodable", "no audio format is recognised")
            if file.samplerate < 1 or file.channels < 1:
                raise ClipError("undecodable", f"the header says {file.samplerate} Hz, {file.channels} channels")
            declared = file.frames
            if declared <= len(data) * _PLAUSIBLE_FRAMES_PER_BYTE:
                samples = file.read(dtype="float32", always_2d=True)
            else:
                samples = _read_in_blocks(file)
            sr = file.samplerate
    except soundfile.LibsndfileError as error:
        # Not str(error): that shows where the buffer lies in memory, and reasons are part of a store's bytes.
        raise ClipError("undecodable", error.error_string) from None
    except (RuntimeError, MemoryError) as error:
        raise ClipError("undecodable", f"{type(error).__name__}: {error}") from None
    if len(samples) == 0:
        raise ClipError("empty", "the file decodes to no samples")
    if len(samples) < declared:
        raise ClipError("truncated", f"the header says {declared} samples a channel, {len(samples)} are there")
    flat = samples.reshape(-1)
    # The energy is quick and finite unless a sample is not, or is absurdly large; only then look closer.
    with np.errstate(over="ignore", invalid="ignore"):
        energy = np.dot(flat, flat)
    if not np.isfinite(energy) and (bad := int(np.count_nonzero(~np.isfinite(flat)))):
        raise ClipError("non_finite", f"{bad} of {flat.size} samples are NaN or infinite")
    return Audio(samples, sr)


def _read_in_blocks(file: soundfile.SoundFile) -> Float32:
    blocks = []
    while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
        blocks.append(block)
    return np.concatenate(blocks) if blocks else np.empty((0, file.channels), np.float32)


def decoder_version() -> str:
    """Name and version of the decoder in force.

    Returns
    -------
    str
    """
    return str(soundfile.__libsndfile_version__)
