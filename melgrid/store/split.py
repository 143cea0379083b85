"""Choose clips by what is known of them, and keep the sides of a split apart."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from melgrid.errors import LeakError, LeakWarning, ParameterError
from melgrid.params.messages import nearest
from melgrid.store.groups import copies, groups
from melgrid.store.selection import Selection

if TYPE_CHECKING:
    from melgrid.store.feature_set import FeatureSet

__all__ = ["select", "split"]

COLUMNS = ("clip_id", "label", "split", "fold", "group")
FIRST = 5
REMEDY = "Choose sides that have no clip in common, or pass allow_leaks=True"


def select(features: FeatureSet, columns: Mapping[str, Any], variants: bool = False) -> Selection:
    """Clips whose columns have given values; see `FeatureSet.select`."""
    chosen = _matching(features, columns)
    if not variants and "clip_id" not in columns:
        rows = features.clip_rows[chosen]
        chosen = chosen[features.store.table.roots[rows] == rows]
    if not len(chosen):
        raise ParameterError(f"no clip of {features.id} has {_described(columns)}")
    return Selection(features, chosen)


def split(
    features: FeatureSet, sides: Mapping[str, Any], allow_leaks: bool, seed: int, variants: Collection[str] | None
) -> tuple[Selection, ...]:
    """Selections that share no clip and no group; see `FeatureSet.split`."""
    sides = sides or _official(features)
    if unknown := [name for name in variants or () if name not in sides]:
        raise ParameterError(f"variants={variants!r}: {unknown[0]!r} is no side.{nearest(str(unknown[0]), sides)}")
    with_variants = ("train",) if variants is None else variants
    shares = {name: float(side) for name, side in sides.items() if isinstance(side, int | float)}
    if len(shares) == len(sides):
        from melgrid.store.random_split import random_split

        return random_split(features, shares, seed, with_variants)
    selections = []
    for name, columns in sides.items():
        if not isinstance(columns, Mapping):
            raise ParameterError(
                f"{name}={columns!r}: a side is a dict of columns, such as dict(fold=1); or all are shares, such as 0.8"
            )
        try:
            selections.append(select(features, columns, name in with_variants))
        except ParameterError as error:
            raise ParameterError(f"side {name}: {error}") from None
    if not allow_leaks:
        official = all(set(columns) <= features.store.about.splits.keys() for columns in sides.values())
        _check(features, list(sides), selections, official)
    return tuple(selections)


def _official(features: FeatureSet) -> dict[str, dict[str, Any]]:
    splits = features.store.about.splits
    if "split" in splits:
        return {str(value): {"split": value} for value in splits["split"]}
    if "fold" in splits:
        folds = list(splits["fold"])
        example = f"train=dict(fold={folds[:-2]}), valid=dict(fold={folds[-2:-1]}), test=dict(fold={folds[-1:]})"
        raise ParameterError(
            f"{features.store.about.dataset} has no official train, valid and test sets, but folds {folds}: choose, "
            f"for example split({example})"
        )
    raise ParameterError(
        f"{features.store.about.dataset} has no official split: name the sides, for example "
        "split(train=dict(clip_id=[...]), test=dict(clip_id=[...])), or draw them: split(train=0.8, test=0.2, seed=0)"
    )


def _matching(features: FeatureSet, columns: Mapping[str, Any]) -> NDArray[np.int64]:
    table = features.store.table
    keep = np.ones(len(table), bool)
    for name, wanted in columns.items():
        if name not in COLUMNS:
            raise ParameterError(
                f"{name}={wanted!r}: clips are chosen by {', '.join(COLUMNS)}.{nearest(name, COLUMNS)}"
            )
        values = _as_list(wanted)
        keep &= _has_label(features, values) if name == "label" else _has_value(features, name, values)
    return np.flatnonzero(keep[features.clip_rows])


def _has_value(features: FeatureSet, name: str, values: list[Any]) -> NDArray[np.bool_]:
    column = features.store.table.column(name)
    # isin would let 1 and True, or 1 and "1", pass for one another or not, by the column's type
    if name == "fold":
        values = [_fold(value) for value in values]
    # A part of a corpus may lack clips of an official fold: that fold is no mistake.
    known = pd.Index(column.dropna().unique()).union(pd.Index(features.store.about.splits.get(name, ())))
    for value in values:
        if value not in known:
            raise ParameterError(f"{name}={value!r}: no clip has it.{_known(value, known)}")
    return np.asarray(column.isin(values), bool)


def _fold(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ParameterError(f"fold={value!r}: folds are whole numbers")
    return int(value)


def _has_label(features: FeatureSet, values: list[Any]) -> NDArray[np.bool_]:
    table, classes = features.store.table, features.store.about.classes
    for value in values:
        if value not in classes:
            raise ParameterError(f"label={value!r}: is no class.{_known(value, classes)}")
    indices = [classes.index(value) for value in values]
    has = np.zeros(len(table), bool)
    hits = np.isin(table.label_values, indices)
    has[np.repeat(np.arange(len(table)), np.diff(table.label_offset))[hits]] = True
    return has


def _check(features: FeatureSet, names: list[str], selections: list[Selection], official: bool) -> None:
    places = [features.clip_rows[selection.rows] for selection in selections]
    clips, sides = np.concatenate(places), np.repeat(np.arange(len(places)), [len(place) for place in places])
    table = features.store.table
    ids = table.ids
    count, first = _crossings(clips, sides)
    if count:
        found = _listing(count, _named(first, ids), names)
        raise LeakError(f"{count} clips stand on more than one side: {found}. {REMEDY}")
    count, first = _crossings(table.roots[clips], sides)
    if count:
        found = _listing(count, _named(first, ids), names)
        raise LeakError(f"{count} clips and variants of them stand on more than one side: {found}. {REMEDY}")
    leaks = []
    group, known = groups(table, clips)
    count, first = _crossings(group, sides)
    if count:
        leaks.append(f"{count} groups stand on more than one side: {_listing(count, _named(first, known), names)}")
    copy = copies(table, clips)
    count, first = _crossings(copy, sides)
    if count:
        same = [
            (" = ".join(repr(ids[clips[(copy == one) & (sides == side)][0]]) for side in on), on) for one, on in first
        ]
        leaks.append(f"{count} clips stand on more than one side under other names: {_listing(count, same, names)}")
    if not leaks:
        return
    if official:
        warnings.warn(f"the official split leaks: {'; '.join(leaks)}", LeakWarning, stacklevel=4)
    else:
        raise LeakError(f"{'; '.join(leaks)}. Choose sides by whole groups, or pass allow_leaks=True")


def _crossings(things: NDArray[Any], sides: NDArray[np.int64]) -> tuple[int, list[tuple[int, list[int]]]]:
    """How many things occur on several sides; the first few, with their sides."""
    number = int(sides.max(initial=0)) + 1
    pairs = _distinct(things * number + sides)
    thing = pairs // number
    found = _distinct(thing[1:][np.diff(thing) == 0])
    return len(found), [(int(one), (pairs[thing == one] % number).tolist()) for one in found[:FIRST]]


def _distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort numbers from 0 up and keep one of each; numpy's unique takes seconds for millions."""
    ordered = np.sort(numbers)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def _named(first: list[tuple[int, list[int]]], known: Any) -> list[tuple[str, list[int]]]:
    return [(repr(str(known[one])), on) for one, on in first]


def _listing(count: int, first: list[tuple[str, list[int]]], names: list[str]) -> str:
    lines = [f"{thing} in {' and '.join(names[side] for side in on)}" for thing, on in first]
    return "; ".join(lines) + (f"; and {count - FIRST} more" if count > FIRST else "")


def _as_list(wanted: Any) -> list[Any]:
    if isinstance(wanted, Collection | range) and not isinstance(wanted, str | bytes | Mapping):
        return list(wanted)
    if isinstance(wanted, np.ndarray | pd.Series):
        return list(wanted)
    return [wanted]


def _known(value: Any, known: Collection[Any]) -> str:
    words = [str(word) for word in known]
    if isinstance(value, str):
        return nearest(value, words) if len(words) <= 10_000 else ""
    return f" Known: {', '.join(sorted(words, key=lambda w: (len(w), w))[:40])}."


def _described(columns: Mapping[str, Any]) -> str:
    return " and ".join(f"{name}={value!r}" for name, value in columns.items()) or "features"
