"""The page: gathers what the other modules draw and fills the template, whose text is escaped by itself."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from melgrid.errors import ParameterError
from melgrid.store.compare import Comparison, compare
from melgrid.store.compare.settings import labels
from melgrid.store.compare.text import seconds_text, verdict, with_std
from melgrid.store.disk import publish_bytes
from melgrid.store.feature_set import FeatureSet
from melgrid.store.report.charts import bars, short
from melgrid.store.report.grid import grid_table
from melgrid.store.report.image import CYCLIC, RISING, gradient
from melgrid.store.report.outcome import effect_cards, price_picture
from melgrid.store.report.overview import overview
from melgrid.store.report.spectrograms import MOST_FEATURES, galleries
from melgrid.store.report.values import Spread, spread
from melgrid.store.store import Store, open_store
from melgrid.store.views.corpus import Balance, balances, durations
from melgrid.store.views.inspect import failures
from melgrid.store.views.run_logs import RunLogs, read_run_logs
from melgrid.store.views.summary_text import size, span

__all__ = ["write_report"]

MOST_FAILURES = 40
MOST_RUNS = 30
MOST_EFFECTS = 40
MOST_TEXT = 400
MOST_OPEN = 6
MOST_CLASSES, MOST_PARTS = 60, 20


def write_report(
    store: Store | str | Path,
    path: str | Path,
    *,
    metric: str | Path | None = None,
    column: str | None = None,
    lower: bool = False,
) -> Path:
    """Write a page that shows a store: corpus, grid, spectrograms, values, failures, times, provenance.

    It is one file below 5 MB that needs no network. Equal stores give equal bytes.

    Parameters
    ----------
    store : Store, str or Path
    path : str or Path
        Of the HTML file, in a folder that exists; replaced when it exists.
    metric : str, Path or None
        CSV file with training results, as for `melgrid.store.compare.compare`.
    column : str or None
        Measure to compare by; the first one when None.
    lower : bool
        Lower is better.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    StoreError
        The store or one of its shards is damaged.
    ParameterError
        The training results do not fit the store, or there are none to compare; or `path` cannot be a file.
    """
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ParameterError(f"{path}: must be a file in a folder that exists; make the folder, or name a file")
    if metric is None and (column is not None or lower):
        raise ParameterError("column and lower say how to compare training results: name their file with metric")
    store = store if isinstance(store, Store) else open_store(store)
    found = None if metric is None else compare(store, metric, column=column, lower=lower)
    publish_bytes(path, page(store, found).encode())
    return path


def page(store: Store, found: Comparison | None) -> str:
    """Return the page as text."""
    from jinja2 import Environment, StrictUndefined

    parts = files("melgrid.store.report")
    template, css, script = (parts.joinpath(name).read_text("utf-8") for name in ("page.html", "page.css", "page.js"))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        css=Markup(css), css_hash=_hash(css), script=Markup(script), script_hash=_hash(script), **_context(store, found)
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _context(store: Store, found: Comparison | None) -> dict[str, Any]:
    everything = _ordered(store, found)
    names = _cut(labels([features.feature for features in everything]))
    chosen = list(zip(names, everything, strict=True))[:MOST_FEATURES]
    spreads = [drawn for name, features in chosen if (drawn := spread(name, features)) is not None]
    logs = read_run_logs(store.path)
    own = set(store.ids)
    seconds = {name: value for name, value in logs.feature_seconds.items() if name in own}
    failed = failures(store)
    return {
        "dataset": short(store.about.dataset, 60),
        "facts": _facts(store, len(failed)),
        "found": found,
        "verdict": [text[0].upper() + text[1:] + "." for text, _ in verdict(found)] if found else [],
        "price": price_picture(found) if found else "",
        "effects": effect_cards(found)[:MOST_EFFECTS] if found else [],
        "computing": found is not None and any(outcome.seconds is not None for outcome in found.outcomes),
        "outcome_rows": _outcomes(found) if found else [],
        "corpus": overview(store),
        "grid": grid_table(everything, seconds, found),
        "galleries": galleries(store, chosen),
        "spreads": spreads,
        "shown_spreads": _first_of_kinds(spreads),
        "balances": [(b.column, _balance_rows(store, b), b) for b in balances(store)],
        "not_drawn": len(everything) - len(chosen),
        "reasons": _reasons(failed),
        "failed": [{**f, "words": short(f["words"], MOST_TEXT)} for f in failed[:MOST_FAILURES]],
        "more_failed": max(0, len(failed) - MOST_FAILURES),
        "stages": _stages(logs),
        "runs": [_run(run) for run in logs.runs[-MOST_RUNS:]],
        "all_runs": len(logs.runs),
        "unreadable": logs.unreadable[:MOST_RUNS],
        "provenance": _provenance(store),
        "digests": [(name, digest) for name, digest in list(store.digests.items())[:200]],
        "mixed": [features.id for features in everything if features.record.versions != store.about.versions][:50],
        "ramps": (("rising", gradient(RISING)), ("cyclic", gradient(CYCLIC))),
        "short": short,
    }


def _ordered(store: Store, found: Comparison | None) -> list[FeatureSet]:
    """Sort by result, else by kind (the largest first) and parameters: neighbours here are neighbours in the grid."""
    order = {outcome.id: place for place, outcome in enumerate(found.outcomes)} if found else {}
    kinds = Counter(features.feature.kind for features in store)

    def key(features: FeatureSet) -> list[Any]:
        numbers = [int(part) if part.isdigit() else part for part in _words(features.id)]
        return [
            order.get(features.id, len(order)),
            -kinds[features.feature.kind],
            [(isinstance(n, str), n) for n in numbers],
        ]

    return sorted(store, key=key)


def _words(feature_id: str) -> list[str]:
    return [word for word in re.split(r"(\d+)", feature_id.rpartition("-")[0]) if word] + [feature_id]


def _cut(names: list[str]) -> list[str]:
    """Shorten names; number those that became equal."""
    cut = [short(name, 90) for name in names]
    twice = Counter(cut)
    return [name if twice[name] == 1 else f"{name} ({place})" for place, name in enumerate(cut, 1)]


def _facts(store: Store, failed: int) -> list[tuple[str, str]]:
    seconds = durations(store)
    total = sum(shard.bytes for features in store for shard in features.record.shards)
    return [
        ("clips", f"{len(store.table):,}"),
        ("audio", span(float(seconds.sum())) if len(seconds) else "unknown"),
        ("classes", f"{len(store.about.classes):,}" if store.about.classes else "none"),
        ("feature sets", f"{len(store):,}"),
        ("on disk", size(total)),
        ("failed", f"{failed:,}"),
    ]


def _outcomes(found: Comparison) -> list[dict[str, Any]]:
    return [
        {"outcome": o, "mean": with_std(o), "size": size(o.bytes), "seconds": seconds_text(o.seconds)}
        for o in found.outcomes[:100]
    ]


def _first_of_kinds(spreads: list[Spread]) -> set[str]:
    """Settings whose values are shown without asking: the first of each kind."""
    first: dict[str, str] = {}
    for one in spreads:
        first.setdefault(one.setting.partition(" ")[0], one.setting)
    return set(list(first.values())[:MOST_OPEN])


def _balance_rows(store: Store, balance: Balance) -> list[tuple[str, list[int]]]:
    classes, parts = store.about.classes, balance.counts[:MOST_PARTS]
    return [(short(name, 40), parts[:, c].tolist()) for c, name in enumerate(classes[:MOST_CLASSES])]


def _reasons(failed: list[dict[str, Any]]) -> Markup:
    counts = Counter(f["code"] for f in failed).most_common()
    return (
        bars([(code, [n], str(n)) for code, n in counts[:20]], (), "Failed clips by reason") if counts else Markup("")
    )


def _stages(logs: RunLogs) -> Markup:
    stages = logs.stage_seconds
    total = sum(stages.values())
    if not total:
        return Markup("")
    rows = [(name, [s], f"{100 * s / total:.0f} % · {span(s)}") for name, s in list(stages.items())[:20]]
    return bars(rows, (), "Time of all workers by stage")


def _run(run: Any) -> dict[str, str]:
    rate = run.audio_seconds / run.seconds if run.seconds else 0.0
    return {
        "finished": run.finished.replace("T", " ").replace("+00:00", " UTC"),
        "features": f"{len(run.features)}",
        "clips": f"{run.clips - run.failed:,}",
        "time": span(run.seconds),
        "jobs": str(run.jobs),
        "rate": f"{rate:,.0f} ×",
        "system": short(run.system, 60),
    }


def _provenance(store: Store) -> list[tuple[str, str]]:
    about = store.about
    options = ", ".join(f"{name}={value}" for name, value in about.options.items())
    return [
        ("dataset", short(about.dataset, MOST_TEXT)),
        ("options", short(options, MOST_TEXT) if options else "none"),
        ("task", about.task),
        *((name, short(version, MOST_TEXT)) for name, version in about.versions.items()),
    ]
