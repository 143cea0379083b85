"""What a person reads before and after a run."""

from __future__ import annotations

from pathlib import Path

from melgrid.params import Feature
from melgrid.params.messages import counted
from melgrid.preprocess.forecast import Forecast
from melgrid.preprocess.plan import Plan
from melgrid.preprocess.resume import kept
from melgrid.preprocess.run import RunSummary
from melgrid.store.views.summary_text import size

__all__ = ["duration", "forecast_text", "kept_text", "room_warning", "summary_text"]


def duration(seconds: float) -> str:
    """Seconds for a reader, e.g. ``2 h 05 min``.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} min"


def forecast_text(coming: Forecast, plan: Plan | None) -> str:
    """Table of what a run will write, and the shared graph.

    Parameters
    ----------
    coming : Forecast
    plan : Plan or None
        None when nothing is left to do.

    Returns
    -------
    str
    """
    width = max(len(f.feature.id) for f in coming.features)
    timed = any(row.share is not None for row in coming.features)
    lines = [
        f"{coming.clips:,} clips, about {duration(coming.audio_seconds)} of audio; "
        f"frames x bins: of a clip of {coming.median_seconds:.3g} s",
        f"{'feature':<{width}}  {'frames x bins':>14}  {'dtype':<8} {'bytes':>19}" + "   time" * timed,
    ]
    for row in coming.features:
        shape = f"{row.frames} x {row.feature.bins}"
        cost = "in the store" if row.done else _interval(row.low, row.high)
        share = "" if row.share is None else f"  {100 * row.share:3.0f} %"
        lines.append(f"{row.feature.id:<{width}}  {shape:>14}  {row.feature.dtype:<8} {cost:>19}{share}")
    if written := sum(row.written for row in coming.features if not row.done):
        lines.append(f"an earlier run has left {size(written)} of this")
    left = counted(sum(not f.done for f in coming.features), "feature set")
    lines.append(f"to write: {_interval(coming.low, coming.high)} in {left}; free: {size(coming.free)}")
    if coming.run_seconds is not None:
        lines[-1] += f"; time: about {duration(coming.run_seconds)}"
    if warning := room_warning(coming):
        lines.append(warning)
    if plan is not None:
        lines += ["", plan.describe()]
    return "\n".join(lines)


def room_warning(coming: Forecast) -> str:
    """Warn of a disk that does not hold what a run will write, in one line; empty when it does.

    Parameters
    ----------
    coming : Forecast

    Returns
    -------
    str
    """
    if coming.high <= coming.free:
        return ""
    may = "does" if coming.low > coming.free else "may"
    return f"WARNING: the disk {may} not hold this: {_interval(coming.low, coming.high)}, {size(coming.free)} are free"


def _interval(low: int, high: int) -> str:
    return size(low) if size(low) == size(high) else f"{size(low)} to {size(high)}"


def kept_text(store: Path, features: tuple[Feature, ...]) -> str:
    """What an interrupted run has left, in one line.

    Parameters
    ----------
    store : Path
    features : tuple of Feature
        Those that it was to make.

    Returns
    -------
    str
    """
    shards, of, clips = kept(store, features)
    if not shards:
        return "kept: nothing yet, only finished shards are"
    return f"kept: {shards:,} of {counted(of, 'shard')}, with {counted(clips, 'clip')}"


def summary_text(summary: RunSummary) -> str:
    """What a run did, where the time went, what failed, and what to type next.

    Parameters
    ----------
    summary : RunSummary

    Returns
    -------
    str
    """
    lines = []
    if summary.task and summary.shards:
        lines.append(
            f"task {summary.task} is done: {counted(summary.shards, 'shard')} with {counted(summary.clips, 'clip')}, "
            f"{size(summary.bytes_written)}, in {duration(summary.seconds)} with {counted(summary.jobs, 'job')}"
        )
    elif summary.task and not summary.clips:
        lines.append(f"task {summary.task} is done: there are fewer shards than tasks, and none for this one")
    elif summary.features:
        rate = summary.audio_seconds / summary.seconds if summary.seconds else 0.0
        lines.append(
            f"{counted(len(summary.features), 'feature set')} of {summary.clips - summary.failed:,} clips, "
            f"{size(summary.bytes_written)}, in {duration(summary.seconds)} with {counted(summary.jobs, 'job')}: "
            f"{duration(summary.audio_seconds)} of audio, {rate:,.0f} times real time"
        )
        total = sum(summary.stage_seconds.values()) or 1.0
        shares = (f"{name} {100 * seconds / total:.0f} %" for name, seconds in summary.stage_seconds.items())
        lines.append(f"worker time: {', '.join(shares)}")
    else:
        lines.append(f"nothing to do: the store has all of it, {summary.clips - summary.failed:,} clips")
    if summary.added:
        lines.append(f"{counted(summary.added, 'clip')} joined the store")
    if summary.recovered:
        lines.append(f"{counted(summary.recovered, 'clip')} that had failed now have features")
    if summary.failed:
        reasons = ", ".join(f"{reason} {count}" for reason, count in summary.reasons.items()) or "in an earlier run"
        where = "" if summary.task else f": melgrid inspect {summary.store} --failures"
        lines.append(f"{counted(summary.failed, 'clip')} gave no features ({reasons}){where}")
    if summary.task:
        lines.append(f"next, when all tasks are done: melgrid verify {summary.store} --repair")
    else:
        lines.append(f"next: melgrid inspect {summary.store}")
    return "\n".join(lines)
