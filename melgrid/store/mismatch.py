"""Refuse a store that was made of something else, or by a newer melgrid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import MismatchError
from melgrid.store.about import About
from melgrid.store.plain import objects

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_about", "check_clips", "check_format"]

# What --allow-mixed may let differ from one feature set to the next; each keeps its own.
MIXABLE = ("versions", "options")
COMPARED = ("path", "labels", "split", "fold", "group", "start", "end", "parent", "intervals")
# A release of melgrid as such changes no number; its "engine" does.
NOT_COMPARED = "melgrid"
FIRST = 5


def check_format(place: object, found: tuple[Any, Any], known: tuple[str, int]) -> None:
    """Compare name and version of a file's format with those that this melgrid reads.

    Raises
    ------
    MismatchError
        It is a later version.
    ValueError
        It is something else.
    """
    if found[0] == known[0] and found[1] > known[1]:
        raise MismatchError(
            f"{place}: is of format {found[1]}, this melgrid reads {known[1]}; use the newer one that made it"
        )
    if found != known:
        raise ValueError(f"is of format {found}, not {known}")


def check_about(path: Path, stored: About, about: About, allow_mixed: bool) -> None:
    """Compare what two runs say of their dataset; see `Manifest.check_matches`."""
    old, new = stored.canonical(), about.canonical()
    for facts in (old, new):
        facts["versions"].pop(NOT_COMPARED, None)
    found = [name for name in old if old[name] != new[name] and not (allow_mixed and name in MIXABLE)]
    if found:
        lines = [line for name in found for line in _differences(name, old[name], new[name])]
        mixable = ", or --allow-mixed, which records it" if set(found) <= set(MIXABLE) else ""
        raise MismatchError(f"{path} was made otherwise: {'; '.join(lines)}. Remedy: use another --store{mixable}")


def check_clips(path: Path, stored: pd.DataFrame, clips: pd.DataFrame) -> list[str]:
    """Compare two clip tables and return the ids that only the new one has; see `Manifest.check_clips`."""
    new = clips["clip_id"][~clips["clip_id"].isin(stored["clip_id"])].tolist()
    gone = stored["clip_id"][~stored["clip_id"].isin(clips["clip_id"])].tolist()
    both = stored.set_index("clip_id").drop(index=gone)
    other = clips.set_index("clip_id").loc[both.index]
    lines = [f"{len(gone)} clips are no longer in the dataset ({', '.join(gone[:FIRST])})"] if gone else []
    changed = []
    for name in COMPARED:
        if name in other and name in both:
            before, after = objects(both[name]), objects(other[name])
            suspects = np.flatnonzero(before != after)  # few: what is equal needs no closer look
            pairs = zip(_plain(before[suspects]), _plain(after[suspects]), strict=True)
            changed += [
                f"{clip_id}: {name} is {now!r}, was {was!r}"
                for clip_id, (was, now) in zip(other.index[suspects], pairs, strict=True)
                if was != now
            ]
    lines += changed[:FIRST]
    if len(changed) > FIRST:
        lines.append(f"and {len(changed) - FIRST} more")
    if lines:
        remedy = "use the subset and limit of the first run, or another --store" if gone else "use another --store"
        raise MismatchError(f"{path} was made of other clips: {'; '.join(lines)}. Remedy: {remedy}")
    return new


def _plain(values: NDArray[np.object_]) -> list[Any]:
    """Values to compare: no labels and no text are none, as in the file."""
    plain: list[Any] = []
    for value in values:
        if isinstance(value, list | tuple | np.ndarray):
            plain.append([tuple(item) if isinstance(item, list | tuple) else int(item) for item in value] or None)
        else:
            plain.append(None if value == "" else value)
    return plain


def _differences(name: str, old: Any, new: Any) -> list[str]:
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        return [line for key in keys for line in _differences(f"{name}.{key}", old.get(key), new.get(key))]
    return [f"{name}: store has {_brief(old)}, this run {_brief(new)}"]


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
