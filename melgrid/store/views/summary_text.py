"""The summaries of `melgrid.store.views.inspect` as text for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from melgrid.params.messages import counted

__all__ = ["columns", "failures_text", "feature_text", "size", "span", "store_text", "wrapped"]

FIRST_CLASSES = 12
WIDTH = 80


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
    reasons = ", ".join(f"{code} {count}" for code, count in summary["reasons"].items())
    lines = _pairs(
        {
            "store": summary["path"],
            "dataset": summary["dataset"] + _listed(summary["options"]),
            "clips": f"{summary['clips']}, of which {summary['failed']} failed"
            + (f" ({reasons})" if reasons else "")
            + (f"; {summary['variants']} are variants of others" if summary["variants"] else ""),
            "length": _lengths(summary["durations"], summary["clips"]),
            "files": _formats(summary["formats"]),
            "classes": f"{len(labels)} ({summary['task']})" if labels else "none",
            "versions": ", ".join(f"{name} {version}" for name, version in summary["versions"].items()) or "none",
            "size": f"{size(summary['bytes'])} in {counted(len(summary['features']), 'feature set')}",
        }
    )
    for name, parts in summary["balance"].items():
        lines += ["", *_balance(name, parts, labels)]
    if not summary["balance"] and labels:
        lines += ["", *columns([("class", "clips"), *((n, str(c)) for n, c in _first(labels).items())]), *_more(labels)]
    head = ("feature set", "bins", "type", "size")  # ids tell the hop and take most of 80 columns
    rows = [
        (
            facts["id"] + (" (mixed)" if facts["mixed"] else ""),
            str(facts["bins"]),
            facts["dtype"],
            size(facts["bytes"]),
        )
        for facts in summary["features"]
    ]
    lines += ["", *(columns([head, *rows]) if rows else ["no feature sets yet"])]
    if summary["unfinished"]:
        done = [(name, f"{clips} of {summary['clips']}") for name, clips in summary["unfinished"].items()]
        again = "The same melgrid preprocess again computes only what is missing of these."
        lines += ["", *columns([("not finished", "clips done"), *done]), *wrapped(again)]
    return "\n".join(lines)


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
        "frames": f"{summary['frames']} of {1000 * summary['hop_seconds']:.4g} ms, {span(3600 * summary['hours'])}; "
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
    """Write a list of failures as text, by reason.

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
    codes: dict[str, list[Mapping[str, Any]]] = {}
    for failure in found:
        codes.setdefault(failure["code"], []).append(failure)
    lines: list[str] = []
    for code, members in sorted(codes.items(), key=lambda item: (-len(item[1]), item[0])):
        lines += [f"{code}: {len(members)}"]
        for failure in members:
            named = failure["clip_id"] + (
                f" ({path})" if (path := failure["path"]) not in (None, failure["clip_id"]) else ""
            )
            lines += wrapped(f"  {named}: {failure['words']}" if failure["words"] else f"  {named}", "    ")
    return "\n".join(lines)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out rows as columns; those whose cells below the head are all numbers go to the right.

    Parameters
    ----------
    rows : sequence of sequence of str
        Head first.

    Returns
    -------
    list of str
    """
    sides = [
        ">" if len(rows) > 1 and all(row[i][:1].isdigit() or row[i] in ("", "-") for row in rows[1:]) else "<"
        for i in range(len(rows[0]))
    ]
    sides[0] = "<"
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(f"{c:{s}{w}}" for c, s, w in zip(row, sides, widths, strict=True)).rstrip() for row in rows]


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
        if count < 999.5:  # which three digits show as 1000
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"


def span(seconds: float) -> str:
    """Seconds for a reader in one unit, e.g. ``5.71 min``.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str
    """
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    hours = seconds / 3600
    return f"{hours:.4g} h" if hours < 1000 else f"{hours:,.0f} h"


def _balance(name: str, parts: Mapping[str, Any], labels: Mapping[str, int]) -> list[str]:
    head = [f"class, {name}", *parts, "all"]
    rows = [
        [label, *(str(part["labels"][label]) for part in parts.values()), str(count)]
        for label, count in _first(labels).items()
    ]
    clips = [part["clips"] for part in parts.values()]
    return [*columns([head, *rows, ["clips", *map(str, clips), str(sum(clips))]]), *_more(labels)]


def _first(labels: Mapping[str, int]) -> dict[str, int]:
    return dict(list(labels.items())[:FIRST_CLASSES])


def _more(labels: Mapping[str, int]) -> list[str]:
    return [f"and {len(labels) - FIRST_CLASSES} more classes"] if len(labels) > FIRST_CLASSES else []


def _lengths(facts: Mapping[str, float], clips: int) -> str:
    if not facts["known"]:
        return "not known"
    text = (
        f"{span(3600 * facts['hours'])}; {span(facts['shortest'])} to {span(facts['longest'])}, "
        f"median {span(facts['median'])}"
    )
    return text if facts["known"] == clips else f"{text} ({facts['known']} clips known)"


def _formats(found: Sequence[Mapping[str, int]]) -> str:
    shown = [f"{f['clips']} of {f['sr']} Hz, {f['channels']} ch" for f in found[:4]]
    return "; ".join(shown + ([f"{len(found) - 4} more formats"] if len(found) > 4 else [])) or "not known"


def _pairs(pairs: Mapping[str, str]) -> list[str]:
    width = max(map(len, pairs))
    return [line for name, value in pairs.items() for line in wrapped(f"{name:<{width}}  {value}", " " * (width + 2))]


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """Break a text into lines for a terminal; later ones begin with `indent`."""
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _listed(values: Mapping[str, Any]) -> str:
    return " (" + ", ".join(f"{name}={value}" for name, value in values.items()) + ")" if values else ""
