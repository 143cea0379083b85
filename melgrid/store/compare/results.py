"""Training results from a CSV file, checked line by line: a column ``feature`` with ids, and numbers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection
from pathlib import Path

from melgrid.errors import ParameterError
from melgrid.params.messages import nearest

__all__ = ["ID", "SEED", "read_results"]

ID, SEED = "feature", "seed"


def read_results(path: str | Path, ids: Collection[str]) -> dict[str, dict[str, list[float]]]:
    """Read training results.

    Parameters
    ----------
    path : str or Path
        CSV with a header. `feature` holds ids of feature sets; `seed` tells repeats apart and may be missing; every
        other column is a measure. Several lines of one feature are repeats.
    ids : collection of str
        Feature sets of the store.

    Returns
    -------
    dict of str to dict of str to list of float
        For each feature in the file, for each measure, one value a line.

    Raises
    ------
    ParameterError
        A column is missing, an id is unknown, a value is no finite number, or a seed occurs twice; names the line.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        raise ParameterError(f"{path}, line {number}: is no UTF-8 text ({error.reason}); save it as UTF-8") from None
    try:
        lines = csv.DictReader(io.StringIO(text), strict=True, skipinitialspace=True)
        names = [name.strip() for name in lines.fieldnames or ()]
        lines.fieldnames = names
        measures = _measures(path, names)
        results: dict[str, dict[str, list[float]]] = {}
        seeds: set[tuple[str, str]] = set()
        for line in lines:
            place = f"{path}, line {lines.line_num}"
            if None in line or None in line.values():
                raise ParameterError(f"{place}: has not {len(names)} cells, as the header has")
            feature = line[ID].strip()
            if feature not in ids:
                raise ParameterError(f"{place}: the store has no feature set {feature!r}.{nearest(feature, ids)}")
            if SEED in names:
                if (feature, line[SEED]) in seeds:
                    raise ParameterError(f"{place}: seed {line[SEED]!r} of {feature} occurs twice; keep one line of it")
                seeds.add((feature, line[SEED]))
            for name in measures:
                results.setdefault(feature, {}).setdefault(name, []).append(_number(place, name, line[name]))
    except csv.Error as error:
        raise ParameterError(f"{path}: is no CSV: {error}") from None
    if not results:
        raise ParameterError(f"{path}: has no results, only a header")
    return results


def _measures(path: Path, names: list[str]) -> list[str]:
    shown = ", ".join(map(repr, names)) or "none"
    if ID not in names:
        raise ParameterError(f"{path}: has no column {ID!r} with the ids of feature sets; its columns: {shown}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ParameterError(f"{path}: column {twice[0]!r} occurs twice")
    measures = [name for name in names if name not in (ID, SEED)]
    if not measures or "" in measures:
        raise ParameterError(f"{path}: needs a column of numbers with a name, such as accuracy; its columns: {shown}")
    return measures


def _number(place: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ParameterError(f"{place}: {name}={text!r} is no finite number; leave out the lines of runs that failed")
    return value
