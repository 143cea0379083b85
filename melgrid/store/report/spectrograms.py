"""The same clips in every setting, side by side, with seconds, hertz and a bar of colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from melgrid.params import Waveform
from melgrid.store.feature_set import FeatureSet
from melgrid.store.report.charts import WIDTH, Plot, colour_bar, envelope, short
from melgrid.store.report.image import CYCLIC, RISING, data_url
from melgrid.store.report.scales import Scale, bin_ticks, in_hertz, number
from melgrid.store.shards.encoding import decode
from melgrid.store.store import Store
from melgrid.transforms import frequencies

__all__ = ["Gallery", "Layout", "galleries", "layout"]

SECONDS = 5.0  # of each clip: long enough to know it, short enough to see single frames
PIXELS = 2_000_000  # of all pictures together: a byte each, four thirds as text, before compression
MOST_FEATURES = 64
RANGE_DB = 80.0
Values = NDArray[Any]


@dataclass(frozen=True)
class Gallery:
    """One clip in every setting.

    Attributes
    ----------
    clip_id, label : str
    pictures : tuple of (setting, svg or None)
        None where the clip has no features.
    """

    clip_id: str
    label: str
    pictures: tuple[tuple[str, Markup | None], ...]


@dataclass(frozen=True)
class Layout:
    """How many clips are shown, and how fine their pictures may be, so that the page stays small."""

    clips: int
    columns: int
    rows: int


def layout(features: int) -> Layout:
    """Share out the room for pictures among some feature sets."""
    features = max(1, min(features, MOST_FEATURES))
    clips = 4 if features <= 12 else 3 if features <= 24 else 2
    each = PIXELS / (features * clips)
    columns = int(min(440, (each * 2.2) ** 0.5))
    return Layout(clips, columns, int(min(256, each / columns)))


def galleries(store: Store, chosen: list[tuple[str, FeatureSet]]) -> list[Gallery]:
    """Draw some clips, of different classes where there are any, in every setting.

    Parameters
    ----------
    store : Store
    chosen : list of (setting, FeatureSet)

    Returns
    -------
    list of Gallery, empty where no clip has features
    """
    plan = layout(len(chosen))
    found = []
    for clip_id, label in _clips(store, [features for _, features in chosen], plan.clips):
        pictures = tuple(
            (name, picture(features, clip_id, name, plan) if _has_frames(features, clip_id) else None)
            for name, features in chosen
        )
        found.append(Gallery(clip_id, label, pictures))
    return found


def _has_frames(features: FeatureSet, clip_id: str) -> bool:
    return clip_id in features and bool(features.lengths[features.row(clip_id)])


def _clips(store: Store, features: list[FeatureSet], count: int) -> list[tuple[str, str]]:
    """Choose clips that most settings have, long ones of different classes first; store order is random enough."""
    if not features or not max(len(f) for f in features):
        return []
    richest = max(features, key=len)
    common = richest.clip_rows
    for other in features:
        both = np.intersect1d(common, other.clip_rows)
        common = both if len(both) else common
    labels = _labels(store)
    usual = float(np.median(richest.lengths))
    lengths = dict(zip(richest.clip_rows.tolist(), richest.lengths.tolist(), strict=True))
    places = [place for place in common.tolist() if lengths[place] > 0]
    places.sort(key=lambda place: lengths[place] < 0.9 * usual)
    seen: dict[str, list[tuple[int, int, int]]] = {}
    for order, place in enumerate(places):
        members = seen.setdefault(labels(place), [])
        if len(members) < count:
            members.append((len(members), order, place))
    ranked = sorted(entry for members in seen.values() for entry in members)
    return [(str(store.table.ids[place]), labels(place)) for _, _, place in ranked[:count]]


def _labels(store: Store) -> Any:
    table, classes = store.table, store.about.classes

    def text(place: int) -> str:
        own = table.label_values[table.label_offset[place] : table.label_offset[place + 1]]
        return ", ".join(classes[label] for label in own[:4]) + (" …" if len(own) > 4 else "")

    return text


def picture(features: FeatureSet, clip_id: str, name: str, plan: Layout) -> Markup:
    """Draw the middle of one clip as one setting sees it."""
    feature = features.feature
    values, start = _middle(features, clip_id)
    seconds = start, start + max(len(values), 1) * feature.hop_seconds
    alt = f"{name}: clip {short(clip_id, 60)} from {seconds[0]:.2f} to {seconds[1]:.2f} s"
    if feature.bins == 1 and not feature.is_complex:
        low, high = (_pooled(values, f, plan.columns)[:, 0] for f in (np.minimum, np.maximum))
        what = ("amplitude", "Waveform") if isinstance(feature, Waveform) else ("value", "Curve")
        return envelope(low, high, seconds, what[0], f"{what[1]}, {alt}")
    shown, low_value, high_value, unit, stops = _displayed(values, features)
    shown = _averaged(_averaged(shown, plan.columns).T, plan.rows)
    url = data_url(shown, low_value, high_value, stops)
    hertz = frequencies(feature)
    x, y = Scale(*seconds, 40, WIDTH - 58), Scale(0, feature.bins, 172, 26)
    plot = Plot(x, y, 208)
    plot.draw(
        '<image x="{x}" y="{y}" width="{w}" height="{h}" preserveAspectRatio="none" href="{u}"/>',
        x=x.start, y=y.stop, w=x.stop - x.start, h=y.start - y.stop, u=url,
    )  # fmt: skip
    is_hertz = in_hertz(feature, hertz)
    plot.axes(x.ticks(5), bin_ticks(feature, hertz, y, 14), "seconds", "Hz" if is_hertz else "bin", grid=False)
    colour_bar(plot, low_value, high_value, unit, "cyclic" if stops is CYCLIC else "rising")
    bins = f"{number(hertz[0])} to {number(hertz[-1])} Hz" if is_hertz else f"{feature.bins} bins"
    return plot.svg(f"Spectrogram, {alt}; {bins}; {number(low_value)} to {number(high_value)} {unit}")


def _middle(features: FeatureSet, clip_id: str) -> tuple[Values, float]:
    """Read the middle of a clip; return it and the second at which it starts."""
    hop, row = features.feature.hop_seconds, features.row(clip_id)
    length = int(features.lengths[row])
    count = min(length, max(1, round(SECONDS / hop)))
    start = (length - count) // 2
    out = np.zeros((1, count, *features.frame_shape), features.dtype)
    features.read(np.array([row]), np.array([start]), np.array([count]), out)
    values = decode(out[0], features.feature)
    if features.feature.channels is not None:
        values = values[..., 0]
    return values, start * hop


def _displayed(values: Values, features: FeatureSet) -> tuple[Values, float, float, str, NDArray[np.float64]]:
    """Turn values into what colours stand for: array, lowest, highest, unit, colours."""
    feature = features.feature
    if feature.unit == "rad":
        return values, -np.pi, np.pi, "rad", CYCLIC
    if feature.is_complex:
        size = np.abs(values)
        peak = float(size.max(initial=0.0)) or 1.0
        return 20 * np.log10(np.maximum(size, 1e-6 * peak) / peak), -RANGE_DB, 0.0, "dB below the peak", RISING
    finite = values[np.isfinite(values)]
    if not finite.size:
        return values, 0.0, 1.0, feature.unit, RISING
    if feature.is_log:
        low, high = float(finite.min()), float(finite.max())
        if feature.unit == "dB":
            low = max(low, high - RANGE_DB)
    else:
        low, high = (float(v) for v in np.quantile(finite, [0.0, 0.995] if finite.min() >= 0 else [0.02, 0.98]))
        high = high if high > low else float(finite.max())
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return values, low, high, "linear" if feature.unit == "1" else feature.unit, RISING


def _averaged(values: Values, most: int) -> Values:
    """Average neighbours along the first axis until at most `most` rows are left."""
    if len(values) <= most:
        return values
    edges = np.linspace(0, len(values), most + 1).astype(int)
    sums = np.add.reduceat(np.nan_to_num(values, posinf=0, neginf=0), edges[:-1], axis=0, dtype=np.float64)
    return np.asarray(sums / np.diff(edges)[:, None])


def _pooled(values: Values, pool: np.ufunc, most: int) -> Values:
    values = np.nan_to_num(values).astype(np.float64).reshape(len(values), -1)
    if len(values) <= most:
        return values
    return np.asarray(pool.reduceat(values, np.linspace(0, len(values), most + 1).astype(int)[:-1], axis=0))
