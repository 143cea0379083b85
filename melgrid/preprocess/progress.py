"""The one bar of a run; in a log, now and then a line."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from melgrid.preprocess.engine.engine import Engine
from melgrid.preprocess.engine.workers import Seen
from melgrid.preprocess.pace import Pace
from melgrid.preprocess.summary import RunSummary
from melgrid.preprocess.task import ClipDone, ShardTask

__all__ = ["progress"]

# Between two lines of a log: at least this, and a fiftieth of the whole, but no more than ten minutes of silence.
_LINE_SECONDS, _LINES, _SILENCE_SECONDS = 10.0, 50, 600.0


class Progress(NamedTuple):
    """What a run tells of its progress: every clip, and every shard that is published."""

    seen: Seen
    published: Callable[[int], None]


@contextmanager
def progress(tasks: Sequence[ShardTask], summary: RunSummary, engine: Engine, *, enabled: bool) -> Iterator[Progress]:
    """Show clips, seconds of audio per second, failures and the time left; a clip that is done twice counts once."""
    guard = threading.Lock()
    pace = Pace(tasks, lambda: engine.jobs, time.monotonic)
    reasons: Counter[str] = Counter()
    start = time.monotonic()

    def state() -> str:
        left = pace.left()
        rate = summary.audio_seconds / max(time.monotonic() - start, 1e-9)
        words = ["" if left is None else f"{_clock(left)} left", f"{rate:,.0f} s of audio/s"]
        words.append(f"{reasons.total()} failed" if reasons else "")
        return ", ".join(filter(None, words))

    with _display(pace.clips, enabled) as show:

        def seen(shard: int, clip: ClipDone) -> None:
            with guard:
                if pace.did(shard, clip.row):
                    summary.audio_seconds += clip.seconds
                    if clip.reason is not None:
                        reasons[clip.reason] += 1
                    show(state)

        def published(shard: int) -> None:
            with guard:  # for in another thread a clip may be asking how long the rest takes
                pace.published(shard)

        yield Progress(seen, published)
    summary.reasons = dict(reasons.most_common())


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}" if minutes >= 60 else f"{minutes:02d}:{second:02d}"


Show = Callable[[Callable[[], str]], None]
"""Told that one more clip is done, and how to say how it goes."""


@contextmanager
def _display(total: int, enabled: bool) -> Iterator[Show]:
    if not enabled:
        yield lambda state: None
        return
    from tqdm import auto

    if not sys.stderr.isatty() and "tqdm.notebook" not in {kind.__module__ for kind in auto.tqdm.__mro__}:
        yield _lines(total)
        return
    form = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} clips [{elapsed}{postfix}]"
    with auto.tqdm(total=total, bar_format=form, dynamic_ncols=True) as bar:

        def show(state: Callable[[], str]) -> None:
            if time.time() - bar.last_print_t >= bar.mininterval or bar.n + 1 == total:
                bar.set_postfix_str(state(), refresh=False)
            bar.update()

        yield show


def _lines(total: int) -> Show:
    start = last = time.monotonic()
    done = told = 0

    def show(state: Callable[[], str]) -> None:
        nonlocal done, told, last
        done += 1
        now = time.monotonic()
        wait = now - last
        if done < total and (wait < _LINE_SECONDS or (done - told < total / _LINES and wait < _SILENCE_SECONDS)):
            return
        told, last = done, now
        print(f"{done:,} of {total:,} clips [{_clock(now - start)}, {state()}]", file=sys.stderr, flush=True)

    return show
