"""A small Jamendo voice detection corpus."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from melgrid.datasets.miniature.codecs import stereo, write_mp3, write_ogg
from melgrid.datasets.miniature.sounds import music, voice

__all__ = ["jamendo"]

SR = 44100


def jamendo(root: Path | str, *, clips: int = 6, seconds: float = 20.0, seed: int = 0) -> Path:
    """Write a small Jamendo: songs with a voice that comes and goes, MP3 and Ogg by turns, and their ``.lab`` files.

    Parameters
    ----------
    root : path
        Created. Gets ``train/``, ``valid/``, ``test/`` (two thirds and a sixth each), ``jamendo_lab/`` and
        ``jam_*_list.txt``.
    clips : int >= 3
    seconds : float, s
    seed : int

    Returns
    -------
    Path
        The root.
    """
    root = Path(root)
    for folder in ("train", "valid", "test", "jamendo_lab"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    lists: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for number in range(clips):
        rng = np.random.default_rng([seed, 7, number])
        name = f"{number + 1:02d} - Vol. {number}, a song"
        split = ("train", "valid", "test", "train", "train", "train")[number % 6]
        marks = np.unique(np.round(np.sort(rng.uniform(0, seconds, 4)), 3))
        edges = [0.0, *marks.tolist(), float(seconds)]
        song = music(number, seconds, SR, rng, rng)
        sung = voice(seconds, SR, rng, rng)
        lines = []
        for part, (start, end) in enumerate(pairwise(edges)):
            lines.append(f"{start} {end} {'sing' if part % 2 else 'nosing'}")
            if part % 2 == 0:
                sung[round(start * SR) : round(end * SR)] = 0
        (root / "jamendo_lab" / f"{name}.lab").write_text("\n".join(lines) + "\n", encoding="ascii")
        mix = stereo((0.4 * song + 0.5 * sung).astype(np.float32))
        if number % 2:
            write_ogg(root / split / f"{name}.ogg", mix, SR)
        else:
            write_mp3(root / split / f"{name}.mp3", mix, SR)
        lists[split].append(f"{name}.trs")
    for split, names in lists.items():
        (root / f"jam_{split}_list.txt").write_text("".join(f"{name}\n" for name in names), encoding="ascii")
    return root
