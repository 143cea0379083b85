"""Time candidates side by side: all of them in every round, so that a drift of the machine meets all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Candidate", "Timing", "optional", "race"]

Candidate = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Seconds of each round: on the wall, and of this process's processor time."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """Median on the wall."""
        return statistics.median(self.wall)

    @property
    def cpu_seconds(self) -> float:
        """Median of processor time: much below the wall's where something else was using the core."""
        return statistics.median(self.cpu)


def race(
    candidates: Mapping[str, Candidate],
    rounds: int,
    *,
    warm_up: bool = True,
    between: Callable[[], object] = lambda: None,
) -> dict[str, Timing]:
    """Time every candidate once a round.

    Parameters
    ----------
    candidates : mapping of str to callable
    rounds : int
    warm_up : bool
        One more round first, which does not count.
    between : callable
        Called after every call of a candidate, outside the time.

    Returns
    -------
    dict of str to Timing
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for number in range(-warm_up, rounds):
        for name, candidate in candidates.items():
            wall, cpu = time.perf_counter(), time.process_time()
            candidate()
            passed = time.perf_counter() - wall, time.process_time() - cpu
            between()
            if number >= 0:
                times[name].append(passed)
    return {name: Timing(*zip(*passed, strict=True)) for name, passed in times.items()}


def optional(makers: Mapping[str, Callable[[], Candidate]]) -> tuple[dict[str, Candidate], dict[str, str]]:
    """Make candidates of packages that may be absent.

    Parameters
    ----------
    makers : mapping of str to callable
        Each imports its package and returns the candidate.

    Returns
    -------
    candidates : dict
        Those that could be made and called once.
    skipped : dict of str to str
        The others, and why.
    """
    candidates, skipped = {}, {}
    for name, make in makers.items():
        try:
            candidate = make()
            candidate()
        except Exception as error:  # whatever a foreign package does when it does not fit
            words = str(error).strip().splitlines() or [""]
            skipped[name] = f"{type(error).__name__}: {words[0][:120]}".rstrip(": ")
        else:
            candidates[name] = candidate
    return candidates, skipped
