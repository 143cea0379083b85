"""A small corpus of one's own, in the three forms that ``folder`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from melgrid.datasets.miniature.codecs import write_wav
from melgrid.datasets.miniature.sounds import urban

__all__ = ["folder"]

CLASSES = ("dog_bark", "siren", "street_music")
SR = 22050


def folder(
    root: Path | str,
    *,
    clips: int = 12,
    seconds: float = 2.0,
    seed: int = 0,
    layout: Literal["classes", "table", "lab"] = "classes",
) -> Path:
    """Write a small corpus.

    Parameters
    ----------
    root : path
        Created.
    clips : int
        In three classes in turn, two clips of each recording.
    seconds : float, s
    seed : int
    layout : {"classes", "table", "lab"}
        A folder per class; files in ``audio/`` with ``clips.csv`` (label, split, fold, group, and two excerpts of
        the last file); or files in ``audio/`` with a ``.lab`` file beside each.

    Returns
    -------
    Path
        The root.
    """
    root = Path(root)
    table = ["path,label,split,fold,group,start,end"]
    for number in range(clips):
        name, recording = CLASSES[number % 3], number // 6
        source, moment = (
            np.random.default_rng([seed, 12, number % 3, recording]),
            np.random.default_rng([seed, 13, number]),
        )
        path = root / (name if layout == "classes" else "audio") / f"{number:03d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, urban(name, seconds, SR, source, moment), SR)
        split = ("train", "train", "valid", "test")[recording % 4]
        row = f"audio/{number:03d}.wav,{name},{split},{recording % 3 + 1},{name}{recording}"
        table.append(f"{row},,")
        if number == clips - 1:
            table[-1:] = [f"{row},0,{seconds / 2}", f"{row},{seconds / 2},{seconds}"]
        if layout == "lab":
            path.with_suffix(".lab").write_text(
                f"0 {seconds / 2} {name}\n{seconds / 2} {seconds} pause\n", encoding="ascii"
            )
    if layout == "table":
        (root / "clips.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    return root
