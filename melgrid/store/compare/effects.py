"""What each parameter of a grid does to a number, all others being equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from melgrid.params import Feature
from melgrid.store.compare.settings import differing, parameters, telling

__all__ = ["Effect", "Level", "effects"]


@dataclass(frozen=True)
class Level:
    """One value of a parameter.

    Attributes
    ----------
    value : number, str, bool or None
        None where the parameter is not applied.
    mean : float
        Of the metric.
    wins : int
        Matched groups in which this value is the best; ties count for each, unless all values of the group are equal.
    settings : int
        Feature sets behind the mean.
    bytes, seconds : float or None
        Mean cost; seconds of computing, where known of all.
    """

    value: Any
    mean: float
    wins: int
    settings: int
    bytes: float
    seconds: float | None


@dataclass(frozen=True)
class Effect:
    """What a parameter does.

    Attributes
    ----------
    kind : str
        Of the features that are compared.
    parameter : str
    also : tuple of str
        Parameters that change with it and cannot be told apart from it here.
    groups : int
        Matched groups: settings that differ in this parameter only and have all of its values. Means are over these.
        0 where the grid has none; then means are over all settings, and other parameters may be behind a difference.
    levels : tuple of Level
        In ascending order of value.
    """

    kind: str
    parameter: str
    also: tuple[str, ...]
    groups: int
    levels: tuple[Level, ...]

    @property
    def spread(self) -> float:
        """Difference between the best and the worst mean."""
        means = [level.mean for level in self.levels]
        return max(means) - min(means)


@dataclass(frozen=True)
class _Point:
    values: dict[str, Any]
    metric: float
    bytes: int
    seconds: float | None


def effects(
    features: Sequence[Feature],
    metric: Mapping[str, float],
    size: Mapping[str, int],
    seconds: Mapping[str, float],
    lower: bool,
) -> tuple[Effect, ...]:
    """Compare the values of each parameter that varies within a kind.

    A mean over everything with ``n_fft=512`` and one over everything with ``n_fft=1024`` can only be compared when the
    rest of the settings is the same in both. So settings are put into groups that agree in all other parameters, and
    only groups that have every value count.

    Parameters
    ----------
    features : sequence of Feature
    metric, size, seconds : mapping of feature id to number
        Seconds may lack some.
    lower : bool
        Lower is better.

    Returns
    -------
    tuple of Effect
        By kind; within a kind the largest effect first.
    """
    found: list[Effect] = []
    for kind, group in groupby(sorted(features, key=lambda f: (f.kind, f.id)), key=lambda f: f.kind):
        members = list(group)
        names = differing(members)
        tables = [parameters(feature) for feature in members]
        points = [
            _Point({n: table.get(n) for n in names}, metric[f.id], size[f.id], seconds.get(f.id))
            for f, table in zip(members, tables, strict=True)
        ]
        factors = telling(members)
        own = [_effect(kind, name, also, points, list(factors), lower) for name, also in factors.items()]
        found += sorted(own, key=lambda effect: -effect.spread)
    return tuple(found)


def _effect(
    kind: str, name: str, also: tuple[str, ...], points: Sequence[_Point], factors: Sequence[str], lower: bool
) -> Effect:
    values = sorted({p.values[name] for p in points}, key=_order)
    groups: dict[str, list[_Point]] = {}
    for point in points:
        groups.setdefault(repr([point.values[other] for other in factors if other != name]), []).append(point)
    matched = [group for group in groups.values() if {p.values[name] for p in group} == set(values)]
    chosen = [point for group in matched for point in group] or list(points)
    wins: list[Any] = []
    for group in matched:
        metrics = [point.metric for point in group]
        best = min(metrics) if lower else max(metrics)
        if min(metrics) < max(metrics):
            wins += [point.values[name] for point in group if point.metric == best]
    levels = []
    for value in values:
        own = [point for point in chosen if point.values[name] == value]
        known = [point.seconds for point in own if point.seconds is not None]
        levels.append(
            Level(
                value=value,
                mean=_mean(point.metric for point in own),
                wins=wins.count(value),
                settings=len(own),
                bytes=_mean(point.bytes for point in own),
                seconds=_mean(known) if len(known) == len(own) else None,
            )
        )
    return Effect(kind, name, also, len(matched), tuple(levels))


def _order(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    return (2, value) if isinstance(value, str) else (1, value)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)
