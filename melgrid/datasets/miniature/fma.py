"""A small FMA: metadata of all subsets, audio of one."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from typing import Literal

import numpy as np

from melgrid.datasets.miniature.codecs import id3, stereo, write_mp3
from melgrid.datasets.miniature.sounds import music

__all__ = ["GENRES", "fma", "header_rows", "track_row"]

HEADER = {  # level 0 -> level 1, in file order
    "album": "comments date_created date_released engineer favorites id information listens producer tags title tracks "
    "type",
    "artist": "active_year_begin active_year_end associated_labels bio comments date_created favorites id latitude "
    "location longitude members name related_projects tags website wikipedia_page",
    "set": "split subset",
    "track": "bit_rate comments composer date_created date_recorded duration favorites genre_top genres genres_all "
    "information interest language_code license listens lyricist number publisher tags title",
}
GENRES = (  # id, tracks, parent, title; the sixteen roots and one chain of depth four
    (2, 5271, 0, "International"),
    (3, 1752, 0, "Blues"),
    (4, 4126, 0, "Jazz"),
    (5, 4106, 0, "Classical"),
    (6, 5000, 38, "Novelty"),
    (8, 868, 0, "Old-Time / Historic"),
    (9, 1987, 0, "Country"),
    (10, 13845, 0, "Pop"),
    (12, 32923, 0, "Rock"),
    (13, 730, 0, "Easy Listening"),
    (14, 1499, 0, "Soul-RnB"),
    (15, 34413, 0, "Electronic"),
    (16, 1000, 6, "Sound Effects"),
    (17, 12706, 0, "Folk"),
    (20, 1876, 0, "Spoken"),
    (21, 8389, 0, "Hip-Hop"),
    (38, 38154, 0, "Experimental"),
    (175, 0, 2, "Bollywood"),
    (763, 100, 16, "Holiday"),
    (1193, 20, 763, "Christmas"),
    (1235, 14938, 0, "Instrumental"),
)
ROOTS = {title: number for number, _, parent, title in GENRES if parent == 0}
SMALL = ("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock")
SPLITS = ("training", "validation", "training", "test", "training")
BIO = '<p>Line one\nline two, with comma and a "quoted" word</p>'
SILENT, SHORT = 99134, 98565


def fma(
    root: Path | str,
    *,
    clips: int = 32,
    seconds: float = 30.0,
    seed: int = 0,
    subset: Literal["small", "medium", "large", "full"] = "medium",
    faults: bool = True,
) -> Path:
    """Write a small FMA.

    Parameters
    ----------
    root : path
        Created. Gets ``fma_metadata/`` with the rows of all subsets and ``fma_<subset>/``.
    clips : int >= 16
        Tracks in the metadata: half of them small, a quarter medium only, a quarter large only (without
        ``genre_top``).
    seconds : float, s
    seed : int
    subset : {"small", "medium", "large", "full"}
        Whose audio is written.
    faults : bool
        Adds a track without any genre, one without album, an MP3 without audio and a 1.5 s one under ids that are
        known for it, mono, 48 kHz and variable bit rate, and one wrong line in ``checksums``.

    Returns
    -------
    Path
        The root.
    """
    root = Path(root)
    metadata, audio = root / "fma_metadata", root / f"fma_{subset}"
    metadata.mkdir(parents=True, exist_ok=True)
    rows = []  # track, subset, root genre or "", genres, genres_all
    for number in range(clips):
        own = ("small", "medium", "small", "large")[number % 4]
        top = SMALL[number // 2 % 8] if own == "small" else sorted(ROOTS)[number // 4 % 16]
        genres = [ROOTS[top]]
        chain = list(genres)
        if own == "large":
            chain = [1193, 763, 16, 6, 38, ROOTS["Rock"]] if number % 8 == 3 else [ROOTS["Rock"], ROOTS["Folk"]]
            genres, top = chain[:1] + chain[-1:], ""
        rows.append((2 + 3 * number + (100000 if number % 5 == 4 else 0), own, top, genres, chain))
    if faults:
        rows += [
            (SILENT, "small", "Pop", [10], [10]),
            (SHORT, "small", "Rock", [12], [12]),
            (155320, "large", "", [], []),
        ]
    rows.sort()

    sums = []
    table = _csv(header_rows())
    rank = ("small", "medium", "large", "full")
    for place, (track, own, top, genres, chain) in enumerate(rows):
        artist = place // 3  # several tracks an artist, and an artist on one side only
        table += _csv(
            [track_row(track, artist, SPLITS[artist % 5], own, top, genres, chain, no_album=faults and place == 1)]
        )
        if rank.index(own) > rank.index(subset):
            continue
        path = f"{track // 1000:03d}/{track:06d}.mp3"
        (audio / path).parent.mkdir(parents=True, exist_ok=True)
        if track == SILENT and faults:
            (audio / path).write_bytes(id3("no audio").ljust(1752, b"\0"))
        else:
            sr = 48000 if faults and place % 6 == 2 else 44100
            length = 1.5 if track == SHORT and faults else seconds
            style = chain[0] if chain else 0
            source, moment = np.random.default_rng([seed, 8, artist]), np.random.default_rng([seed, 9, track])
            y = music(style, length, sr, source, moment)
            kbps = None if faults and place % 6 == 4 else (128, 256, 192)[place % 3]
            write_mp3(audio / path, y if faults and place % 6 == 1 else stereo(y), sr, kbps=kbps, comment="look-alike")
        sums.append(f"{hashlib.sha1((audio / path).read_bytes()).hexdigest()}  {path}")
    if faults:
        sums[0] = "0" * 40 + sums[0][40:]
    (audio / "checksums").write_text("\n".join(sums) + "\n", encoding="ascii")
    (audio / "README.txt").write_text("A small look-alike made by melgrid.\n", encoding="ascii")
    (metadata / "tracks.csv").write_text(table, encoding="utf-8", newline="")
    genre_rows = [["genre_id", "#tracks", "parent", "title", "top_level"]]
    parents = {number: parent for number, _, parent, _ in GENRES}
    for number, tracks, parent, title in GENRES:
        top_level = number
        while parents[top_level]:
            top_level = parents[top_level]
        genre_rows.append([str(cell) for cell in (number, tracks, parent, title, top_level)])
    (metadata / "genres.csv").write_text(_csv(genre_rows), encoding="utf-8", newline="")
    (metadata / "not_found.pickle").write_bytes(b"not to be opened")
    return root


def track_row(
    track: int,
    artist: int,
    split: str,
    subset: str,
    top: str,
    genres: list[int],
    genres_all: list[int],
    *,
    no_album: bool = False,
) -> list[str]:
    """One line of ``tracks.csv`` as 53 cells, with line ends and quotes in the free texts."""
    cells = {
        "album.id": "-1" if no_album else str(1 + artist),
        "album.tags": "[]",
        "album.title": f"Album {artist}",
        "artist.bio": BIO,
        "artist.id": str(1 + artist),
        "artist.name": f"Artist, {artist}",
        "artist.tags": "['some tag']",
        "set.split": split,
        "set.subset": subset,
        "track.bit_rate": "256000",
        "track.date_created": "2008-11-26 01:48:12",
        "track.duration": "168",
        "track.genre_top": top,
        "track.genres": str(genres),
        "track.genres_all": str(genres_all),
        "track.license": "Attribution-NonCommercial-ShareAlike 3.0 International",
        "track.number": "3",
        "track.tags": "[]",
        "track.title": f"Title {track}",
    }
    return [
        str(track),
        *(cells.get(f"{level}.{name}", "") for level, names in HEADER.items() for name in names.split()),
    ]


def header_rows() -> list[list[str]]:
    """Give the three header lines of ``tracks.csv``."""
    pairs = [(level, name) for level, names in HEADER.items() for name in names.split()]
    return [["", *(level for level, _ in pairs)], ["", *(name for _, name in pairs)], ["track_id", *[""] * len(pairs)]]


def _csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
