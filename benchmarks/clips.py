"""Clips to measure on: look-alike corpora of real audio, or synthetic ones where those cannot be built."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.corpora.__main__ import PLANS
from benchmarks.corpora.corpus import build
from benchmarks.report import Report, Settings
from melgrid import datasets
from melgrid.datasets import Dataset, miniature
from melgrid.errors import ClipError, DatasetWarning, MelgridError
from melgrid.preprocess.audio.decode import decode, read_bytes
from melgrid.store.deal import deal

__all__ = ["KINDS", "Clips", "all_clips", "clips_of"]


@dataclass(frozen=True)
class Kind:
    """One of the corpora.

    Attributes
    ----------
    title : str
    dataset : str
        Its adapter.
    options : dict
        Of the adapter.
    synthetic : callable(root, *, clips, faults)
    times : int
        Clips taken for each one asked for.
    """

    title: str
    dataset: str
    options: dict[str, Any]
    synthetic: Callable[..., Path]
    times: int = 1


KINDS = {
    "fma": Kind(
        "FMA-like MP3, 30 s stereo 44.1 kHz",
        "fma",
        {"subset": "small"},
        functools.partial(miniature.fma, subset="small"),
    ),
    "mtt": Kind("MTT-like MP3, 29 s mono 16 kHz", "magnatagatune", {}, miniature.magnatagatune),
    "gtzan": Kind("GTZAN-like AU, 30 s mono 22.05 kHz", "gtzan", {}, miniature.gtzan),
    "us8k": Kind("UrbanSound8K-like WAV, up to 4 s", "urbansound8k", {}, miniature.urbansound8k, times=4),
}
SMALLEST = 32  # what the synthetic corpora can be


@dataclass(frozen=True)
class Clips:
    """Clips that every decoder reads.

    Attributes
    ----------
    title : str
    dataset : Dataset
        With these clips only.
    origin : str
    """

    title: str
    dataset: Dataset
    origin: str

    def __len__(self) -> int:
        return len(self.dataset.clips)

    @property
    def paths(self) -> list[Path]:
        """Their files."""
        return [self.dataset.root / path for path in self.dataset.clips["path"]]

    def first(self, count: int) -> Clips:
        """Return the first of them."""
        return replace(self, dataset=replace(self.dataset, clips=self.dataset.clips.iloc[:count]))

    def repeated(self, times: int) -> Clips:
        """Return them several times over, under several names."""
        table = self.dataset.clips
        copies = [table.assign(clip_id=table["clip_id"] + f"~{number}") for number in range(times)]
        return replace(self, dataset=replace(self.dataset, clips=pd.concat(copies, ignore_index=True)))


@functools.cache
def clips_of(kind: str, corpora: Path, count: int) -> Clips:
    """Take clips of a corpus, a fair sample, and read them once into the page cache.

    Parameters
    ----------
    kind : str
        Key of `KINDS`.
    corpora : Path
        Folder of the corpora; one that is absent is built, one that is there stays as it is.
    count : int
        Clips of 30 s, or their equivalent.

    Returns
    -------
    Clips

    Raises
    ------
    MelgridError
        The corpus that is there has too few clips.
    """
    shape = KINDS[kind]
    wanted = count * shape.times
    root, origin = corpora / kind, "real audio of Debian packages"
    if not root.exists():  # what is there may be somebody else's, and building would write its tables anew
        try:
            partial = corpora / f"{kind}.partial"
            build(PLANS[shape.dataset](wanted + wanted // 20 + 8), partial, jobs=os.cpu_count() or 1)
            partial.rename(root)
        except MelgridError as error:
            root, origin = corpora / f"{kind}-synthetic-{wanted}", f"synthetic look-alike ({error})"
            if not root.exists():
                shape.synthetic(root, clips=max(SMALLEST, wanted), faults=False)
    return Clips(shape.title, _good(shape, root, wanted), origin)


def all_clips(settings: Settings, report: Report) -> Iterator[tuple[str, Clips]]:
    """Take clips of every corpus; one that cannot be used is reported as skipped.

    Parameters
    ----------
    settings : Settings
    report : Report

    Yields
    ------
    kind : str
        Key of `KINDS`.
    clips : Clips
    """
    for kind, shape in KINDS.items():
        try:
            yield kind, clips_of(kind, settings.corpora, settings.clips)
        except MelgridError as error:
            report.skipped[shape.title] = str(error)


def _good(shape: Kind, root: Path, wanted: int) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DatasetWarning)  # nothing is split here
        dataset = datasets.load(shape.dataset, root, **shape.options)
    table = dataset.clips[dataset.clips["known_bad"].isna()]
    _, order = deal(table["clip_id"].tolist(), max(1, len(table)))
    table = table.iloc[order.argsort()]
    good: list[int] = []
    words = ""
    for place, path in enumerate(table["path"]):
        try:
            decode(read_bytes(dataset.root / path))
            good.append(place)
        except ClipError as error:
            words = f"{path}: {error}"
        if len(good) == wanted:
            return replace(dataset, clips=table.iloc[good].reset_index(drop=True))
    raise MelgridError(
        f"{root}: {len(good)} of {len(table)} clips can be decoded, {wanted} are needed ({words}); "
        "give smaller --clips or another --corpora"
    )
