"""Stores and feature sets as small HTML tables, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from melgrid.store.views.summary_text import size, span

if TYPE_CHECKING:
    from melgrid.store.feature_set import FeatureSet
    from melgrid.store.store import Store

__all__ = ["feature_set_html", "store_html"]

MOST_ROWS = 20


def store_html(store: Store) -> str:
    """Write a store as HTML: what it is of, and its first feature sets.

    Parameters
    ----------
    store : Store

    Returns
    -------
    str
    """
    from melgrid.store.compare.settings import labels

    about = store.about
    status = store.table.column("status")
    failed = int((status == "failed").sum())
    line = f"{len(store.table):,} clips ({failed:,} failed), {len(about.classes):,} classes, {len(store)} feature sets"
    shown = [store[feature_id] for feature_id in store.ids[:MOST_ROWS]]
    names = labels([features.feature for features in shown])
    rows = [
        (
            name,
            str(features.feature.bins),
            f"{1000 * features.feature.hop_seconds:.4g} ms",
            features.dtype.name,
            size(sum(shard.bytes for shard in features.record.shards)),
            features.id,
        )
        for features, name in zip(shown, names, strict=True)
    ]
    left = len(store) - len(shown)
    return (
        f"<div><strong>Store {_text(about.dataset)}</strong> <code>{_text(store.path)}</code><br>{_text(line)}"
        + (_table(("setting", "bins", "hop", "type", "size", "id"), rows) if rows else "")
        + (f"and {left} more: <code>store.to_dataframe()</code>" if left > 0 else "")
        + "</div>"
    )


def feature_set_html(features: FeatureSet) -> str:
    """Write a feature set as HTML: its array, its clips and its parameters.

    Parameters
    ----------
    features : FeatureSet

    Returns
    -------
    str
    """
    from melgrid.store.compare.settings import parameters

    feature, shards = features.feature, features.record.shards
    frames = sum(shard.frames for shard in shards)
    shape = ", ".join(["frames", *map(str, features.frame_shape)])
    rows = [
        ("array", f"({shape}) {features.dtype.name}, unit {feature.unit}"),
        ("clips", f"{sum(s.clips - s.failed for s in shards):,} ({sum(s.failed for s in shards):,} failed)"),
        ("frames", f"{frames:,} of {1000 * feature.hop_seconds:.4g} ms: {span(frames * feature.hop_seconds)}"),
        ("size", f"{size(sum(s.bytes for s in shards))} in {len(shards)} shards"),
        ("parameters", ", ".join(f"{name}={value}" for name, value in parameters(feature).items())),
    ]
    return f"<div><strong>FeatureSet</strong> <code>{_text(features.id)}</code>{_table((), rows)}</div>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return "<table>" + (f"<thead><tr>{top}</tr></thead>" if head else "") + f"<tbody>{body}</tbody></table>"


def _text(value: object) -> str:
    return escape(str(value)[:2000])
