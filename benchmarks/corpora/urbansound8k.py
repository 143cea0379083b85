"""UrbanSound8K look-alike: ``audio/fold1..fold10`` and ``metadata/UrbanSound8K.csv``.

Recordings (``fsID``) give four slices each and keep one rate, depth and channel count, drawn from a deck of 100 with
roughly the published proportions; the rarest flavours are more frequent than in the original, so that 400 clips have
them all. Gun shots are desktop sounds and therefore short, as in the original; the other classes are prompts or music.
"""

from __future__ import annotations

import csv
import functools
import random
from collections import Counter
from pathlib import Path

from benchmarks.corpora.corpus import Corpus, File
from benchmarks.corpora.encoders import Signal, ffmpeg, sox
from benchmarks.corpora.sources import EFFECTS, MUSIC, PROMPTS, Source, sources

__all__ = ["plan"]

CLASSES = {  # in the order of classID
    "air_conditioner": MUSIC,
    "car_horn": MUSIC,
    "children_playing": PROMPTS,
    "dog_bark": PROMPTS,
    "drilling": MUSIC,
    "engine_idling": MUSIC,
    "gun_shot": EFFECTS,
    "jackhammer": PROMPTS,
    "siren": PROMPTS,
    "street_music": MUSIC,
}
COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
FOLDS = 10
SLICES = 4  # of one recording
SHORTEST, LONGEST = 0.0545, 4.0  # s
SHARES = {  # of the durations, seconds from and to: published counts
    (LONGEST, LONGEST): 7333,
    (3.0, LONGEST): 135,
    (2.0, 3.0): 282,
    (1.0, 2.0): 526,
    (0.5, 1.0): 290,
    (0.25, 0.5): 122,
    (SHORTEST, 0.25): 44,
}
CODECS = {
    "16": (sox, ("-t", "wav", "-b", "16")),
    "16 list": (ffmpeg, ("-metadata", "title=field recording", "-c:a", "pcm_s16le")),
    "24": (sox, ("-t", "wavpcm", "-b", "24")),
    "24 extensible": (sox, ("-t", "wav", "-b", "24")),
    "32 float": (sox, ("-t", "wav", "-e", "float", "-b", "32")),
    "8 unsigned": (sox, ("-t", "wav", "-e", "unsigned", "-b", "8")),
    "4 ms": (ffmpeg, ("-c:a", "adpcm_ms")),
    "4 ima": (ffmpeg, ("-c:a", "adpcm_ima_wav", "-block_size", "512")),
}
FLAVOURS = {  # rate in Hz, channels, codec: recordings of 100
    (44_100, 2, "16"): 31,
    (44_100, 2, "16 list"): 9,
    (44_100, 1, "16"): 4,
    (44_100, 2, "24"): 7,
    (44_100, 2, "24 extensible"): 5,
    (44_100, 2, "32 float"): 2,
    (44_100, 2, "4 ms"): 1,
    (48_000, 2, "16"): 13,
    (48_000, 2, "24"): 6,
    (48_000, 2, "24 extensible"): 6,
    (48_000, 1, "24"): 1,
    (96_000, 2, "24"): 3,
    (96_000, 2, "24 extensible"): 3,
    (96_000, 2, "32 float"): 1,
    (192_000, 2, "24"): 1,
    (24_000, 2, "16"): 1,
    (22_050, 1, "16"): 1,
    (22_050, 1, "4 ima"): 1,
    (16_000, 1, "16"): 1,
    (11_025, 1, "8 unsigned"): 1,
    (11_024, 1, "16"): 1,
    (8_000, 1, "8 unsigned"): 1,
}


def plan(clips: int) -> Corpus:
    """Plan ``clips`` slices."""
    pools = {package: _pool(package) for package in CLASSES.values()}
    uses: Counter[Source] = Counter()
    files, rows = [], []
    for place in range(clips):
        recording, part = divmod(place, SLICES)
        number = recording % len(CLASSES)
        fold = (recording + recording // len(CLASSES)) % FOLDS + 1  # ten recordings visit all classes and all folds
        name, package = list(CLASSES.items())[number]
        source = pools[package][(recording // len(CLASSES) * 37 + number * 11) % len(pools[package])]
        wanted = SHORTEST if place % 400 == 7 else _duration(place)
        start = source.offset(uses[source], wanted)
        uses[source] += 1
        seconds = max(min(wanted, source.seconds - start), SHORTEST)

        freesound = 100_000 + recording * 37
        file = f"{freesound}-{number}-0-{part}.wav"
        write = functools.partial(_write, source, start, seconds, _flavour(recording))
        files.append(File(f"audio/fold{fold}/{file}", write))
        rows.append((file, freesound, start, round(start + seconds, 6), 1 + (recording % 3 == 2), fold, number, name))

    def write_tables(root: Path) -> None:
        path = root / "metadata" / "UrbanSound8K.csv"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines, lineterminator="\n").writerows([COLUMNS, *sorted(rows)])

    return Corpus(("sox", "ffmpeg"), files, write_tables)


def _pool(package: str) -> list[Source]:
    """Sources with sound that last as long as the longest slice; effects need not."""
    audible = [source for source in sources(package) if not source.silent]
    return audible if package == EFFECTS else [source for source in audible if source.seconds >= LONGEST]


def _duration(place: int) -> float:
    """Draw one from the published distribution, in s."""
    draw = random.Random(place)
    low, high = draw.choices(list(SHARES), list(SHARES.values()))[0]
    return round(draw.uniform(low, high), 6)


def _flavour(recording: int) -> tuple[int, int, str]:
    """Take a card of the deck, which is shuffled anew for every 100 recordings."""
    deck = [flavour for flavour, share in FLAVOURS.items() for _ in range(share)]
    cycle, card = divmod(recording, len(deck))
    random.Random(cycle).shuffle(deck)
    return deck[card]


def _write(source: Source, start: float, seconds: float, flavour: tuple[int, int, str], path: Path) -> None:
    sr, channels, codec = flavour
    encode, options = CODECS[codec]
    y: Signal = source.read(start, seconds, sr=sr, channels=channels)
    encode(y, sr, path, *options)
