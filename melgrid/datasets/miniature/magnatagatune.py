"""A small MagnaTagATune."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from melgrid.datasets.adapters.magnatagatune import KNOWN_BAD
from melgrid.datasets.miniature.codecs import write_mp3
from melgrid.datasets.miniature.sounds import music, voice
from melgrid.datasets.tags import TAGS, TOP50

__all__ = ["annotations_table", "magnatagatune"]

SR = 16000
SHARDS = "0123456789abcdef"
BAD_IDS = (35644, 55753, 57881)
SINGERS = {"vocal", "vocals", "singing", "male vocal", "female vocal", "female voice", "woman", "man", "choir", "voice"}


def magnatagatune(
    root: Path | str, *, clips: int = 48, seconds: float = 29.12, seed: int = 0, faults: bool = True
) -> Path:
    """Write a small MagnaTagATune.

    Parameters
    ----------
    root : path
        Created. Gets the two tables and ``mp3/0`` to ``mp3/f``.
    clips : int >= 32
        Three clips a track, an album a folder, folders in turn; each artist has two albums, in two folders.
    seconds : float, s
    seed : int
    faults : bool
        Adds the three known-bad files (missing, 0 bytes, no MP3), a clip without any top-50 tag, one without any
        tag, an album track that a compilation repeats in another folder, and clip_info rows without audio.

    Returns
    -------
    Path
        The root.
    """
    root = Path(root)
    for shard in SHARDS:
        (root / "mp3" / shard).mkdir(parents=True, exist_ok=True)
    rows: list[tuple[int, str, set[str]]] = []
    for number in range(clips):
        track, part = divmod(number, 3)
        artist, album = track % 16 // 2, track % 16
        shard = SHARDS[track % 16]
        start = part * 29 + (part > 0)
        path = f"{shard}/artist_{artist}-album_{album}-{1 + track // 16:02d}-song_{track}-{start}-{start + 29}.mp3"
        rows.append((2 + 7 * number, path, {TOP50[track % 50], TOP50[(track + 17) % 50]}))
    if faults:
        rows += [(number, path, {"guitar", "slow"}) for number, path in zip(BAD_IDS, KNOWN_BAD, strict=True)]
        rows.append((40001, "c/artist_6-album_12-09-hidden_song-0-29.mp3", {"monks"}))
        rows.append((40002, "d/artist_6-album_13-09-hidden_song-0-29.mp3", set()))
        rows.append((40003, "e/magnatune_compilation-electronica-08-artist_0_song_0-0-29.mp3", set(rows[0][2])))
    rows.sort()

    for clip, path, tags in rows:
        if faults and clip in BAD_IDS:
            content = (None, b"", b"no MP3 at all " * 100)[BAD_IDS.index(clip)]
            if content is not None:
                (root / "mp3" / path).write_bytes(content)
            continue
        song = path[2:].rsplit("-", 2)[0]
        source, moment = np.random.default_rng([seed, 10, *song.encode()]), np.random.default_rng([seed, 11, clip])
        y = music(sum(TAGS.index(tag) for tag in tags), seconds, SR, source, moment)
        if tags & SINGERS:
            y = (0.5 * y + 0.5 * voice(seconds, SR, source, moment)).astype(np.float32)
        write_mp3(root / "mp3" / path, y, SR, kbps=32, comment="look-alike")
    (root / "annotations_final.csv").write_text(annotations_table(rows), encoding="ascii")

    header = "clip_id track_number title artist album url segmentStart segmentEnd original_url mp3_path"
    info: list[tuple[str, ...]] = [tuple(header.split())]
    for clip, path, _ in rows:
        artist_slug, album_slug, track_number, title, start_text, end = path[2:].removesuffix(".mp3").split("-")
        names = [slug.replace("_", " ").title() for slug in (title, artist_slug, album_slug)]
        info.append((str(clip), str(int(track_number)), *names, "http://example.org", start_text, end, "", path))
    if faults:
        info += [(str(50000 + k), "1", "Über", "Café", "Album", "", "0", "29", "", "") for k in range(3)]
    (root / "clip_info_final.csv").write_text("".join(_line(row) for row in info), encoding="utf-8")
    return root


def annotations_table(rows: list[tuple[int, str, set[str]]]) -> str:
    """Give the text of ``annotations_final.csv`` for rows of clip id, path and tags."""
    lines = [_line(("clip_id", *TAGS, "mp3_path"))]
    lines += [_line((str(clip), *("1" if tag in tags else "0" for tag in TAGS), path)) for clip, path, tags in rows]
    return "".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    return "\t".join(f'"{cell}"' for cell in cells) + "\n"
