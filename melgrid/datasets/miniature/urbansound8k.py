"""A small UrbanSound8K."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from melgrid.datasets.miniature.codecs import WavKind, stereo, write_wav
from melgrid.datasets.miniature.sounds import URBAN, urban

__all__ = ["urbansound8k"]

USUAL: tuple[tuple[int, WavKind, int], ...] = (
    (22050, "pcm_16", 1),
    (44100, "pcm_16", 2),
    (22050, "pcm_16", 1),
    (16000, "pcm_24", 1),
    (22050, "ima_adpcm", 1),
)
ALL_KINDS: tuple[tuple[int, WavKind, int], ...] = (
    (44100, "pcm_16", 2),
    (48000, "pcm_24", 2),
    (96000, "pcm_24", 2),
    (192000, "pcm_16", 1),
    (11024, "pcm_16", 2),
    (8000, "pcm_u8", 1),
    (44100, "float", 2),
    (44100, "pcm_32", 2),
    (44100, "ms_adpcm", 2),
    (22050, "ima_adpcm", 1),
    (48000, "extensible", 2),
    (44100, "list_chunk", 2),
)


def urbansound8k(
    root: Path | str,
    *,
    clips: int = 40,
    seconds: float = 4.0,
    seed: int = 0,
    layout: Literal["original", "kaggle"] = "original",
    faults: bool = True,
) -> Path:
    """Write a small UrbanSound8K.

    Parameters
    ----------
    root : path
        Created; must be empty or absent.
    clips : int >= 20
        Good clips: ten classes in turn, at least two slices of each recording, recordings dealt to the ten folds.
    seconds : float > 0, s
        Longest slice; the shortest are a quarter of it.
    seed : int
    layout : {"original", "kaggle"}
        The Kaggle tree has no ``audio/`` and ``metadata/``, and its table here says ``class_name``.
    faults : bool
        Adds every WAV variant, a slice of 0.055 s, one recording in two folds with two classes, a row without a file,
        a file without a row, ``.DS_Store`` and an AppleDouble file.

    Returns
    -------
    Path
        The root.
    """
    root = Path(root)
    audio = root / "audio" if layout == "original" else root
    for fold in range(1, 11):
        (audio / f"fold{fold}").mkdir(parents=True, exist_ok=True)
    names = list(URBAN)
    slices = max(2, clips // 100)
    rows = []  # fsID, class, fold, slice, seconds
    for number in range(clips):
        turn, class_id = divmod(number, 10)
        recording, part = divmod(turn, slices)
        length = (
            np.random.default_rng([seed, 1, number]).choice((0.25, 0.5, 0.75, 1.0), p=(0.1, 0.15, 0.15, 0.6)) * seconds
        )
        rows.append(
            (900000 + 10 * recording + class_id, class_id, (class_id + recording) % 10 + 1, part, float(length))
        )
    if faults:
        rows += [(910001, 8, 1, part, seconds / 4) for part in range(2)]
        rows += [(910001, 5, 8, part, seconds / 4) for part in range(2)]
        rows.append((910002, 1, 3, 117, 0.055))

    table = [
        "slice_file_name,fsID,start,end,salience,fold,classID," + ("class" if layout == "original" else "class_name")
    ]
    for number, (recording, class_id, fold, part, length) in enumerate(rows):
        rng = np.random.default_rng([seed, 2, number])
        sr, kind, channels = ALL_KINDS[number % len(ALL_KINDS)] if faults else USUAL[number % len(USUAL)]
        if sr > 48000:
            length = min(length, 0.5)
        y = urban(names[class_id], length, sr, np.random.default_rng([seed, recording, class_id]), rng)
        name = f"{recording}-{class_id}-{number % 3}-{part}.wav"
        write_wav(audio / f"fold{fold}" / name, stereo(y) if channels == 2 else y, sr, kind)
        start = part * seconds + float(rng.uniform(0, 60))
        table.append(
            f"{name},{recording},{start},{start + length},{1 + number % 2},{fold},{class_id},{names[class_id]}"
        )
    if faults:
        table.append("910003-4-0-0.wav,910003,0.0,4.0,1,10,4,drilling")
        write_wav(audio / "fold2" / "910004-0-0-0.wav", np.zeros(800, np.float32), 8000)
        (audio / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (audio / "fold1" / f"._{rows[0][0]}-0-0-0.wav").write_bytes(b"\0\5\x16\7")

    metadata = root / "metadata" if layout == "original" else root
    metadata.mkdir(exist_ok=True)
    (metadata / "UrbanSound8K.csv").write_text("\n".join(table) + "\n", encoding="ascii")
    if layout == "original":
        (root / "FREESOUNDCREDITS.txt").write_text("Synthetic sound; nobody to credit.\n", encoding="ascii")
        (root / "UrbanSound8K_README.txt").write_text("A small look-alike made by melgrid.\n", encoding="ascii")
    return root
