"""From a corpus's table to a store's: class numbers in place of names, and a place in a shard."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from melgrid.datasets.quiet import quiet_stderr
from melgrid.errors import DatasetError, ParameterError
from melgrid.params import Feature
from melgrid.preprocess.forecast import frame_bytes
from melgrid.store.deal import clips_per_shard, deal
from melgrid.store.plain import label_lists
from melgrid.transforms import num_frames

if TYPE_CHECKING:
    from melgrid.datasets import Dataset

__all__ = ["clip_rows", "dealt", "known_bad", "native_rate", "shard_size", "take"]


def take(dataset: Dataset, limit: int | None) -> Dataset:
    """Keep the first clips of a corpus in the order in which a store deals them: a fair sample.

    Parameters
    ----------
    dataset : Dataset
    limit : int or None
        Number of clips; None takes all.

    Returns
    -------
    Dataset

    Raises
    ------
    ParameterError
        `limit` is below 1.
    DatasetError
        There is no clip.
    """
    table = dataset.clips
    if len(table) == 0:
        raise DatasetError(f"{dataset.name}: no clip in {dataset.root}; there is nothing to preprocess")
    if limit is None or limit >= len(table):
        return dataset
    if limit < 1:
        raise ParameterError(f"limit={limit}: must be at least 1")
    _, order = deal(table["clip_id"].tolist(), len(table))
    return replace(dataset, clips=table[order < limit].reset_index(drop=True))


def clip_rows(dataset: Dataset) -> pd.DataFrame:
    """Put a corpus's clips into a store's columns.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    DataFrame
        Labels are lists of class numbers; `parent` is there where there are variants; `intervals`, where the corpus
        has labels in time, lists of (start, end, class number).

    Raises
    ------
    DatasetError
        An interval is none, or a label or interval has an unknown class.
    """
    clips = dataset.clips
    numbers = {name: number for number, name in enumerate(dataset.classes)}
    if dataset.task == "multi":
        labels: list[list[int]] = [[numbers[name] for name in names] for names in clips["labels"]]
    else:
        codes = pd.Index(list(dataset.classes), dtype=object).get_indexer(pd.Index(clips["label"], dtype=object))
        known = codes >= 0
        if (clips["label"].notna() & ~known).any():
            raise DatasetError(f"{dataset.name}: a label is not one of the {len(numbers)} classes")
        labels = list(label_lists(codes[known], np.concatenate([[0], np.cumsum(known)])))
    further = ["parent"] if "parent" in clips else []
    rows = clips[["clip_id", "path", "split", "fold", "group", "start", "end", *further]].assign(
        labels=pd.Series(labels, dtype=object)
    )
    if "intervals" not in clips:
        return rows
    try:
        spans = [[(float(a), float(b), numbers[name]) for a, b, name in row] for row in clips["intervals"]]
        if wrong := next((span for row in spans for span in row if not 0 <= span[0] <= span[1] < float("inf")), None):
            raise ValueError(f"start={wrong[0]} and end={wrong[1]} must fulfil 0 <= start <= end")
    except (TypeError, ValueError, KeyError) as error:
        raise DatasetError(
            f"{dataset.name}: column intervals must hold (start, end, class) of labels in time, with classes among "
            f"{', '.join(dataset.classes) or 'none'} ({error}); rename the column if it is something else"
        ) from None
    return rows.assign(intervals=pd.Series(spans, dtype=object))


def dealt(rows: pd.DataFrame, features: tuple[Feature, ...], nominal_seconds: float, shard_bytes: int) -> pd.DataFrame:
    """Deal the clips of a new store to shards.

    Parameters
    ----------
    rows : DataFrame
        From `clip_rows`.
    features : tuple of Feature
        The largest of them decides how many clips fill a shard.
    nominal_seconds : float
        Usual length of a clip.
    shard_bytes : int
        Size that shards aim for.

    Returns
    -------
    DataFrame
        With columns shard and row, in their order.
    """
    size = shard_size(len(rows), features, nominal_seconds, shard_bytes)
    shard, row = deal(rows["clip_id"].tolist(), size, parents=rows["parent"].tolist() if "parent" in rows else None)
    return rows.assign(shard=shard, row=row).sort_values(["shard", "row"], ignore_index=True)


def shard_size(clips: int, features: tuple[Feature, ...], nominal_seconds: float, shard_bytes: int) -> int:
    """How many clips fill a shard of a store of so many; see `dealt`."""
    if shard_bytes < 1 << 20:
        raise ParameterError(f"shard_mb={shard_bytes >> 20}: must be at least 1")
    largest = max(num_frames(f, round(nominal_seconds * f.sr)) * frame_bytes(f) for f in features)
    return clips_per_shard(clips, largest, shard_bytes)


def known_bad(dataset: Dataset, table: pd.DataFrame) -> pd.Series[str]:
    """Why a clip of a store's table is known to be bad, None where it is not.

    Parameters
    ----------
    dataset : Dataset
    table : DataFrame
        The store's clips.

    Returns
    -------
    Series of str or None, aligned with `table`
    """
    place = pd.Index(dataset.clips["clip_id"]).get_indexer(table["clip_id"])
    if len(place) and place.min() < 0:
        raise KeyError(table["clip_id"].iloc[int(place.argmin())])
    return pd.Series(dataset.clips["known_bad"].to_numpy(object)[place], index=table.index, dtype=object)


def native_rate(dataset: Dataset) -> int:
    """Find the one rate of all clips, from the headers of the files.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    int, Hz

    Raises
    ------
    ParameterError
        The clips have several rates, or none can be read.
    """
    import soundfile

    rates: dict[int, str] = {}
    for path in dict.fromkeys(dataset.clips.loc[dataset.clips["known_bad"].isna(), "path"]):
        try:
            with quiet_stderr():
                rates.setdefault(soundfile.info(str(dataset.root / path)).samplerate, path)
        except (soundfile.LibsndfileError, OSError):
            continue  # the run will say what is wrong with it
        if len(rates) > 1:
            (one, path_one), (other, path_other) = rates.items()
            raise ParameterError(
                f"sr='native': the clips do not share one rate ({path_one}: {one} Hz, {path_other}: {other} Hz); "
                "name a rate"
            )
    if not rates:
        raise ParameterError("sr='native': no file's header can be read; name a rate")
    return next(iter(rates))
