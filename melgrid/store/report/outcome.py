"""Training results in pictures: what every setting reached for its bytes, and what each parameter does."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from melgrid.store.compare import Comparison
from melgrid.store.compare.effects import Effect
from melgrid.store.compare.text import seconds_text, value_text, with_std
from melgrid.store.report.charts import EM, WIDTH, Plot, fitted, short
from melgrid.store.report.overview import Card
from melgrid.store.report.scales import Scale, number
from melgrid.store.views.summary_text import size

__all__ = ["effect_cards", "price_picture"]

MOST_LEVELS = 12


def price_picture(found: Comparison) -> Markup:
    """Draw the metric of each setting over its bytes; the line joins those that nothing as small beats."""
    outcomes = found.outcomes
    sizes = np.array([max(1, o.bytes) for o in outcomes], float)
    lows = [o.mean - (o.std or 0.0) for o in outcomes]
    highs = [o.mean + (o.std or 0.0) for o in outcomes]
    x = Scale(float(sizes.min()) / 1.25, float(sizes.max()) * 1.25, 46, WIDTH - 24, log=True)
    y = _padded(min(lows), max(highs), 208, 26)
    plot = Plot(x, y, 244)
    plot.axes(
        [(p, f"{t[:-1]} {t[-1]}B" if t[-1:].isalpha() else f"{t} B") for p, t in x.ticks()],
        y.ticks(5),
        "size of the feature set",
        short(found.metric, 30),
    )
    frontier = sorted((o.bytes, o.mean) for o in outcomes if o.frontier)
    plot.line(np.array([max(1, b) for b, _ in frontier], float), np.array([m for _, m in frontier]), "front")
    for place, o in enumerate(outcomes):
        a, b = float(x(max(1, o.bytes))), float(y(o.mean))
        if o.std:
            plot.draw(
                '<path class="whisker" d="M{x} {a}V{b}"/>', x=a, a=float(y(o.mean - o.std)), b=float(y(o.mean + o.std))
            )
        first = place == 0 and not found.undecided
        css = "best" if first else "on" if o.frontier else "off"
        plot.draw(
            '<circle class="{c}" cx="{x}" cy="{y}" r="{r}"><title>{t}</title></circle>',
            c=css, x=a, y=b, r=6 if first else 4.5, t=f"{o.setting}: {with_std(o)}, {size(o.bytes)}",
        )  # fmt: skip
    best = found.best
    winner = f"Best: {best.setting} with {with_std(best)} at {size(best.bytes)}"
    winner = "All are equal" if found.undecided else winner
    return plot.svg(f"{found.metric} of {len(outcomes)} settings over their size. {winner}.")


def effect_cards(found: Comparison) -> list[Card]:
    """Draw the mean metric for each value of each parameter, with what it costs."""
    return [
        Card(f"{effect.kind}: {effect.parameter}", _effect(effect, found), _sentence(effect))
        for effect in found.effects
    ]


def _effect(effect: Effect, found: Comparison) -> Markup:
    levels = effect.levels[:MOST_LEVELS]
    means = [outcome.mean for outcome in found.outcomes]  # one scale for all, so that effects compare
    costs = [
        size(level.bytes) + (f" · {seconds_text(level.seconds)}" if level.seconds is not None else "")
        for level in levels
    ]
    step, left, right = 26, 92, WIDTH - 0.66 * EM * max(map(len, ["mean cost", *costs])) - 12
    plot = Plot(_padded(min(means), max(means), left, right), Scale(0, 1, 22 + step * len(levels), 22), 0)
    plot.height = 22 + step * len(levels) + 34
    plot.axes(plot.x.ticks(3), [], short(found.metric, 30), "")
    best = (min if found.lower else max)(level.mean for level in levels)
    for place, (level, cost) in enumerate(zip(levels, costs, strict=True)):
        y = 22.0 + step * (place + 0.5)
        at = float(plot.x(level.mean))
        plot.draw('<path class="grid" d="M{a} {y}H{b}"/>', a=float(left), b=right, y=y)
        plot.draw(
            '<text x="{x}" y="{y}" class="e">{t}</text>',
            x=left - 9.0,
            y=y + 4,
            t=fitted(value_text(level.value), left - 12),
        )
        css = "best" if level.mean == best and effect.spread else "off"
        plot.draw('<circle class="{c}" cx="{x}" cy="{y}" r="5.5"/>', c=css, x=at, y=y)
        plot.draw('<text x="{x}" y="{y}" class="e">{t}</text>', x=WIDTH - 2.0, y=y + 4, t=cost)
    plot.draw('<text x="{x}" y="14" class="e l">mean cost</text>', x=WIDTH - 2.0)
    shown = "; ".join(f"{value_text(level.value)}: {number(level.mean)}, {size(level.bytes)}" for level in levels)
    return plot.svg(f"Mean {found.metric} by {effect.parameter}. {shown}.")


def _sentence(effect: Effect) -> str:
    also = f" {', '.join(effect.also)} changes with it." if effect.also else ""
    if not effect.groups:
        return f"Not balanced: no settings differ in this only, so other parameters may be behind it.{also}"
    wins = ", ".join(f"{value_text(v.value)} is best in {v.wins}" for v in effect.levels[:MOST_LEVELS] if v.wins)
    wins = wins[0].upper() + wins[1:] if wins else "All its values did equally well"
    groups = "one group" if effect.groups == 1 else f"{effect.groups} groups"
    return f"Over {groups} of settings that differ in nothing else. {wins}.{also}"


def _padded(low: float, high: float, start: float, stop: float) -> Scale:
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return Scale(low - room, high + room, start, stop)
