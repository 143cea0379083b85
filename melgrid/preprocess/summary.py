"""What a run did, for the person who started it and for the record."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from melgrid.preprocess.task import STAGES
from melgrid.store import ShardInfo

__all__ = ["RunSummary"]


@dataclass
class RunSummary:
    """What a run did.

    Attributes
    ----------
    store : str
    features : list of str
        Ids of the feature sets that the run added or, trying failed clips again, made anew.
    clips, failed : int
        Clips of the store, and those of them that gave no features.
    added : int
        Clips that joined the store.
    recovered : int
        Clips that had failed in an earlier run and have features now.
    reasons : dict of str to int
        Failed clips by reason.
    seconds : float
        Wall-clock time.
    audio_seconds : float
        Length of the audio that was decoded.
    bytes_written : int
    stage_seconds : dict of str to float
        Time of all workers by stage.
    feature_seconds : dict of str to float
        Time of all workers by feature id; features that share a piece of work share its time.
    jobs : int
    task : str or None
        The share of the shards, ``K/N``, that the run was to do; then clips and the like are of this share.
    shards : int
        Shards of that share.
    """

    store: str
    features: list[str] = field(default_factory=list)
    clips: int = 0
    failed: int = 0
    added: int = 0
    recovered: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    audio_seconds: float = 0.0
    bytes_written: int = 0
    stage_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    feature_seconds: dict[str, float] = field(default_factory=dict)
    jobs: int = 1
    task: str | None = None
    shards: int = 0

    def take_share(self, infos: Mapping[tuple[str, int], ShardInfo], clips: pd.DataFrame) -> None:
        """Count what shards of one share of the work hold; features appear only when all shares are done.

        Of the clips that an earlier run did, only known faults have a reason here.
        """
        failed: dict[int, int] = {}
        for (_, index), info in infos.items():
            failed[index] = min(failed.get(index, info.failed), info.failed)
        self.shards = len(failed)
        own = clips[clips["shard"].isin(list(failed))]
        self.clips, self.failed = len(own), sum(failed.values())
        if known := int(own["known_bad"].notna().sum()):
            self.reasons["known_bad"] = known
        self.bytes_written = sum(info.bytes for info in infos.values())

    def count_failures(self, clips: pd.DataFrame) -> None:
        """Take the failed clips and their reasons from the store's table."""
        failed = clips[clips["status"] == "failed"]
        self.clips, self.failed = len(clips), len(failed)
        self.reasons = dict(Counter(str(reason).partition(":")[0] for reason in failed["reason"]).most_common())

    def log(self, clips: pd.DataFrame) -> None:
        """Leave a record of the run in the store; no digest covers it."""
        now = datetime.now(UTC)
        record: dict[str, Any] = {
            "finished": now.isoformat(timespec="seconds"),
            "machine": {
                "system": platform.platform(),
                "processors": os.cpu_count(),
                "python": platform.python_version(),
            },
            **asdict(self),
            "failures": clips.loc[clips["status"] == "failed", ["clip_id", "path", "reason"]].to_dict("records"),
        }
        folder = Path(self.store) / "runs"
        folder.mkdir(exist_ok=True)
        share = f"-{self.task.replace('/', '-of-')}" if self.task else ""
        name = now.strftime(f"%Y%m%dT%H%M%S%fZ{share}.json")
        (folder / name).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
