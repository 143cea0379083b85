"""A small GTZAN, and a small GTZAN music/speech."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import numpy as np

from melgrid.datasets.adapters.gtzan import GENRES
from melgrid.datasets.miniature.codecs import write_au, write_wav
from melgrid.datasets.miniature.sounds import music, voice

__all__ = ["gtzan", "gtzan_music_speech"]

LENGTHS = (661794, 661504, 660000, 675808)  # samples of real items, at 22,050 Hz
SR = 22050
BAD = "jazz.00054"  # no RIFF file in the Kaggle tree


def gtzan(
    root: Path | str,
    *,
    clips: int = 60,
    seconds: float = 30.0,
    seed: int = 0,
    layout: Literal["au", "wav", "kaggle"] = "au",
    faults: bool = True,
) -> Path:
    """Write a small GTZAN.

    Parameters
    ----------
    root : path
        Created. Gets ``genres/`` (``Data/genres_original/`` for Kaggle), ``lists/`` with the three filtered lists and
        ``GTZANindex.txt``.
    clips : int >= 60
        In ten genres in turn.
    seconds : float, s
        30 gives the lengths of real items (660000, 661504, 661794 and 675808 samples), others the same proportions.
    seed : int
    layout : {"au", "wav", "kaggle"}
    faults : bool
        Adds ``jazz.00054`` (no RIFF file in the Kaggle tree), a copy within a genre, a copy in another genre, a
        feature table with too few rows (Kaggle), and, as AU, a header without size. Copies are left out of the
        lists, as in the published ones.

    Returns
    -------
    Path
        The root.
    """
    root = Path(root)
    base = root / ("Data/genres_original" if layout == "kaggle" else "genres")
    suffix = "au" if layout == "au" else "wav"
    stems = [f"{GENRES[number % 10]}.{number // 10:05d}" for number in range(clips)]
    if faults and BAD not in stems:
        stems.append(BAD)
    lists: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    artists = []
    for number, stem in enumerate(stems):
        genre, place = stem.split(".")
        (base / genre).mkdir(parents=True, exist_ok=True)
        artist = int(place) // 2  # two items an artist
        length = round(LENGTHS[number % 4] * seconds / 30)
        source, moment = (
            np.random.default_rng([seed, 3, GENRES.index(genre), artist]),
            np.random.default_rng([seed, 4, number]),
        )
        y = music(GENRES.index(genre), (length + 1) / SR, SR, source, moment)[:length]
        file = base / genre / f"{stem}.{suffix}"
        if suffix == "au":
            write_au(file, y, SR, known_size=not faults or number % 7 != 3)
        else:
            write_wav(file, y, SR)
        lists[("train", "valid", "test", "train")[artist % 4]].append(f"{genre}/{stem}.wav")
        artists.append(f"{stem}.wav :::  {genre.title()} Artist {artist} ::: Song {place}")
    if faults:
        copies = {"metal": f"metal/metal.00098.{suffix}", "rock": f"rock/rock.00099.{suffix}"}
        for path in copies.values():
            shutil.copyfile(base / "metal" / f"metal.00000.{suffix}", base / path)
        (base / "blues" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        if layout == "kaggle":
            (root / "Data" / "features_30_sec.csv").write_text("filename,length,label\nblues.00000.wav,661794,blues\n")
            (base / "jazz" / f"{BAD}.wav").write_bytes(b"\0" * 2000)
    (root / "lists").mkdir(exist_ok=True)
    for split, paths in lists.items():
        (root / "lists" / f"{split}_filtered.txt").write_text(
            "".join(f"{path}\n" for path in sorted(paths)), encoding="ascii"
        )
    (root / "GTZANindex.txt").write_text("\n".join(artists) + "\n", encoding="ascii")
    return root


def gtzan_music_speech(root: Path | str, *, clips: int = 8, seconds: float = 30.0, seed: int = 0) -> Path:
    """Write a small GTZAN music/speech, ``music_speech/music_wav`` and ``speech_wav``; arguments as for `gtzan`."""
    for number in range(clips):
        source, moment = np.random.default_rng([seed, 5, number]), np.random.default_rng([seed, 6, number])
        kind = ("music", "speech")[number % 2]
        y = music(number, seconds, SR, source, moment) if kind == "music" else voice(seconds, SR, source, moment)
        folder = Path(root) / "music_speech" / f"{kind}_wav"
        folder.mkdir(parents=True, exist_ok=True)
        write_wav(folder / f"{kind}{number // 2:02d}.wav", y, SR)
    return Path(root)
