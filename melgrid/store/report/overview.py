"""The corpus in pictures: classes, splits, lengths, formats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from melgrid.store.report.charts import bars, histogram
from melgrid.store.store import Store
from melgrid.store.views.corpus import Balance, balances, durations, formats, label_counts
from melgrid.store.views.summary_text import span

__all__ = ["Card", "overview"]

MOST_BARS = 20
MOST_FORMATS = 8
NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Card:
    """A picture with a title, and a sentence below it."""

    title: str
    picture: Markup
    text: str


def overview(store: Store) -> list[Card]:
    """Draw what is known of a store's clips.

    Parameters
    ----------
    store : Store

    Returns
    -------
    list of Card
    """
    found = balances(store)
    return [*_classes(store, found), *(_parts(balance) for balance in found), *_lengths(store), *_formats(store)]


def _classes(store: Store, found: list[Balance]) -> list[Card]:
    counts, names = label_counts(store), store.about.classes
    if not len(counts):
        return []
    split = next((b for b in found if b.column == "split" and len(b.parts) <= 4), None)
    order = sorted(range(len(counts)), key=lambda c: (-counts[c], c))
    shown = order if len(order) <= MOST_BARS else [*order[: MOST_BARS - 5], *order[-5:]]
    rows = []
    for c in shown:
        values = split.counts[:, c].tolist() if split is not None else [int(counts[c])]
        rows.append((names[c], values, str(counts[c])))
    text = f"The largest class has {counts.max():,} clips, the smallest {counts.min():,}"
    text += f": {counts.max() / counts.min():.3g} to 1." if counts.min() else "."
    if counts.min() == counts.max():
        text = f"Every class has {counts.max():,} clips."
    if len(order) > MOST_BARS:
        text += f" Shown are the {MOST_BARS - 5} largest and the 5 smallest of {len(order):,}."
    if store.about.task == "multi":
        none = int((np.diff(store.table.label_offset) == 0).sum())
        text += f" A clip may have several; {none:,} have none."
    else:
        none = len(store.table) - int(counts.sum())
        text += f" {none:,} clips have no label." if none else ""
    series = split.parts if split is not None else ()
    return [Card("Classes", bars(rows, series, f"Clips of each class. {text}"), text)]


def _parts(balance: Balance) -> Card:
    total = int(balance.clips.sum()) or 1
    pairs = list(zip(balance.parts, balance.clips.tolist(), strict=True))
    prefix = f"{balance.column} " if balance.column == "fold" else ""
    rows = [(f"{prefix}{part}", [clips], f"{clips:,} · {100 * clips / total:.0f} %") for part, clips in pairs]
    lacking = [part for part, row in zip(balance.parts, balance.counts, strict=True) if (row == 0).any()]
    text = "Every class is in every part."
    if not balance.counts.shape[1]:
        text = ""
    elif len(lacking) == len(balance.parts):
        text = f"No {balance.column} has every class."
    elif lacking:
        names = ", ".join(lacking[:12]) + (" …" if len(lacking) > 12 else "")
        text = f"Not every class is in: {names}."
    return Card(f"Official {balance.column}s", bars(rows[:MOST_BARS], (), f"Clips of each {balance.column}"), text)


def _lengths(store: Store) -> list[Card]:
    seconds = durations(store)
    if not len(seconds):
        return []
    low, middle, high = np.quantile(seconds, [0, 0.5, 1])
    log = bool(low > 0 and high > 20 * middle)
    total, least, median, most = (span(float(s)).replace(" ", NBSP) for s in (seconds.sum(), low, middle, high))
    text = f"{total} of audio in {len(seconds):,} clips; {least} to {most}, median {median}."
    if high - low < 0.005 * high:
        text = f"{total} of audio in {len(seconds):,} clips of {median}."
    picture = histogram(seconds, x_label="seconds", alt=f"Distribution of clip lengths. {text}", log=log, what="clips")
    return [Card("Lengths", picture, text)]


def _formats(store: Store) -> list[Card]:
    found = formats(store)
    if not found:
        return []
    rows = [(f"{sr / 1000:g} kHz {_channels(n)}", [clips], f"{clips:,}") for sr, n, clips in found[:MOST_FORMATS]]
    text = f"{len(found)} formats, by sample rate and channels." if len(found) > 1 else "All files are alike."
    if len(found) > MOST_FORMATS:
        text += f" The {MOST_FORMATS} most frequent are shown."
    return [Card("Rates and channels of the files", bars(rows, (), f"Clips of each file format. {text}"), text)]


def _channels(count: int) -> str:
    return {1: "mono", 2: "stereo"}.get(count, f"{count} ch")
