"""The real audio: every sound file of three Debian packages.

Music: 41 stereo tracks, 44.1 kHz Vorbis, 5 s to 9 min. Prompts: 568 sentences and words of one speaker, 8 kHz telephone
quality. Effects: 35 desktop sounds of 0.06 to 6 s.
"""

from __future__ import annotations

import functools
import math
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.corpora.encoders import Signal
from melgrid.errors import MelgridError

__all__ = ["EFFECTS", "MUSIC", "PROMPTS", "Source", "sources"]

MUSIC = "wesnoth-1.16-music"
PROMPTS = "asterisk-core-sounds-en-wav"
EFFECTS = "sound-theme-freedesktop"
SUFFIXES = (".oga", ".ogg", ".wav")
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True)
class Source:
    """One sound file: its rate in Hz and its length in frames."""

    path: Path
    sr: int
    frames: int

    @property
    def name(self) -> str:
        """File name without its suffix."""
        return self.path.stem

    @property
    def seconds(self) -> float:
        """Length in s."""
        return self.frames / self.sr

    @property
    def silent(self) -> bool:
        """Whether it is meant to hold no sound."""
        return self.name == "silence" or self.path.parent.name == "silence"

    def offset(self, use: int, seconds: float) -> float:
        """Where the ``use``-th excerpt of that length begins, in s.

        Multiples of the golden ratio fill the source evenly for any number of uses and never repeat. A source that is
        shorter than the excerpt is begun in its first half.
        """
        room = self.seconds - seconds if self.seconds > seconds else self.seconds / 2.0
        return round((0.1 + use * GOLDEN) % 1.0 * room, 3)

    def read(self, start: float, seconds: float, *, sr: int, channels: int) -> Signal:
        """Decode an excerpt; after its end the source begins again.

        Parameters
        ----------
        start, seconds : float, s
        sr : int, Hz
            Resampled with soxr HQ where the source has another rate.
        channels : {1, 2}
            Mono is the mean; stereo of a mono source leans to the left.

        Returns
        -------
        ndarray, shape (round(seconds * sr), channels), full scale +-1
        """
        wanted = math.ceil(seconds * self.sr) + 64
        blocks, have = [], 0
        with soundfile.SoundFile(self.path) as file:
            file.seek(round(start * self.sr) % self.frames)
            while have < wanted:
                block = file.read(wanted - have, dtype="float32", always_2d=True)
                blocks.append(block)
                have += len(block)
                if have < wanted:
                    file.seek(0)
        y = np.concatenate(blocks)
        if channels == 1:
            y = y.mean(axis=1, keepdims=True, dtype=np.float32)
        elif y.shape[1] == 1:
            y = y * np.array([[1.0, 0.7]], dtype=np.float32)
        if sr != self.sr:
            y = soxr.resample(y, self.sr, sr, quality="HQ")
        return np.ascontiguousarray(y[: round(seconds * sr)], dtype=np.float32)


@functools.cache
def sources(package: str) -> tuple[Source, ...]:
    """Every sound file of a Debian package, sorted by path.

    Raises
    ------
    MelgridError
        If the package is not installed.
    """
    try:
        listed = subprocess.run(("dpkg-query", "-L", package), capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise MelgridError(f"the Debian package {package!r} is not installed; apt-get install {package}") from error
    found = []
    for path in sorted(map(Path, listed.splitlines())):
        if path.suffix in SUFFIXES and path.is_file():
            info = soundfile.info(path)
            found.append(Source(path, info.samplerate, info.frames))
    if not found:
        raise MelgridError(
            f"the Debian package {package!r} holds no sound files; apt-get install --reinstall {package}"
        )
    return tuple(found)
