"""The table of all settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from melgrid.params import Feature
from melgrid.store.compare import Comparison
from melgrid.store.compare.settings import differing, parameters, telling
from melgrid.store.feature_set import FeatureSet
from melgrid.store.views.summary_text import size, span

__all__ = ["Cell", "Table", "grid_table"]

MOST_ROWS = 1000
MOST_PARAMETERS = 12
TEXT = 60


@dataclass(frozen=True)
class Cell:
    """What stands in a table, and the number by which it sorts (None for text)."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """Head, rows, and what all rows have in common."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    common: dict[str, Any]
    left_out: int


def grid_table(features: list[FeatureSet], seconds: dict[str, float], found: Comparison | None) -> Table:
    """Make a table with a row per feature set and a column per parameter that differs.

    Parameters
    ----------
    features : list of FeatureSet
    seconds : dict of str to float
        Computing time by id, as far as known.
    found : Comparison or None
        Adds a column with the metric.

    Returns
    -------
    Table
    """
    varying = _columns([f.feature for f in features])
    metric = {o.id: o for o in found.outcomes} if found else {}
    measured, timed = ((found.metric,) if found else ()), (("computing",) if seconds else ())
    head = ("kind", *measured, *varying, "bins", "hop", "type", "clips", "size", "rounding", *timed, "id")
    rows = []
    for one in features[:MOST_ROWS]:
        feature, shards = one.feature, one.record.shards
        table = parameters(feature)
        total = sum(shard.bytes for shard in shards)
        clips = sum(shard.clips - shard.failed for shard in shards)
        cells = [Cell(feature.kind)]
        if found:
            own = metric.get(feature.id)
            cells.append(Cell("", None) if own is None else Cell(f"{own.mean:.4g}", own.mean))
        cells += [_cell(table.get(parameter)) for parameter in varying]
        cells += [
            Cell(" × ".join(map(str, one.frame_shape)), float(feature.bins)),
            Cell(f"{1000 * feature.hop_seconds:.4g} ms", feature.hop_seconds),
            Cell(feature.dtype),
            Cell(f"{clips:,}", clips),
            Cell(size(total), total),
            Cell(f"{(worst := max((s.worst_error for s in shards), default=0.0)):.2g}", worst),
        ]
        if seconds:
            own_seconds = seconds.get(feature.id)
            cells.append(Cell("") if own_seconds is None else Cell(span(own_seconds), own_seconds))
        rows.append((*cells, Cell(feature.id)))
    tables = [parameters(f.feature) for f in features]
    common = {k: v for k, v in tables[0].items() if all(t.get(k) == v for t in tables)} if tables else {}
    return Table(head, tuple(rows), common, max(0, len(features) - MOST_ROWS))


def _columns(features: list[Feature]) -> list[str]:
    """Parameters that tell feature sets apart, in the order of the models' fields."""
    kinds = {feature.kind: [f for f in features if f.kind == feature.kind] for feature in features}
    wanted = {name for members in kinds.values() for name in telling(members)} - {"dtype"}
    every = differing(features)
    if "sr" in every:
        wanted.add("sr")
    return [name for name in every if name in wanted][:MOST_PARAMETERS]


def _cell(value: Any) -> Cell:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Cell(f"{value:g}", float(value))
    return Cell("" if value is None else str(value)[:TEXT])
