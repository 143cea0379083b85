"""The one bar of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from melgrid.preprocess.summary import RunSummary
from melgrid.preprocess.task import ClipDone

__all__ = ["progress"]


@contextmanager
def progress(total: int, summary: RunSummary, *, enabled: bool) -> Iterator[Callable[[int, ClipDone], None]]:
    """One bar in clips, with seconds of audio per second; a clip that is done twice counts once."""
    from tqdm.auto import tqdm

    guard = threading.Lock()
    counted: set[tuple[int, int]] = set()
    failed = 0
    start = time.perf_counter()
    with tqdm(total=total, unit="clip", disable=not enabled, dynamic_ncols=True, smoothing=0.1) as bar:

        def seen(shard: int, clip: ClipDone) -> None:
            nonlocal failed
            with guard:
                if (shard, clip.row) in counted:
                    return
                counted.add((shard, clip.row))
                summary.audio_seconds += clip.seconds
                failed += clip.reason is not None
                rate = summary.audio_seconds / max(time.perf_counter() - start, 1e-9)
                bar.set_postfix_str(
                    f"{rate:,.0f} s of audio/s" + (f", {failed} failed" if failed else ""), refresh=False
                )
                bar.update()

        yield seen
