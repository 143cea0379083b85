"""kill -9 a run, its workers, or both, at any moment; run again; every byte must be that of an uninterrupted run.

``python -m soak.kill [POINTS] [SEED]``: every step at which the run changes the store, the steps of a worker's first
shards, then random moments until there are POINTS.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parent.parent
VICTIMS = ("run", "workers", "both")
WORKER_STEPS = 36  # two shards of two features


def make_corpus(root: Path, clips: int = 20) -> Path:
    """Clips of two classes, a third of a second each; one of them is not audio."""
    rng = np.random.default_rng(1)
    for number in range(clips - 1):
        folder = root / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{number:02d}.wav", 0.3 * rng.uniform(-1, 1, 2600 + 10 * number), 8000)
    (root / "a" / "words.wav").write_text("no audio")
    return root


def start(corpus: Path, store: Path, *how: object) -> subprocess.Popen[bytes]:
    """Start a run; see `soak.victim`."""
    command = [sys.executable, "-m", "soak.victim", str(corpus), str(store), *map(str, how)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)


def finish(corpus: Path, store: Path) -> None:
    """Run to the end."""
    process = start(corpus, store)
    _, errors = process.communicate(timeout=300)
    if process.returncode:
        raise AssertionError(f"the rerun failed: {errors.decode()}")


def contents(store: Path) -> dict[str, bytes]:
    """Every file of a store but its logs."""
    files = (path for path in store.rglob("*") if path.is_file() and "runs" not in path.parts)
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(files)}


def check(corpus: Path, store: Path, expected: dict[str, bytes]) -> None:
    """Run again and compare."""
    finish(corpus, store)
    found = contents(store)
    if found != expected:
        differ = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        raise AssertionError(f"{store}: differs in {differ}")


def kill_at_step(corpus: Path, store: Path, who: str, step: int) -> str | None:
    """Let the run or a worker die before one of its steps; return the name of the call, None beyond the last."""
    process = start(corpus, store, who, step)
    process.communicate(timeout=300)
    named = store.with_name(f"{store.name}.steps")
    return named.read_text("utf-8") if named.exists() else None


def kill_at_random(corpus: Path, store: Path, victim: str, delay: float) -> bool:
    """Kill some seconds after the store appears; return whether there was somebody left to kill."""
    process = start(corpus, store)
    while not store.exists() and process.poll() is None:
        time.sleep(0.001)
    time.sleep(delay)
    alive = process.poll() is None
    workers = children(process.pid) if victim != "run" else []
    if victim != "workers":
        process.kill()
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    process.communicate(timeout=300)
    return alive and (victim == "run" or bool(workers))


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    with contextlib.suppress(OSError):
        return [int(p) for task in Path(f"/proc/{pid}/task").iterdir() for p in (task / "children").read_text().split()]
    return []


def main(points: int = 160, seed: int = 0) -> None:
    """Kill, run again, compare; say what was done."""
    done: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = make_corpus(folder / "corpus")
        reference = folder / "reference"
        finish(corpus, reference)
        expected = contents(reference)
        begin = time.monotonic()
        process = start(corpus, folder / "timed")
        while not (folder / "timed").exists():
            begin = time.monotonic()
            time.sleep(0.001)
        process.communicate(timeout=300)
        work = time.monotonic() - begin
        for who, last in (("run", 10_000), ("worker", WORKER_STEPS)):
            for step in range(1, last + 1):
                store = folder / f"{who}-{step}"
                call = kill_at_step(corpus, store, who, step)
                check(corpus, store, expected)
                if call is None:
                    break
                done[f"{who} at {call}"] += 1
                print(f"{who} step {step} ({call}): same bytes", flush=True)
        rng = np.random.default_rng(seed)
        missed = 0
        while sum(done.values()) < points:
            victim = VICTIMS[sum(done.values()) % 3]
            delay = float(rng.uniform(0, work))
            store = folder / f"random-{sum(done.values()) + missed}"
            hit = kill_at_random(corpus, store, victim, delay)
            check(corpus, store, expected)
            done[f"{victim} at random"] += hit
            missed += not hit
            print(f"{victim} after {delay:.3f} s{'' if hit else ' (too late)'}: same bytes", flush=True)
    print(f"{sum(done.values())} kills, every store equal byte for byte: {dict(done)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
