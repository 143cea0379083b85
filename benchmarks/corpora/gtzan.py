"""GTZAN look-alike: ``genres/<genre>/<genre>.NNNNN.au``, 22,050 Hz mono 16-bit, four of the real lengths.

Each music track belongs to one genre.
"""

from __future__ import annotations

import functools
from pathlib import Path

from benchmarks.corpora.corpus import Corpus, File
from benchmarks.corpora.encoders import sox
from benchmarks.corpora.sources import MUSIC, Source, sources

__all__ = ["plan"]

SR = 22_050
GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
LENGTHS = (*(661_794,) * 13, *(661_504,) * 6, 675_808)  # samples; of a hundred files one is the shortest instead
SHORTEST = 660_000


def plan(clips: int) -> Corpus:
    """Plan ``clips`` excerpts, the genres in turn."""
    tracks = sources(MUSIC)
    files = []
    for place in range(clips):
        number, genre = divmod(place, len(GENRES))
        own = tracks[genre :: len(GENRES)]
        use, track = divmod(number, len(own))
        samples = SHORTEST if place % 100 == 32 else LENGTHS[place % len(LENGTHS)]
        write = functools.partial(_write, own[track], use, samples)
        files.append(File(f"genres/{GENRES[genre]}/{GENRES[genre]}.{number:05d}.au", write))
    return Corpus(("sox",), files, lambda root: None)


def _write(source: Source, use: int, samples: int, path: Path) -> None:
    seconds = samples / SR
    y = source.read(source.offset(use, seconds), seconds, sr=SR, channels=1)
    sox(y, SR, path, "-t", "au", "-b", "16")
