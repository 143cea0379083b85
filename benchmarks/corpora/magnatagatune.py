"""MagnaTagATune look-alike: two tab-separated tables and ``mp3/0..f`` with 29 s clips, mono, 16 kHz, 32 kbit/s.

One artist per music track. An album has four tracks of three clips and lies in one folder; every fourth artist has
albums in more than one. Tags belong to the artist, with some added to and left out of single clips; some clips have
none of the top 50. The three known-bad files come on top: one is missing, one empty, one no MP3.
"""

from __future__ import annotations

import csv
import functools
import itertools
import random
from pathlib import Path
from typing import Any

from benchmarks.corpora.corpus import Corpus, File
from benchmarks.corpora.encoders import lame
from benchmarks.corpora.sources import MUSIC, Source, sources
from melgrid.datasets.tags import TAGS, TOP50
from melgrid.errors import MelgridError

__all__ = ["plan"]

SR = 16_000
SAMPLES = 464_448  # decoded 465,984, as in the real clip: encoder delay and padding stay, no LAME tag fits
FOLDERS = "0123456789abcdef"
CLIPS_PER_TRACK, TRACKS_PER_ALBUM = 3, 4
IDS = 58_913  # a prime: multiples of any step visit every id from 2 to 58914 once
STEP = 36_413
WITHOUT_AUDIO = 5  # one in so many rows of clip_info
BAD = {
    35_644: "6/norine_braun-now_and_zen-08-gently-117-146.mp3",
    55_753: "8/jacob_heringman-josquin_des_prez_lute_settings-19-gintzler__pater_noster-204-233.mp3",
    57_881: "9/american_baroque-dances_and_suites_of_rameau_and_couperin-25-le_petit_rien_xiveme_ordre_couperin"
    "-88-117.mp3",
}
INFO = ["clip_id", "track_number", "title", "artist", "album", "url", "segmentStart", "segmentEnd", "original_url"]


def plan(clips: int) -> Corpus:
    """Plan ``clips`` good clips and the three bad ones.

    Raises
    ------
    MelgridError
        If there are more clips than ids.
    """
    if clips > 40_000:
        raise MelgridError(f"--clips={clips} must be at most 40000: ids end at 58914")
    tracks = sources(MUSIC)
    ids = (clip for place in itertools.count() if (clip := 2 + place * STEP % IDS) not in BAD)
    paths = dict(BAD)
    files = [File(f"mp3/{BAD[55_753]}", _write_empty), File(f"mp3/{BAD[57_881]}", _write_page)]
    for place in range(clips):
        use, number = divmod(place, len(tracks))
        source = tracks[number]
        clip = next(ids)
        paths[clip] = _path(source, number, use)
        files.append(File(f"mp3/{paths[clip]}", functools.partial(_write, source, use, clip)))
    silent = list(itertools.islice(ids, clips // WITHOUT_AUDIO))

    def write_tables(root: Path) -> None:
        for folder in FOLDERS:
            (root / "mp3" / folder).mkdir(exist_ok=True)
        rows = [[clip, *_tags(clip, paths[clip]), paths[clip]] for clip in sorted(paths)]
        _write_table(root / "annotations_final.csv", [["clip_id", *TAGS, "mp3_path"], *rows])
        info = [_info(clip, paths.get(clip)) for clip in sorted([*paths, *silent])]
        _write_table(root / "clip_info_final.csv", [[*INFO, "mp3_path"], *info])

    return Corpus(("lame",), files, write_tables)


def _path(source: Source, number: int, use: int) -> str:
    track, segment = divmod(use, CLIPS_PER_TRACK)
    album, track = divmod(track, TRACKS_PER_ALBUM)
    folder = FOLDERS[(number + (album if number % 4 == 0 else 0)) % len(FOLDERS)]
    artist = source.name.replace("-", "_")
    title = f"{track + 1:02d}-piece_{use // CLIPS_PER_TRACK + 1}"
    start = (0, 30, 59)[segment]
    return f"{folder}/{artist}-volume_{album + 1}-{title}-{start}-{start + 29}.mp3"


def _write(source: Source, use: int, clip: int, path: Path) -> None:
    seconds = SAMPLES / SR
    y = source.read(source.offset(use, seconds), seconds, sr=SR, channels=1)
    tags = ("--id3v2-only", "--tt", source.name, "--tc", f"look-alike clip {clip}", "--tv", "TLEN=29000")
    path.write_bytes(lame(y, SR, "-t", "-b", "32", "--cbr", *tags))


def _write_empty(path: Path) -> None:
    path.write_bytes(b"")


def _write_page(path: Path) -> None:
    path.write_bytes(b"<html><body>503 Service Unavailable</body></html>\n" * 40)


def _tags(clip: int, path: str) -> list[int]:
    """A mark for every tag."""
    rare = [tag for tag in TAGS if tag not in TOP50]
    artist = random.Random(path.partition("/")[2].partition("-")[0])
    own = [*artist.sample(TOP50, 5), *artist.sample(rare, 2)]
    draw = random.Random(clip)
    chosen = {tag for tag in own if draw.random() < 0.8} | set(draw.sample(TAGS, 1))
    if clip % 20 == 0:
        chosen -= set(TOP50)
    return [int(tag in chosen) for tag in TAGS]


def _info(clip: int, path: str | None) -> list[Any]:
    if path is None:
        return [clip, 1, "Unheard", "Nobody, in particular", "No album", "", 0, 29, "", ""]
    artist, album, track, title, start, end = path.partition("/")[2].removesuffix(".mp3").split("-")
    names = [text.replace("_", " ").title() for text in (title, artist, album)]
    return [clip, int(track), *names, "http://example.org/" + artist, start, end, "http://example.org/" + title, path]


def _write_table(path: Path, rows: list[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
