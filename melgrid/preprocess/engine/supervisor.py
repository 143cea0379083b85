"""A worker process seen from its parent: give it a task, hear which clip is in hand, notice that it hangs or dies."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melgrid.errors import Reason
from melgrid.preprocess.audio.decode import LONGEST_SECONDS
from melgrid.preprocess.engine.failure import revive
from melgrid.preprocess.task import ClipDone, ShardResult, ShardTask
from melgrid.store import ShardInfo

__all__ = ["WORKER_ENVIRONMENT", "Child", "ChildDied", "Limits"]

WORKER_ENVIRONMENT = {
    # The processes are the parallelism: every library in them keeps to one thread.
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
        "1",
    ),
    # Every clip wants arrays of the same sizes: glibc keeps them between clips instead of asking the system for fresh
    # pages, which took a tenth of the time of a 30 s clip. Arrays over 32 MiB go back at once.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
}
_TICK = 0.2  # seconds between looks at the clock and at the child's memory
# Between two looks a process may allocate gigabytes, so the system refuses what goes beyond this much more.
_SLACK_BYTES = 512 << 20


@dataclass(frozen=True)
class Limits:
    """What one clip may cost.

    Attributes
    ----------
    clip_seconds : float
        Wall-clock time for one clip.
    memory_bytes : int
        Resident memory of the worker.
    audio_seconds : float
        Length of its file; longer ones are not decoded.
    """

    clip_seconds: float = 300.0
    memory_bytes: int = 8 << 30
    audio_seconds: float = LONGEST_SECONDS


class ChildDied(Exception):
    """The worker died, hung or grew too large.

    Attributes
    ----------
    row : int or None
        The clip in hand; None when there was none.
    reason : Reason
    words : str
    """

    def __init__(self, row: int | None, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.row, self.reason, self.words = row, reason, words


class Child:
    """One worker process.

    Parameters
    ----------
    limits : Limits
    preamble : str
        Python that the process runs first; tests use it to plant a decoder that crashes.
    """

    def __init__(self, limits: Limits, preamble: str = "") -> None:
        self._limits = limits
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        flags = fcntl.fcntl(self._errors, fcntl.F_GETFL)
        fcntl.fcntl(self._errors, fcntl.F_SETFL, flags | os.O_APPEND)
        # The parent's search path, so that the child finds the same melgrid wherever it was imported from.
        code = (
            f"import sys; sys.path[:] = {sys.path!r}\n{preamble}\n"
            f"from melgrid.preprocess.engine.child import main; main({limits.memory_bytes + _SLACK_BYTES})"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **WORKER_ENVIRONMENT},
            start_new_session=True,  # Ctrl-C is for the parent, which ends its children itself
        )
        self._buffer = b""
        self._row: int | None = None  # the clip in hand

    def run(self, task: ShardTask, on_done: Callable[[ClipDone], None]) -> ShardResult:
        """Do a task.

        Parameters
        ----------
        task : ShardTask
        on_done : callable(ClipDone)
            Called for every clip as it is finished.

        Returns
        -------
        ShardResult

        Raises
        ------
        ChildDied
        MelgridError
            What the task raised in the child.
        """
        assert self._process.stdin is not None
        try:
            pickle.dump(task, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None
        self._row = None
        for message in self._messages():
            if "start" in message:
                self._row = message["start"]
            elif "did" in message:
                self._row = None
                on_done(ClipDone(**message["did"]))
            elif "result" in message:
                result = message["result"]
                infos = {feature: ShardInfo(**info) for feature, info in result["infos"].items()}
                return ShardResult(result["index"], infos, result["stage_seconds"], result["feature_seconds"])
            elif "error" in message:
                raise revive(message)
        raise self._death()

    def _messages(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        since = time.monotonic()
        while True:
            while b"\n" in self._buffer:
                line, _, self._buffer = self._buffer.partition(b"\n")
                since = time.monotonic()
                yield json.loads(line)
            if select.select([descriptor], [], [], _TICK)[0]:
                chunk = os.read(descriptor, 1 << 16)
                if not chunk:
                    return
                self._buffer += chunk
                continue
            if self._row is None:
                continue
            if time.monotonic() - since > self._limits.clip_seconds:
                self.close()
                raise ChildDied(self._row, "timeout", f"still busy after {self._limits.clip_seconds:g} s")
            if (used := self._resident_bytes()) > self._limits.memory_bytes:
                self.close()
                limit = self._limits.memory_bytes
                raise ChildDied(self._row, "crashed", f"{used >> 20} MiB of memory, the limit is {limit >> 20} MiB")

    def _resident_bytes(self) -> int:
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):  # no /proc on this system, or the child is gone
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _death(self) -> ChildDied:
        code = self._process.wait()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        size = os.fstat(self._errors.fileno()).st_size
        words = os.pread(self._errors.fileno(), 2000, max(0, size - 2000)).decode("utf-8", "replace").strip()
        return ChildDied(self._row, "crashed", f"the worker died ({how}) {words}".strip())

    def close(self) -> None:
        """End the process now."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._errors.close()
