"""Encoders as other people's programs, fed through a pipe: the files have the headers and oddities of real ones."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt

from melgrid.errors import MelgridError

__all__ = ["ffmpeg", "lame", "require", "sox", "stream_cut"]

Signal = npt.NDArray[np.float32]  # (n_samples, channels), full scale +-1


def require(*tools: str) -> None:
    """Check that programs are on the path.

    Raises
    ------
    MelgridError
        If one is not.
    """
    for tool in tools:
        if shutil.which(tool) is None:
            raise MelgridError(f"the program {tool!r} is not on PATH; install the package {tool!r}")


def lame(y: Signal, sr: int, *options: str) -> bytes:
    """Encode as MP3; ``options`` are LAME's own (``-b 256 --cbr``)."""
    mode = ("-m", "m") if y.shape[1] == 1 else ()
    pcm = np.round(np.clip(y, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
    return _run(("lame", "--quiet", "-r", "-s", str(sr / 1000), *mode, *options, "-", "-"), pcm)


def stream_cut(mp3: bytes, path: Path, *, start: float, seconds: float) -> None:
    """Cut an MP3 without decoding it, as FMA's authors did: it begins amid the bit reservoir, on a frame."""
    window = ("-ss", str(start), "-t", str(seconds))
    _run((*FFMPEG, "-f", "mp3", "-i", "pipe:0", *window, "-c", "copy", str(path)), mp3)


def sox(y: Signal, sr: int, path: Path, *options: str) -> None:
    """Encode with SoX, which writes WAVE_FORMAT_EXTENSIBLE above 16 bits unless the type is ``wavpcm``."""
    raw = ("-t", "raw", "-e", "float", "-b", "32", "-r", str(sr), "-c", str(y.shape[1]), "-")
    _run(("sox", "-V1", *raw, *options, str(path)), y.astype("<f4").tobytes())


def ffmpeg(y: Signal, sr: int, path: Path, *options: str) -> None:
    """Encode with FFmpeg, which puts a LIST chunk before the data of a WAV file."""
    raw = ("-f", "f32le", "-ar", str(sr), "-ac", str(y.shape[1]), "-i", "pipe:0")
    _run((*FFMPEG, *raw, *options, str(path)), y.astype("<f4").tobytes())


FFMPEG = ("ffmpeg", "-y", "-v", "error", "-threads", "1")


def _run(command: tuple[str, ...], data: bytes) -> bytes:
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise MelgridError(f"{' '.join(command)} ended with {done.returncode}: {words[-1]}")
    return done.stdout
