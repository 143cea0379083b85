"""A comparison of settings as text for a terminal."""

from __future__ import annotations

from typing import Any

from melgrid.params.messages import counted
from melgrid.store.compare import Comparison, Outcome
from melgrid.store.compare.effects import Effect
from melgrid.store.views.summary_text import columns, size, span, wrapped

__all__ = ["comparison_text", "effect_title", "seconds_text", "value_text", "verdict", "with_std"]


def comparison_text(found: Comparison) -> str:
    """Write a comparison as text.

    Parameters
    ----------
    found : Comparison

    Returns
    -------
    str
    """
    others = list(found.best.others)
    timed = any(outcome.seconds is not None for outcome in found.outcomes)
    head = ["", found.metric, "size", *(["compute"] if timed else []), *others, "setting"]
    rows = [
        [
            f"{place}{'*' if outcome.frontier else ''}",
            with_std(outcome),
            size(outcome.bytes),
            *([seconds_text(outcome.seconds)] if timed else []),
            *(f"{outcome.others[name]:.4g}" for name in others),
            outcome.setting,
        ]
        for place, outcome in enumerate(found.outcomes, 1)
    ]
    better = "lower" if found.lower else "higher"
    lines = [f"{found.metric} of {counted(len(rows), 'setting')} ({better} is better; * nothing as small is better)"]
    lines += ["", *columns([head, *rows])]
    for effect in found.effects:
        lines += ["", effect_title(effect), *columns(effect_rows(effect, found.metric, timed))]
    if any(effect.groups for effect in found.effects):
        lines += ["", "The settings of a matched group differ in that parameter only."]
    if not all(effect.groups for effect in found.effects):
        lines += ["", *wrapped("NOT BALANCED: no settings differ in that parameter only; others may be the cause.", "")]
    if found.without:
        lines += ["", f"without results: {counted(found.without, 'more feature set')} of the store"]
    for text, feature_id in verdict(found):
        lines += ["", *wrapped(text), f"  {feature_id}"]
    return "\n".join(lines)


def effect_rows(effect: Effect, metric: str, timed: bool) -> list[list[str]]:
    """Rows of an effect's table, head first."""
    head = ["  " + effect.parameter, metric, "best in", "size", *(["compute"] if timed else [])]
    rows = [
        [
            f"  {value_text(level.value)}",
            f"{level.mean:.4g}",
            f"{level.wins} of {effect.groups}" if effect.groups else "-",
            size(level.bytes),
            *([seconds_text(level.seconds)] if timed else []),
        ]
        for level in effect.levels
    ]
    return [head, *rows]


def effect_title(effect: Effect) -> str:
    """Say what is compared, and among what."""
    also = f" (with {', '.join(effect.also)})" if effect.also else ""
    among = f"{effect.groups} matched group{'' if effect.groups == 1 else 's'}" if effect.groups else "NOT BALANCED"
    return f"{effect.kind}, effect of {effect.parameter}{also}: {among}"


def verdict(found: Comparison) -> list[tuple[str, str]]:
    """Say which setting won and what it costs, and which one is nearly as good for less; each with its id."""
    best = found.best
    if found.undecided:
        equal = f"none is best: all {len(found.outcomes)} settings have {found.metric} {best.mean:.4g}"
        return [(f"{equal}. The smallest: {best.setting} in {size(best.bytes)}", best.id)]
    text = f"best: {best.setting} with {found.metric} {with_std(best)} in {size(best.bytes)}"
    if best.seconds is not None:
        text += f" and {seconds_text(best.seconds)} of computing"
    lines = [(text, best.id)]
    if found.thrifty is not None:
        other = next(outcome for outcome in found.outcomes if outcome.id == found.thrifty)
        share = 100 * other.bytes / best.bytes if best.bytes else 100.0
        text = f"within one standard deviation of it, at {share:.0f} % of the bytes: "
        lines.append((f"{text}{other.setting} with {with_std(other)}", other.id))
    return lines


def with_std(outcome: Outcome) -> str:
    """Mean, and standard deviation where there are repeats."""
    return f"{outcome.mean:.4g}" if outcome.std is None else f"{outcome.mean:.4g} ± {outcome.std:.2g}"


def seconds_text(seconds: float | None) -> str:
    """Seconds for a reader; a dash where they are not known."""
    return "-" if seconds is None else span(seconds)


def value_text(value: Any) -> str:
    """Write a value of a parameter."""
    if value is None:
        return "not applied"
    return f"{value:g}" if isinstance(value, float) else str(value)
