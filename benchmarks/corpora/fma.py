"""FMA look-alike: ``fma_metadata/`` and ``fma_small/`` with stream-copied 30 s cuts of LAME MP3s.

One artist per music track, so the official split by artist holds. Eight genres of equal size, each 80/10/10. About
1 % of the clips are mono and 1 % have 48 kHz. Eight bad files come on top: six under ids of the published list, two
under ids that no list has.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.corpora.corpus import Corpus, File
from benchmarks.corpora.encoders import lame, stream_cut
from benchmarks.corpora.sources import MUSIC, Source, sources
from melgrid.errors import MelgridError

__all__ = ["plan"]

SECONDS = 30.0
LEAD = 2.0  # s encoded before the cut, so that the clip begins amid the bit reservoir
IDS = 155_317  # a prime: multiples of any step visit every id from 2 to 155318 once
STEP = 98_317
ROWS_PER_CLIP = 106_574 / 8_000  # of the whole table to the small subset
MEDIUM = 25_000 / 8_000

GENRES = ("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock")
SIDES = ("training",) * 3 + ("validation",) + ("training",) * 3 + ("test",) + ("training",) * 2
SIDE_OF_ROUND = {1: "validation", 2: "test"}  # of the tracks taken eight at a time; the rest is for training

ENCODINGS = {  # LAME's options and the bit/s of the table: clips of 20; the mean is about that of the original
    (("-b", "320", "--cbr"), 320_000): 8,
    (("-b", "256", "--cbr"), 256_000): 5,
    (("-b", "192", "--cbr"), 192_000): 2,
    (("-b", "128", "--cbr"), 128_000): 2,
    (("-V", "0"), 245_000): 2,
    (("-V", "2"), 190_000): 1,
}
SHAPES = {(44_100, 2): 98, (44_100, 1): 1, (48_000, 2): 1}  # rate in Hz, channels: clips of 100

LISTED_SHORT = {98_565: 1.6, 98_567: 0.5, 98_569: 1.5}
LISTED_SILENT = (99_134, 108_925, 133_297)  # empty, noise bytes, tag without audio
UNLISTED = (7_777, 77_777)  # empty, broken off and overwritten
BAD = (*LISTED_SHORT, *LISTED_SILENT, *UNLISTED)

ROOTS = {
    38: "Experimental", 15: "Electronic", 12: "Rock", 1235: "Instrumental", 10: "Pop", 17: "Folk", 21: "Hip-Hop",
    2: "International", 4: "Jazz", 5: "Classical", 9: "Country", 20: "Spoken", 3: "Blues", 14: "Soul-RnB",
    8: "Old-Time / Historic", 13: "Easy Listening",
}  # fmt: skip
CHILDREN = {  # id: (title, parent)
    1: ("Avant-Garde", 38), 6: ("Novelty", 38), 16: ("Sound Effects", 6), 763: ("Holiday", 16),
    1193: ("Christmas", 763), 42: ("Ambient", 15), 181: ("Techno", 15), 25: ("Punk", 12), 27: ("Lo-Fi", 12),
    89: ("Post-Punk", 25), 18: ("Soundtrack", 1235), 76: ("Experimental Pop", 10), 103: ("Singer-Songwriter", 17),
    100: ("Alternative Hip-Hop", 21), 46: ("Latin America", 2), 175: ("Bollywood", 2),
}  # fmt: skip
HEADER = {
    "album": "comments date_created date_released engineer favorites id information listens producer tags title tracks "
    "type",
    "artist": "active_year_begin active_year_end associated_labels bio comments date_created favorites id latitude "
    "location longitude members name related_projects tags website wikipedia_page",
    "set": "split subset",
    "track": "bit_rate comments composer date_created date_recorded duration favorites genre_top genres genres_all "
    "information interest language_code license listens lyricist number publisher tags title",
}
COLUMNS = [(level, name) for level, names in HEADER.items() for name in names.split()]


@dataclass(frozen=True)
class Track:
    """A row of ``tracks.csv``; ``genre`` is None where ``genre_top`` is empty."""

    track: int
    artist: int
    title: str
    genre: str | None
    split: str
    subset: str
    bit_rate: int
    seconds: float


def plan(clips: int) -> Corpus:
    """Plan ``clips`` good clips and the eight bad ones.

    Raises
    ------
    MelgridError
        If there are more clips than ids.
    """
    if clips > 100_000:
        raise MelgridError(f"--clips={clips} must be at most 100000: ids end at 155318")
    slots = _slots()
    files, rows = [], []
    ids = (2 + place * STEP % IDS for place in itertools.count())
    good = (track for track in ids if track not in BAD)
    for place, track in enumerate(itertools.chain(BAD, itertools.islice(good, clips))):
        genre, split, artist, source, use = next(slots)
        draw = random.Random(place)
        options, bit_rate = draw.choices(list(ENCODINGS), list(ENCODINGS.values()))[0]
        sr, channels = draw.choices(list(SHAPES), list(SHAPES.values()))[0]
        write = functools.partial(_write, track, source, use, options, sr, channels)
        name = f"{track:06d}"
        files.append(File(f"fma_small/{name[:3]}/{name}.mp3", write))
        title = f"{source.name.replace('_', ' ')}, take {use}"
        rows.append(Track(track, artist, title, genre, split, "small", bit_rate, source.seconds))
    rows += _silent_rows(good, clips)

    def write_tables(root: Path) -> None:
        metadata = root / "fma_metadata"
        metadata.mkdir(exist_ok=True)
        _write_tracks(metadata / "tracks.csv", sorted(rows, key=lambda row: row.track))
        _write_genres(metadata / "genres.csv", rows)
        audio = root / "fma_small"
        paths = sorted(path.relative_to(audio).as_posix() for path in audio.glob("[0-9]*/[0-9]*.mp3"))
        sums = (f"{hashlib.sha1((audio / path).read_bytes()).hexdigest()}  {path}\n" for path in paths)
        (audio / "checksums").write_text("".join(sums))

    return Corpus(("lame", "ffmpeg"), files, write_tables)


def _slots() -> Iterator[tuple[str, str, int, Source, int]]:
    """Genre, split, artist, source and number of its use, for one clip after the other.

    Tracks shorter than a clip stand last, where all artists are for training.
    """
    tracks = sorted(sources(MUSIC), key=lambda source: source.seconds < SECONDS)
    artists: dict[tuple[str, str], list[tuple[int, Source]]] = {}
    for place, source in enumerate(tracks):
        split = SIDE_OF_ROUND.get(place // len(GENRES), "training")
        artists.setdefault((GENRES[place % len(GENRES)], split), []).append((place + 1, source))
    rounds = {key: itertools.cycle(members) for key, members in artists.items()}
    uses: Counter[int] = Counter()
    for place in itertools.count():
        key = GENRES[place % len(GENRES)], SIDES[place // len(GENRES) % len(SIDES)]
        artist, source = next(rounds[key])
        yield *key, artist, source, uses[artist]
        uses[artist] += 1


def _silent_rows(ids: Iterator[int], clips: int) -> list[Track]:
    """Rows of medium and large, which have no files here, in about the real proportions."""
    rows = []
    for place in range(min(round(clips * ROWS_PER_CLIP), IDS - len(BAD)) - clips):
        artist = 1000 + place % 2000
        medium = place < clips * (MEDIUM - 1)
        genre = list(ROOTS.values())[artist % len(ROOTS)] if medium or place % 4 == 0 else None
        split, subset = SIDES[artist % 10], "medium" if medium else "large"
        rows.append(Track(next(ids), artist, f"Unheard {place}", genre, split, subset, 256_000, 30 + place % 400))
    return rows


def _write(track: int, source: Source, use: int, options: tuple[str, ...], sr: int, channels: int, path: Path) -> None:
    if track in (99_134, 7_777):
        path.write_bytes(b"")
    elif track == 108_925:
        path.write_bytes(_noise(track, 40_000))
    elif track == 133_297:
        path.write_bytes(b"ID3\x04\x00\x00" + bytes(divmod(1752 - 10, 128)).rjust(4, b"\0") + bytes(1752 - 10))
    else:
        seconds = LISTED_SHORT.get(track, SECONDS)
        start = source.offset(use, seconds + LEAD + 1.0)
        y = source.read(start, seconds + LEAD + 1.0, sr=sr, channels=channels)
        tags = ("--id3v2-only", "--tt", source.name, "--ta", f"Artist of {source.name}", "--tl", "Look-alike")
        stream_cut(lame(y, sr, *options, *tags), path, start=LEAD, seconds=seconds)
        if track == 77_777:
            path.write_bytes(path.read_bytes()[:700] + _noise(track, 20_000))


def _noise(seed: int, count: int) -> bytes:
    """Bytes in which no decoder finds the sync word of an MP3 frame."""
    return random.Random(seed).randbytes(count).replace(b"\xff", b"\x00")


def _write_tracks(path: Path, rows: list[Track]) -> None:
    ids = {title: number for number, title in ROOTS.items()} | {title: n for n, (title, _) in CHILDREN.items()}
    with path.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(["", *(level for level, _ in COLUMNS)])
        table.writerow(["", *(name for _, name in COLUMNS)])
        table.writerow(["track_id", *[""] * len(COLUMNS)])
        for row in rows:
            leaf = _leaf(row, ids)
            cells: dict[tuple[str, str], Any] = {
                ("album", "comments"): 0,
                ("album", "date_created"): "2008-11-26 01:44:45",
                ("album", "favorites"): row.track % 7,
                ("album", "id"): -1 if row.track % 100 == 0 else row.artist * 10 + row.track % 3,
                ("album", "information"): "<p></p>",
                ("album", "listens"): row.track % 6073,
                ("album", "tags"): "[]",
                ("album", "title"): f'Works of {row.artist}, "volume" {row.track % 3}',
                ("album", "tracks"): 7,
                ("album", "type"): "Album",
                ("artist", "bio"): f'<p>Artist {row.artist} plays,\nsings and says "hello, world".</p>\n',
                ("artist", "comments"): 0,
                ("artist", "date_created"): "2008-11-26 01:42:32",
                ("artist", "favorites"): 9,
                ("artist", "id"): row.artist,
                ("artist", "members"): "A, B\nC",
                ("artist", "name"): f"Artist {row.artist}",
                ("artist", "tags"): "['some tag', \"it's\"]",
                ("set", "split"): row.split,
                ("set", "subset"): row.subset,
                ("track", "bit_rate"): row.bit_rate,
                ("track", "comments"): 0,
                ("track", "date_created"): "2008-11-26 01:48:12",
                ("track", "duration"): int(row.seconds),
                ("track", "favorites"): row.track % 3,
                ("track", "genre_top"): row.genre or "",
                ("track", "genres"): str(leaf[:1]),
                ("track", "genres_all"): str(sorted(leaf)),
                ("track", "interest"): row.track % 4656,
                ("track", "language_code"): "en",
                ("track", "license"): "Attribution-ShareAlike",
                ("track", "listens"): row.track % 1293,
                ("track", "number"): 1 + row.track % 12,
                ("track", "tags"): "[]",
                ("track", "title"): row.title,
            }
            table.writerow([row.track, *(cells.get(column, "") for column in COLUMNS)])


def _leaf(row: Track, ids: dict[str, int]) -> list[int]:
    """A genre of the track and its ancestors, nearest first; empty for some tracks without a top genre."""
    if row.genre is None and row.track % 20 == 0:
        return []
    root = ids[row.genre] if row.genre else 38
    below = [child for child in CHILDREN if _lineage(child)[-1] == root]
    return _lineage(below[row.track % len(below)]) if below and row.track % 3 else [root]


def _lineage(genre: int) -> list[int]:
    line = [genre]
    while line[-1] in CHILDREN:
        line.append(CHILDREN[line[-1]][1])
    return line


def _write_genres(path: Path, rows: list[Track]) -> None:
    ids = {title: number for number, title in ROOTS.items()}
    counts = Counter(genre for row in rows for genre in _leaf(row, ids))
    with path.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(["genre_id", "#tracks", "parent", "title", "top_level"])
        for genre in sorted(ROOTS.keys() | CHILDREN.keys()):
            title, parent = CHILDREN.get(genre, (ROOTS.get(genre), 0))
            table.writerow([genre, counts[genre], parent, title, _lineage(genre)[-1]])
