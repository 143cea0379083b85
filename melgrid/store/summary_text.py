"""The summaries of `melgrid.store.inspect` as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["failures_text", "feature_text", "size", "store_text"]

FIRST_CLASSES = 12


def store_text(summary: Mapping[str, Any]) -> str:
    """Write a store's summary as text.

    Parameters
    ----------
    summary : mapping
        From `store_summary`.

    Returns
    -------
    str
    """
    labels = summary["labels"]
    shown = [f"{name} {count}" for name, count in list(labels.items())[:FIRST_CLASSES]]
    if len(labels) > FIRST_CLASSES:
        shown.append(f"and {len(labels) - FIRST_CLASSES} more")
    reasons = ", ".join(f"{code} {count}" for code, count in summary["reasons"].items())
    lines = _pairs(
        {
            "store": summary["path"],
            "dataset": summary["dataset"] + _listed(summary["options"]),
            "clips": f"{summary['clips']}, of which {summary['failed']} failed" + (f" ({reasons})" if reasons else ""),
            "classes": f"{len(labels)} ({summary['task']}): {', '.join(shown)}" if labels else "none",
            "splits": "; ".join(f"{name} {values}" for name, values in summary["splits"].items()) or "none",
            "versions": ", ".join(f"{name} {version}" for name, version in summary["versions"].items()),
            "size": size(summary["bytes"]),
        }
    )
    head = ("feature set", "bins", "hop", "type", "unit", "clips", "frames", "size", "shards", "worst error")
    rows = [
        (
            facts["id"] + (" (mixed)" if facts["mixed"] else ""),
            str(facts["bins"]),
            f"{1000 * facts['hop_seconds']:.4g} ms",
            facts["dtype"],
            facts["unit"],
            str(facts["clips"]),
            str(facts["frames"]),
            size(facts["bytes"]),
            str(facts["files"]),
            f"{facts['worst_error']:.2g}",
        )
        for facts in summary["features"]
    ]
    return "\n".join([*lines, "", *(_columns([head, *rows]) if rows else ["no feature sets yet"])])


def feature_text(summary: Mapping[str, Any]) -> str:
    """Write a feature set's summary as text.

    Parameters
    ----------
    summary : mapping
        From `feature_summary`.

    Returns
    -------
    str
    """
    shape = ", ".join(["frames", *map(str, summary["frame_shape"])])
    mean = "none" if summary["mean"] is None else f"mean {summary['mean']:.4g}, std {summary['std']:.4g}"
    pairs = {
        "feature set": summary["id"],
        "parameters": ", ".join(f"{name}={value!r}" for name, value in summary["parameters"].items()),
        "array": f"({shape}) {summary['dtype']} in {summary['unit']}",
        "clips": f"{summary['clips']}, and {summary['failed']} failed",
        "frames": f"{summary['frames']} of {1000 * summary['hop_seconds']:.4g} ms, {summary['hours']:.3g} h; "
        f"a clip has {summary['shortest']} to {summary['longest']}, median {summary['median']:g}",
        "values": mean,
        "cast": f"worst error {summary['worst_error']:.2g}, mean {summary['mean_error']:.2g} {summary['unit']}, "
        f"{summary['saturated']} saturated, {summary['non_finite']} not finite",
        "size": f"{size(summary['bytes'])} in {summary['files']} shards",
    }
    if summary["mixed"]:
        pairs["mixed"] = "; ".join(f"{name}{_listed(values)}" for name, values in summary["mixed"].items())
    return "\n".join(_pairs(pairs))


def failures_text(found: Sequence[Mapping[str, Any]]) -> str:
    """Write a list of failures as text.

    Parameters
    ----------
    found : sequence of mapping
        From `failures`.

    Returns
    -------
    str
    """
    if not found:
        return "no clip failed"
    rows = [(f["clip_id"], f["code"], f["words"], f["path"] or "") for f in found]
    return "\n".join(_columns([("clip", "reason", "words", "path"), *rows]))


def _pairs(pairs: Mapping[str, str]) -> list[str]:
    width = max(map(len, pairs))
    return [f"{name:<{width}}  {value}" for name, value in pairs.items()]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _listed(values: Mapping[str, Any]) -> str:
    return " (" + ", ".join(f"{name}={value}" for name, value in values.items()) + ")" if values else ""


def size(count: float) -> str:
    """Bytes for a reader, e.g. ``1.4 GB``.

    Parameters
    ----------
    count : float, bytes

    Returns
    -------
    str
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"
