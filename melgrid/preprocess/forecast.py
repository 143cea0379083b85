"""What a run will cost, before it starts: frames, bytes, and whether the disk holds them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from melgrid.datasets.quiet import quiet_stderr
from melgrid.params import Feature
from melgrid.preprocess.audio.augment import stretch
from melgrid.store.shards.shard_info import SHARD_FILE
from melgrid.transforms import num_frames

if TYPE_CHECKING:
    from melgrid.datasets import Dataset

__all__ = ["FeatureForecast", "Forecast", "clip_seconds", "forecast", "frame_bytes"]

_SAMPLE = 48  # files whose headers are looked at when the metadata says nothing of lengths
_SIGMAS = 3.0


@dataclass(frozen=True)
class FeatureForecast:
    """One feature's share of a forecast.

    Attributes
    ----------
    feature : Feature
    frames : int
        Frames of one clip of median length.
    low, high : int, bytes
        Bounds for the whole corpus; equal when all lengths are known.
    done : bool
        The store has it already.
    written : int, bytes
        What an interrupted run has left of it.
    share : float or None
        Of the time of all, where a sample was timed.
    """

    feature: Feature
    frames: int
    low: int
    high: int
    done: bool
    written: int = 0
    share: float | None = None


@dataclass(frozen=True)
class Forecast:
    """What a run will write.

    Attributes
    ----------
    clips : int
    audio_seconds : float
    features : tuple of FeatureForecast
    free : int, bytes
        Free space where the store lies.
    run_seconds : float or None
        Time that the run will take, where a sample was timed.
    median_seconds : float
        Length of the clip whose frames are told.
    """

    clips: int
    audio_seconds: float
    features: tuple[FeatureForecast, ...]
    free: int
    run_seconds: float | None = None
    median_seconds: float = 0.0

    @property
    def low(self) -> int:
        """Bytes that the run writes at least."""
        return sum(max(0, f.low - f.written) for f in self.features if not f.done)

    @property
    def high(self) -> int:
        """Bytes that the run writes at most."""
        return sum(max(0, f.high - f.written) for f in self.features if not f.done)


def frame_bytes(feature: Feature) -> int:
    """Bytes of one stored frame.

    Parameters
    ----------
    feature : Feature

    Returns
    -------
    int
    """
    return _frame_values(feature) * int(np.dtype(feature.dtype).itemsize)


def _frame_values(feature: Feature) -> int:
    return feature.bins * (feature.channels or 1) * (2 if feature.is_complex else 1)


def _row_bytes(feature: Feature) -> int:
    """Bytes of a clip's row in a shard's tables: mean and m2 in double precision, and its texts."""
    return 16 * _frame_values(feature) + 700


def clip_seconds(dataset: Dataset) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], float]:
    """Length of every clip, from the metadata or from the headers of a sample of files.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    seconds : ndarray of float64, shape (clips,)
        Unknown ones hold the mean of the sample, or the corpus's nominal length.
    error : float, seconds
        Standard error of that mean; 0 when every length is known.
    """
    table = dataset.clips
    factor = stretch(table)
    seconds = (table["end"] - table["start"]).fillna(table["seconds"]).to_numpy(np.float64, copy=True)
    unknown = np.flatnonzero(np.isnan(seconds))
    if len(unknown) == 0:
        return seconds * factor, 0.0
    chosen = np.random.default_rng(0).choice(unknown, min(_SAMPLE, len(unknown)), replace=False)
    measured = [length for i in chosen if (length := _header_seconds(dataset.root / table["path"].iloc[i])) is not None]
    if not measured:
        seconds[unknown] = dataset.nominal_seconds
        return seconds * factor, dataset.nominal_seconds / 2
    seconds[unknown] = np.mean(measured)
    spread = np.std(measured, ddof=1) if len(measured) > 1 else dataset.nominal_seconds / 2
    return seconds * factor, float(spread / np.sqrt(len(measured)))


def _header_seconds(path: Path) -> float | None:
    import soundfile

    try:
        with quiet_stderr():
            info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError):
        return None
    return float(info.frames / info.samplerate) if info.samplerate else None


def forecast(
    dataset: Dataset, features: tuple[Feature, ...], store: Path, done: frozenset[str] = frozenset()
) -> Forecast:
    """Forecast what preprocessing a corpus will write.

    Parameters
    ----------
    dataset : Dataset
    features : tuple of Feature
    store : Path
        Where the store is or will be.
    done : frozenset of str
        Ids of the features that it has already.

    Returns
    -------
    Forecast
    """
    seconds, error = clip_seconds(dataset)
    good = dataset.clips["known_bad"].isna().to_numpy()
    seconds = seconds[good]
    margin = _SIGMAS * error / max(float(seconds.mean()) if len(seconds) else 1.0, 1e-9)
    median = float(np.median(seconds)) if len(seconds) else dataset.nominal_seconds
    rows = []
    for feature in features:
        lengths, counts = np.unique(np.round(seconds * feature.sr).astype(np.int64), return_counts=True)
        frames = sum(num_frames(feature, int(n)) * int(c) for n, c in zip(lengths, counts, strict=True))
        size = frames * frame_bytes(feature) + len(seconds) * _row_bytes(feature)
        rows.append(
            FeatureForecast(
                feature,
                num_frames(feature, round(median * feature.sr)),
                int(size * max(0.0, 1 - margin)),
                int(size * (1 + margin)),
                feature.id in done,
                _written_bytes(store / feature.id),
            )
        )
    return Forecast(
        len(dataset.clips),
        float(seconds.sum()),
        tuple(rows),
        _free_bytes(store),
        median_seconds=median,
    )


def _written_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("shard-*") if SHARD_FILE.fullmatch(file.name))


def _free_bytes(path: Path) -> int:
    existing = path.absolute()
    while not existing.exists():
        existing = existing.parent
    return shutil.disk_usage(existing).free
