"""How the values of a feature are spread: linear against logarithmic, and bin by bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from melgrid.params import Chroma, Mfcc, Waveform
from melgrid.store.feature_set import FeatureSet
from melgrid.store.report.charts import WIDTH, Plot, histogram
from melgrid.store.report.scales import Scale, bin_ticks, in_hertz, number
from melgrid.store.selection import Selection
from melgrid.store.shards.encoding import decode
from melgrid.transforms import frequencies

__all__ = ["Spread", "spread"]

CLIPS, FRAMES = 60, 40  # of each feature set, for the histograms
MOST_VALUES = 400_000
STATISTICS_CLIPS = 2000  # clips are dealt at random, so the first are a fair sample
POINTS = 160
FLOOR = 1e-12  # below the peak, where a logarithm is taken
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Pictures of one setting's values.

    Attributes
    ----------
    setting : str
    pictures : tuple of (caption, svg)
        Linear and logarithmic, or the one that makes sense.
    finding : str
        What the pictures show, in words.
    bins : Markup or None
        Mean and standard deviation of each bin; None for a waveform.
    """

    setting: str
    pictures: tuple[tuple[str, Markup], ...]
    finding: str
    bins: Markup | None


def spread(setting: str, features: FeatureSet) -> Spread | None:
    """Draw the values of a feature set; None when it has no frames.

    Parameters
    ----------
    setting : str
        Its name on the page.
    features : FeatureSet

    Returns
    -------
    Spread or None
    """
    values = _sample(features)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    selection = Selection(features, np.arange(min(len(features), STATISTICS_CLIPS)))
    bins = _bins(setting, selection) if features.feature.bins > 1 else None
    pair = _both(values, features)
    if pair is None:
        label = {"1": "value", "rad": "phase, rad"}.get(features.feature.unit, features.feature.unit)
        picture = histogram(values, x_label=label, alt=f"{setting}: distribution of the stored values")
        return Spread(setting, (("as stored", picture),), "", bins)
    linear, decibel, unit, stored_log = pair
    pictures = (
        (
            f"X, linear{'' if stored_log else ' (as stored)'}",
            histogram(
                linear,
                x_label="linear value",
                alt=f"{setting}: distribution of linear values",
                highlight=not stored_log,
            ),
        ),
        (
            f"log X{' (as stored)' if stored_log else ''}",
            histogram(
                decibel, x_label=unit, alt=f"{setting}: distribution of logarithmic values", highlight=stored_log
            ),
        ),
    )
    finding = (
        f"Half of all linear values lie in the lowest {_percent(linear)} of their range; "
        f"on the logarithmic scale the lowest half fills {_percent(decibel)} of it."
    )
    return Spread(setting, pictures, finding, bins)


def _percent(values: Floats) -> str:
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    share = 100 * (middle - low) / ((high - low) or 1.0)
    return f"{share:.0f} %" if share >= 10 else f"{share:.2g} %" if share >= 0.001 else "thousandth of a percent"


def _sample(features: FeatureSet) -> Floats:
    """Read runs of frames from clips all over the store; complex values by their size."""
    with_frames = np.flatnonzero(features.lengths)
    if not len(with_frames):
        return np.zeros(0)
    rows = with_frames[np.unique(np.linspace(0, len(with_frames) - 1, CLIPS).astype(int))]
    lengths = features.lengths[rows]
    width = int(np.prod(features.frame_shape))
    most = int(min(max(FRAMES, 4000 // width), max(1, MOST_VALUES // (width * len(rows)))))
    counts = np.minimum(lengths, most)
    starts = ((lengths - counts) * (np.arange(len(rows)) % 5)) // 4  # from the beginning, the end and between
    out = np.zeros((len(rows), int(counts.max()), *features.frame_shape), features.dtype)
    features.read(rows, starts, counts, out)
    parts = [decode(out[i, :count], features.feature).ravel() for i, count in enumerate(counts)]
    values = np.concatenate(parts)
    return np.asarray(np.abs(values) if features.feature.is_complex else values, np.float64)


def _both(values: Floats, features: FeatureSet) -> tuple[Floats, Floats, str, bool] | None:
    """Return values as linear and as logarithmic ones, the latter's unit, and whether it is what is stored."""
    feature: Any = features.feature
    if feature.unit == "rad" or isinstance(feature, (Mfcc, Chroma, Waveform)):
        return None
    if feature.is_log:
        linear = _linear(values, feature)
        return None if linear is None else (linear, values, feature.unit, True)
    if values.min() < 0 or not values.max() > 0:
        return None
    factor = 10 if feature.is_power else 20
    return values, factor * np.log10(np.maximum(values, FLOOR * values.max())), "dB", False


def _linear(values: Floats, feature: Any) -> Floats | None:
    """Undo a logarithm; None for a scale that is not known here."""
    scale = getattr(feature, "log", "db" if feature.unit == "dB" else None)
    if scale == "log1p":
        return np.asarray((10.0**values - 1) / feature.scale_by)
    if scale == "ln":
        return np.exp(np.minimum(values, 80.0))
    factors = {"db": 20 / getattr(feature, "power", 1.0), "10log10": 10.0, "log10": 1.0}
    if scale not in factors:
        return None
    return np.asarray(10.0 ** np.minimum(values / factors[scale], 35.0))


def _bins(setting: str, selection: Selection) -> Markup:
    """Draw mean and standard deviation of each bin over frequency."""
    feature = selection.feature_set.feature
    statistics = selection.statistics(axis="bin")
    mean, std = statistics.mean, statistics.std
    if feature.channels is not None:
        mean, std = mean[:, 0], std[:, 0]
    if feature.is_complex:  # around zero: how large the values are says more
        mean, std = np.hypot(np.abs(mean), std), np.zeros_like(std)
    bottom, top = mean - std, mean + std
    if not feature.is_log and feature.unit == "1" and mean.min() >= 0:
        bottom = np.maximum(bottom, 0.0)
    low, high = float(bottom.min()), float(top.max())
    if not np.isfinite([low, high]).all() or not high > low:
        low, high = -1.0, 1.0
    hertz = frequencies(feature)
    keep = np.unique(np.linspace(0, feature.bins - 1, POINTS).astype(int))
    plot = Plot(Scale(0, feature.bins, 46, WIDTH - 12), Scale(low, high, 136, 26), 172)
    label = "Hz" if in_hertz(feature, hertz) else "bin"
    unit = "root mean square" if feature.is_complex else "linear" if feature.unit == "1" else feature.unit
    plot.axes(bin_ticks(feature, hertz, plot.x, 34), plot.y.ticks(4), label, unit)
    centres = keep + 0.5
    plot.area(centres, bottom[keep], top[keep], "band")
    plot.line(centres, mean[keep], "line")
    return plot.svg(
        f"{setting}: mean of each bin between {number(mean.min())} and {number(mean.max())} {unit}, "
        f"standard deviation {number(std.min())} to {number(std.max())}"
    )
