"""Bytes of an audio file to samples. Whatever goes wrong becomes a `ClipError` with one of the fixed reasons."""

from __future__ import annotations

import io
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from melgrid.errors import ClipError
from melgrid.preprocess.audio.emptiness import no_samples
from melgrid.preprocess.audio.extent import missing_bytes
from melgrid.preprocess.audio.likeness import likeness
from melgrid.preprocess.audio.mpeg import frames_of, with_length
from melgrid.preprocess.audio.ogg import stops_early

__all__ = ["LONGEST_SECONDS", "Audio", "decode", "decoder_version", "read_bytes"]

Float32 = npt.NDArray[np.float32]

_NO_SUCH_FILE = "File does not exist or is not a regular file (possibly a pipe?)"
# A header that claims more frames than this per byte of the file is not trusted with one big allocation.
_PLAUSIBLE_FRAMES_PER_BYTE = 64
_BLOCK_FRAMES = 1 << 16
_MP3_SECONDS = 0.1  # cuts begin in the middle of a bit reservoir, and encoders count their delay differently
_READ_SHARE = 0.9  # the rest may be tags
_TAGGED_SAMPLES = 10 * 1152  # that frames may have beyond what the tag says: delay, padding, and the tag itself
_TAG_BYTES = 1 << 16  # the tag stands in the first audio frame, behind an ID3 header that may hold a picture
LONGEST_SECONDS = 180 * 60.0
# What libsndfile may find in a file of that name. Other names make no claim.
_FORMATS = {
    "wav": {"WAV", "WAVEX", "RF64", "W64"},
    "au": {"AU"},
    "flac": {"FLAC"},
    "ogg": {"OGG"},
    "oga": {"OGG"},
    "opus": {"OGG"},
    "mp3": {"MP3"},
    "aif": {"AIFF"},
    "aiff": {"AIFF"},
}
_ENDINGS = {form: ending for ending in reversed(_FORMATS) for form in _FORMATS[ending]}


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
        hint = _other_spelling(path) if isinstance(error, FileNotFoundError) else ""
        raise ClipError("missing", f"{error.strerror or error}{hint}") from None
    if not data:
        raise ClipError("empty", "the file has no bytes")
    return data


def decode(data: bytes, name: str = "", longest_seconds: float = LONGEST_SECONDS) -> Audio:
    """Decode a file's bytes at its own rate and channels, with libsndfile.

    Parameters
    ----------
    data : bytes
        A whole WAV, AU, FLAC, OGG, MP3, AIFF, ... file.
    name : str
        Of the file: what its ending claims must be what it is.
    longest_seconds : float
        Longer files are not decoded.

    Returns
    -------
    Audio
        At least one sample, all finite.

    Raises
    ------
    ClipError
        ``undecodable``, ``empty``, ``truncated``, ``too_long`` or ``non_finite``.
    """
    buffer = io.BytesIO(data)
    try:
        with soundfile.SoundFile(buffer) as file:
            _check_claims(file, data, name)
            sr, declared, limit = file.samplerate, file.frames, int(longest_seconds * file.samplerate)
            lacking = missing_bytes(data)
            if lacking:
                raise ClipError("truncated", f"the header promises {lacking} bytes more than the file has")
            mp3, tolerance = file.format == "MP3", _tolerance(file, data)
            plausible = declared <= len(data) * _PLAUSIBLE_FRAMES_PER_BYTE
            if plausible and declared > limit:
                raise ClipError("too_long", _too_long(declared / sr, longest_seconds))
            try:
                samples = file.read(dtype="float32", always_2d=True) if plausible else _read_in_blocks(file, limit)
            except soundfile.LibsndfileError as error:
                if buffer.tell() < len(data):
                    raise
                raise ClipError("truncated", f"the file ends where more should be: {error.error_string}") from None
    except soundfile.LibsndfileError as error:
        # Not str(error): that shows where the buffer lies in memory, and reasons are part of a store's bytes.
        # "File does not exist ..." is what it says of an MP3 file, of which it has every byte, without a whole frame.
        words = error.error_string.rstrip(".").replace(_NO_SUCH_FILE, "nothing in it can be decoded")
        raise ClipError("undecodable", f"{words}{likeness(data)}") from None
    except RuntimeError as error:
        raise ClipError("undecodable", f"{type(error).__name__}: {error}") from None
    if mp3 and len(samples) >= declared and (whole := _whole_mp3(data, len(samples), sr, buffer.tell())):
        return decode(whole, name, longest_seconds)
    if len(samples) > limit:
        raise ClipError("too_long", _too_long(len(samples) / sr, longest_seconds))
    if len(samples) < declared - tolerance:
        raise ClipError("truncated", f"the header says {declared} samples a channel, {len(samples)} are there")
    if len(samples) == 0:
        raise no_samples(data)
    if stops_early(data):
        raise ClipError("truncated", f"the Ogg stream stops before its last page, after {len(samples) / sr:.1f} s")
    flat = samples.reshape(-1)
    # The energy is quick and finite unless a sample is not, or is absurdly large; only then look closer.
    with np.errstate(over="ignore", invalid="ignore"):
        energy = np.dot(flat, flat)
    if not np.isfinite(energy) and (bad := int(np.count_nonzero(~np.isfinite(flat)))):
        raise ClipError("non_finite", f"{bad} of {flat.size} samples are NaN or infinite")
    return Audio(samples, sr)


def _other_spelling(path: Path) -> str:
    """What to say of a missing file that is there under a name that looks the same, as macOS and Linux write them."""
    with suppress(OSError):  # not by a look at the whole folder: there may be as many files as there are clips missing
        if any(path.with_name(unicodedata.normalize(form, path.name)).exists() for form in ("NFC", "NFD")):
            return "; a file is there whose name has the same letters in another Unicode form (NFC, NFD): rename it"
    return ""


def _check_claims(file: soundfile.SoundFile, data: bytes, name: str) -> None:
    if file.format == "RAW":  # libsndfile's last resort: any bytes, taken for headerless samples
        raise ClipError("undecodable", f"no audio format is recognised{likeness(data)}")
    ending = name.rpartition(".")[2].lower()
    if file.format not in _FORMATS.get(ending, {file.format}):
        raise ClipError(
            "undecodable",
            f"the name ends in .{ending}, the content is {file.format}; let the name end in "
            f".{_ENDINGS.get(file.format, file.format.lower())}, or put the right file in its place",
        )
    if file.samplerate < 1 or file.channels < 1:
        raise ClipError("undecodable", f"the header says {file.samplerate} Hz, {file.channels} channels")


def _tolerance(file: soundfile.SoundFile, data: bytes) -> int:
    """How many samples fewer than it says a sound file may have."""
    if file.format != "MP3":
        return 0
    if not _has_length_tag(data):
        return int(file.frames)  # that number is a guess from the first frame
    return int(_MP3_SECONDS * file.samplerate)


def _has_length_tag(data: bytes) -> bool:
    return any(tag in data[:_TAG_BYTES] for tag in (b"Xing", b"Info", b"VBRI"))


def _whole_mp3(data: bytes, decoded: int, sr: int, read: int) -> bytes | None:
    """Return a file that will be decoded to its end, when the length that libsndfile believed in is too short."""
    tagged, at_end = _has_length_tag(data), read >= _READ_SHARE * len(data)
    if tagged and at_end:
        return None
    frames = frames_of(data)
    if frames is None and at_end:
        return None
    if frames is not None and frames.samples <= decoded + (_TAGGED_SAMPLES if tagged else _MP3_SECONDS * sr):
        return None
    if frames is None or tagged:
        there = "more" if frames is None else f"{frames.samples / sr:.1f} s"
        raise ClipError(
            "undecodable",
            f"{decoded / sr:.1f} s is what the file says or lets guess, but there is {there}; rewrite it, e.g. with "
            "ffmpeg -codec copy",
        )
    return with_length(data, frames)


def _too_long(seconds: float, longest_seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes or more, the limit is {longest_seconds / 60:g}"


def _read_in_blocks(file: soundfile.SoundFile, limit: int) -> Float32:
    """Read a file whose length is not known, and stop beyond the limit."""
    blocks = []
    count = 0
    while count <= limit and len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
        blocks.append(block)
        count += len(block)
    return np.concatenate(blocks) if blocks else np.empty((0, file.channels), np.float32)


def decoder_version() -> str:
    """Name and version of the decoder in force.

    Returns
    -------
    str
    """
    return str(soundfile.__libsndfile_version__)
