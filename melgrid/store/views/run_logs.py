"""Logs of the runs that filled a store, in ``runs/``: times by stage. No digest covers them: nothing is trusted."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["RunLog", "RunLogs", "read_run_logs"]

MOST_BYTES = 64 << 20  # of a log: it lists every failed clip


@dataclass(frozen=True)
class RunLog:
    """What one run says of itself.

    Attributes
    ----------
    finished : str
        ISO date and time, UTC.
    features : tuple of str
        Ids of the feature sets that it made.
    clips, failed, jobs : int
    seconds : float
        Wall-clock time.
    audio_seconds : float
        Length of the audio that was decoded.
    stage_seconds : dict of str to float
        Time of all workers by stage.
    feature_seconds : dict of str to float
        Time of all workers for each feature alone, where the log has it.
    system : str
    """

    finished: str
    features: tuple[str, ...]
    clips: int
    failed: int
    jobs: int
    seconds: float
    audio_seconds: float
    stage_seconds: dict[str, float]
    feature_seconds: dict[str, float]
    system: str


@dataclass(frozen=True)
class RunLogs:
    """All logs of a store, oldest first, and the names of those that cannot be read."""

    runs: tuple[RunLog, ...]
    unreadable: tuple[str, ...]

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Time of all workers in all runs by stage."""
        total: dict[str, float] = {}
        for run in self.runs:
            for name, seconds in run.stage_seconds.items():
                total[name] = total.get(name, 0.0) + seconds
        return total

    @property
    def feature_seconds(self) -> dict[str, float]:
        """Time of all workers for a feature: as logged, or that of a run that made nothing else."""
        total: dict[str, float] = {}
        for run in self.runs:
            own = run.feature_seconds
            if not own and len(run.features) == 1:
                own = {run.features[0]: sum(run.stage_seconds.values())}
            for name, seconds in own.items():
                total[name] = total.get(name, 0.0) + seconds
        return total


def read_run_logs(store: Path) -> RunLogs:
    """Read what runs left in a store.

    Parameters
    ----------
    store : Path
        Folder of the store.

    Returns
    -------
    RunLogs
    """
    runs, unreadable = [], []
    for path in sorted((store / "runs").glob("*.json")):
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError("too large")
            runs.append(_parsed(json.loads(path.read_bytes())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            unreadable.append(path.name)
    return RunLogs(tuple(runs), tuple(unreadable))


def _parsed(data: dict[str, Any]) -> RunLog:
    return RunLog(
        finished=str(data["finished"])[:40],
        features=tuple(str(name) for name in data["features"]),
        clips=int(data["clips"]),
        failed=int(data["failed"]),
        jobs=int(data["jobs"]),
        seconds=_duration(data["seconds"]),
        audio_seconds=_duration(data["audio_seconds"]),
        stage_seconds={str(name): _duration(value) for name, value in data["stage_seconds"].items()},
        feature_seconds={str(name): _duration(value) for name, value in data.get("feature_seconds", {}).items()},
        system=str(data.get("machine", {}).get("system", ""))[:200],
    )


def _duration(value: Any) -> float:
    seconds = float(value)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"{value} is no duration")
    return seconds
