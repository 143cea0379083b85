"""Music against speech, for an experiment: ``music/`` and ``speech/``, 8 kHz mono WAV of 5 to 10 s, and ``table.csv``.

Both classes are brought to one telephone band and to levels of one distribution, so that neither bandwidth nor loudness
gives the class away. Speech is the prompts of one group in random order, from a random place on; it is one speaker in
all clips. The group is the music track, or the prompts' folder; the large main folder is divided by the first word of
the file names.
"""

from __future__ import annotations

import csv
import functools
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfiltfilt

from benchmarks.corpora.corpus import Corpus, File
from benchmarks.corpora.encoders import Signal, sox
from benchmarks.corpora.sources import MUSIC, PROMPTS, Source, sources

__all__ = ["plan"]

SR = 8_000
BAND = (300.0, 3400.0)  # Hz
SECONDS = (5.0, 10.0)
LEVELS = (-26.0, -18.0)  # dB re full scale, RMS
ENOUGH = 17.0  # s; first words with fewer share a group
TONES = ("ascending-2tone", "beep", "beeperr", "confbridge-join", "confbridge-leave", "descending-2tone")
NO_SPEECH = (*TONES, "tt-monkeys")
SAME_WORDS = {"confbridge": "conf"}  # menus that say the same things


def plan(clips: int) -> Corpus:
    """Plan ``clips`` clips, the two classes in turn."""
    tracks = [source for source in sources(MUSIC) if not source.silent]
    prompts = _prompt_groups()
    files, rows = [], []
    for place in range(clips):
        number, speech = divmod(place, 2)
        label = ("music", "speech")[speech]
        if speech:
            group = sorted(prompts)[number % len(prompts)]
            write = functools.partial(_write_speech, place, prompts[group])
        else:
            use, track = divmod(number, len(tracks))
            group = tracks[track].name
            write = functools.partial(_write_music, place, tracks[track], use)
        path = f"{label}/{number:05d}.wav"
        files.append(File(path, write))
        rows.append((path, label, f"{label}/{group}"))

    def write_tables(root: Path) -> None:
        with (root / "table.csv").open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines, lineterminator="\n").writerows([("path", "label", "group"), *sorted(rows)])

    return Corpus(("sox",), files, write_tables)


def _prompt_groups() -> dict[str, list[Source]]:
    groups: dict[str, list[Source]] = defaultdict(list)
    for source in sources(PROMPTS):
        if source.silent or source.name in NO_SPEECH:
            continue
        folder = source.path.parent.name
        first = source.name.partition("-")[0]
        main = folder.startswith("en_")
        groups[SAME_WORDS.get(first, first) if main else folder].append(source)
    small = [name for name, members in groups.items() if sum(source.seconds for source in members) < ENOUGH]
    groups["others"] = [source for name in small for source in groups.pop(name)]
    return dict(groups)


def _write_speech(place: int, prompts: list[Source], path: Path) -> None:
    draw = random.Random(place)
    seconds = draw.uniform(*SECONDS)
    order = draw.sample(prompts, len(prompts))
    y = np.concatenate([source.read(0.0, source.seconds, sr=SR, channels=1) for source in order])
    y = np.resize(np.roll(y, -draw.randrange(len(y)), axis=0), (round(seconds * SR), 1))
    _finish(y, draw, path)


def _write_music(place: int, source: Source, use: int, path: Path) -> None:
    draw = random.Random(place)
    seconds = draw.uniform(*SECONDS)
    _finish(source.read(source.offset(use, seconds), seconds, sr=SR, channels=1), draw, path)


def _finish(y: Signal, draw: random.Random, path: Path) -> None:
    """Limit the band, set the level (the peaks permitting) and write."""
    y = sosfiltfilt(butter(6, BAND, btype="bandpass", fs=SR, output="sos"), y, axis=0)
    gain = 10.0 ** (draw.uniform(*LEVELS) / 20.0) / max(float(np.sqrt(np.mean(y**2))), 1e-6)
    y = y * min(gain, 0.99 / max(float(np.abs(y).max()), 1e-6))
    sox(y.astype(np.float32), SR, path, "-t", "wav", "-b", "16")
