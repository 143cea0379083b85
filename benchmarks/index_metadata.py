"""Time the indexing of corpora of full size.

Writes metadata with the row counts of the real downloads (FMA: 106,574 tracks, cells with line ends, about 240 MB;
MagnaTagATune: 25,863 clips of 188 tags) and times `melgrid.datasets.load` on them. There is no audio. The bound is
5 s each.

    python -m benchmarks.index_metadata [--json]
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from melgrid.datasets import load
from melgrid.datasets.miniature.fma import GENRES, header_rows, track_row
from melgrid.datasets.miniature.magnatagatune import annotations_table
from melgrid.datasets.tags import TAGS

FMA_ROWS, FMA_LAST = 106_574, 155_320
MTT_ROWS, MTT_LAST = 25_863, 58_915
BOUND = 5.0
BIOGRAPHY = '<p>A band of "three",\nfrom somewhere, that plays and plays.</p>\n' * 30  # real ones are of this order


def write_fma(root: Path) -> None:
    chance = random.Random(0)
    tracks = sorted(chance.sample(range(2, FMA_LAST + 1), FMA_ROWS))
    roots = [(number, title) for number, _, parent, title in GENRES if parent == 0]
    (root / "fma_metadata").mkdir()
    (root / "fma_large" / "000").mkdir(parents=True)
    with (root / "fma_metadata" / "tracks.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerows(header_rows())
        for place, track in enumerate(tracks):
            number, title = chance.choice(roots)
            genres = sorted({number, *(chance.choice(GENRES)[0] for _ in range(chance.randrange(4)))})
            subset = "small" if place % 13 == 0 else "medium" if place % 6 == 0 else "large"
            split = ("training",) * 8 + ("validation", "test")
            top = title if subset != "large" or place % 3 == 0 else ""
            row = track_row(track, place // 7, split[place // 7 % 10], subset, top, genres[:1], genres)
            row[17] = BIOGRAPHY
            table.writerow(row)
    with (root / "fma_metadata" / "genres.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("genre_id", "#tracks", "parent", "title", "top_level"))
        table.writerows((number, tracks, parent, title, number) for number, tracks, parent, title in GENRES)


def write_magnatagatune(root: Path) -> None:
    chance = random.Random(0)
    for shard in "0123456789abcdef":
        (root / "mp3" / shard).mkdir(parents=True)

    def rows() -> Iterator[tuple[int, str, set[str]]]:
        for place, clip in enumerate(sorted(chance.sample(range(2, MTT_LAST + 1), MTT_ROWS))):
            track, album = place // 5, place // 60
            start = 30 * (place % 5)
            name = f"artist_{album // 2}-album_{album}-{1 + track % 12:02d}-song_{track}-{start}-{start + 29}.mp3"
            yield clip, f"{'0123456789abcdef'[album % 16]}/{name}", set(chance.sample(TAGS, chance.randrange(9)))

    (root / "annotations_final.csv").write_text(annotations_table(list(rows())), encoding="ascii")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="print the figures as JSON")
    as_json = arguments.parse_args().json
    cases = (
        ("fma", write_fma, {"subset": "large", "labels": "genre_top", "unlabelled": "keep"}, FMA_ROWS),
        ("fma", None, {"subset": "large", "labels": "genres_all"}, FMA_ROWS),
        ("magnatagatune", write_magnatagatune, {"tags": "top50"}, MTT_ROWS),
        ("magnatagatune", None, {"tags": "all", "merge": "completed", "group": "strict"}, MTT_ROWS),
    )
    figures: list[dict[str, object]] = []
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, write, options, rows in cases:
            root = Path(folder) / name
            if write:
                root.mkdir()
                write(root)
            start = time.perf_counter()
            dataset = load(name, root, **options)
            seconds = time.perf_counter() - start
            assert len(dataset) == rows
            slowest = max(slowest, seconds)
            megabytes = sum(file.stat().st_size for file in root.rglob("*.csv")) / 1e6
            figures.append(
                {"dataset": name, **options, "rows": rows, "MB": round(megabytes, 1), "seconds": round(seconds, 2)}
            )
            if not as_json:
                print(f"{name:14} {rows:>8,} rows {megabytes:7.1f} MB {seconds:6.2f} s   {options}")
    if as_json:
        print(json.dumps(figures, indent=1))
    return int(slowest > BOUND)


if __name__ == "__main__":
    sys.exit(main())
