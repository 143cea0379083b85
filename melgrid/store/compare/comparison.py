"""Which setting trains best, and what it costs: training results joined to the settings of a store."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

from melgrid.errors import ParameterError
from melgrid.params.messages import nearest
from melgrid.store.compare.effects import Effect, effects
from melgrid.store.compare.results import read_results
from melgrid.store.compare.settings import labels
from melgrid.store.store import Store, open_store
from melgrid.store.views.run_logs import read_run_logs

__all__ = ["Comparison", "Outcome", "compare"]


@dataclass(frozen=True)
class Outcome:
    """What training on one feature set gave, and what the feature set costs.

    Attributes
    ----------
    id, kind : str
    setting : str
        Kind and the parameters that differ here.
    mean : float
    std : float or None
        Of the repeats (n - 1); None with one.
    repeats : int
    bytes : int
    seconds : float or None
        Of computing it, by all workers; None where no log tells.
    others : dict of str to float
        Means of the other columns of the results.
    frontier : bool
        Nothing that is as small is better.
    """

    id: str
    kind: str
    setting: str
    mean: float
    std: float | None
    repeats: int
    bytes: int
    seconds: float | None
    others: dict[str, float]
    frontier: bool


@dataclass(frozen=True)
class Comparison:
    """Results of some settings of a store.

    Attributes
    ----------
    metric : str
        Name of the column.
    lower : bool
        Lower is better.
    outcomes : tuple of Outcome
        Best first.
    effects : tuple of Effect
        By kind and parameter.
    thrifty : str or None
        Id of the smallest feature set that is within one standard deviation of the best one; None where the best has
        no repeats or is the smallest itself.
    without : int
        Feature sets of the store that the results do not mention.
    """

    metric: str
    lower: bool
    outcomes: tuple[Outcome, ...]
    effects: tuple[Effect, ...]
    thrifty: str | None
    without: int

    @property
    def best(self) -> Outcome:
        """The setting with the best mean; the smallest of them."""
        return self.outcomes[0]

    @property
    def undecided(self) -> bool:
        """Whether all settings, of several, have the same mean."""
        return len(self.outcomes) > 1 and self.outcomes[0].mean == self.outcomes[-1].mean


def compare(
    store: Store | str | Path, results: str | Path, *, column: str | None = None, lower: bool = False
) -> Comparison:
    """Join training results to the settings of a store.

    Parameters
    ----------
    store : Store, str or Path
    results : str or Path
        CSV file with the columns `feature` (ids), optionally `seed`, and one or more measures; several lines of a
        feature are repeats.
    column : str or None
        Measure to compare by; the first one when None.
    lower : bool
        Lower is better, as for a loss.

    Returns
    -------
    Comparison

    Raises
    ------
    ParameterError
        A column is missing, an id is unknown, or a value is no finite number; names the line.
    """
    store = store if isinstance(store, Store) else open_store(store)
    table = read_results(results, store.ids)
    measures = list(next(iter(table.values())))
    if column is not None and column not in measures:
        raise ParameterError(f"{results}: has no measure {column!r}.{nearest(column, measures)}")
    metric = column or measures[0]
    chosen = [store[feature_id] for feature_id in store.ids if feature_id in table]
    names = dict(zip(table, labels([store[feature_id].feature for feature_id in table]), strict=True))
    means = {f.id: statistics.fmean(table[f.id][metric]) for f in chosen}
    sizes = {f.id: sum(shard.bytes for shard in f.record.shards) for f in chosen}
    seconds = read_run_logs(store.path).feature_seconds
    sign = 1 if lower else -1
    outcomes: list[Outcome] = []
    for features in sorted(chosen, key=lambda f: (sign * means[f.id], sizes[f.id], f.id)):
        name, values = features.id, table[features.id]
        outcomes.append(
            Outcome(
                id=name,
                kind=features.feature.kind,
                setting=names[name],
                mean=means[name],
                std=statistics.stdev(values[metric]) if len(values[metric]) > 1 else None,
                repeats=len(values[metric]),
                bytes=sizes[name],
                seconds=seconds.get(name),
                others={other: statistics.fmean(values[other]) for other in measures if other != metric},
                # sorted best first, so only an equal or better one stands before it
                frontier=all(sizes[name] < before.bytes for before in outcomes),
            )
        )
    best = outcomes[0]
    near = [o for o in outcomes[1:] if best.std is not None and abs(o.mean - best.mean) <= best.std]
    thrifty = min([best, *near], key=lambda o: o.bytes)
    return Comparison(
        metric=metric,
        lower=lower,
        outcomes=tuple(outcomes),
        effects=effects([f.feature for f in chosen], means, sizes, seconds, lower),
        thrifty=None if thrifty is best else thrifty.id,
        without=len(store) - len(chosen),
    )
