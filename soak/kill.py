"""kill -9 a run, its workers, or both, at any moment; run again; every byte must be that of an uninterrupted run.

``python -m soak.kill [RANDOM] [RETRY] [SHARES] [SEED]``: every step at which a first run changes the store, the steps
of a worker's first shards, then so many random moments; the same for a run that tries failed clips again (``--retry``);
random moments of one of two shares of a run (``--task K/2``).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import soundfile

from soak import victim

ROOT = Path(__file__).resolve().parent.parent
WHO = ("run", "workers", "both")
WORKER_STEPS = 36  # two shards of two features
# Runs are forked off a process that has imported everything: half of the time of a run would be that.
RUNS = multiprocessing.get_context("forkserver")
RUNS.set_forkserver_preload(["soak.victim", "melgrid.datasets", "melgrid.preprocess", "joblib", "pyarrow.parquet"])
TIMEOUT = 300


def make_corpus(root: Path, clips: int = 20) -> Path:
    """Clips of two classes, a third of a second each; one of them is not audio."""
    rng = np.random.default_rng(1)
    for number in range(clips - 1):
        folder = root / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{number:02d}.wav", 0.3 * rng.uniform(-1, 1, 2600 + 10 * number), 8000)
    (root / "a" / "words.wav").write_text("no audio")
    return root


@dataclass(frozen=True)
class Scene:
    """What is interrupted.

    Attributes
    ----------
    corpus : Path
    before : Path or None
        The store that the run finds; None: it makes one.
    """

    corpus: Path
    before: Path | None = None

    def store(self, path: Path) -> Path:
        """Set the scene at `path`."""
        if self.before is not None:
            shutil.copytree(self.before, path)
        return path

    def start(
        self, store: Path, who: str = "nobody", step: int = 0, said: Path | None = None, share: str = ""
    ) -> ForkServerProcess:
        """Start the run, or a share of it; see `soak.victim`."""
        arguments = (str(self.corpus), str(store), who, str(step), share or ("retry" if self.before else ""))
        process = RUNS.Process(target=victim.tell, args=(said or store.with_name(f"{store.name}.said"), *arguments))
        process.start()
        return process

    def finish(self, store: Path) -> None:
        """Run to the end."""
        process = self.start(store)
        process.join(TIMEOUT)
        if process.exitcode:
            said = store.with_name(f"{store.name}.said").read_text("utf-8")
            raise AssertionError(f"the run failed: {process.exitcode}: {said}")

    def check(self, store: Path, expected: dict[str, bytes]) -> None:
        """Run again and compare."""
        self.finish(store)
        found = contents(store)
        if found != expected:
            differ = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
            raise AssertionError(f"{store}: differs in {differ}")

    def kill_at_step(self, store: Path, who: str, step: int) -> str | None:
        """Let the run or a worker die before one of its steps; return the name of the call, None beyond the last."""
        self.start(store, who, step).join(TIMEOUT)
        named = store.with_name(f"{store.name}.steps")
        return named.read_text("utf-8") if named.exists() else None

    def kill_at_random(self, store: Path, who: str, delay: float, share: str = "") -> bool:
        """Kill some seconds after the imports; return whether there was somebody left to kill."""
        process = self.start(store, share=share)
        _wait_for(store.with_name(f"{store.name}.begun"), process)
        time.sleep(delay)
        alive = process.is_alive()
        workers = children(process.pid) if who != "run" else []
        if who != "workers":
            process.kill()
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        process.join(TIMEOUT)
        return alive and (who == "run" or bool(workers))

    def seconds(self, store: Path) -> float:
        """Time that the work takes."""
        process = self.start(store)
        _wait_for(store.with_name(f"{store.name}.begun"), process)
        begin = time.monotonic()
        process.join(TIMEOUT)
        return time.monotonic() - begin


def make_retry(folder: Path) -> Scene:
    """Make a store of a corpus of which three files are broken, and mend two of them."""
    corpus = make_corpus(folder / "corpus")
    mended = [corpus / "a" / "04.wav", corpus / "b" / "11.wav"]
    sound = [path.read_bytes() for path in mended]
    for path in mended:
        path.write_bytes(b"no audio yet")
    Scene(corpus).finish(folder / "before")
    for path, data in zip(mended, sound, strict=True):
        path.write_bytes(data)
    return Scene(corpus, folder / "before")


def contents(store: Path) -> dict[str, bytes]:
    """Every file of a store but its logs."""
    files = (path for path in store.rglob("*") if path.is_file() and "runs" not in path.parts)
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(files)}


def children(pid: int | None) -> list[int]:
    """Processes that a process has started."""
    with contextlib.suppress(OSError):
        return [int(p) for task in Path(f"/proc/{pid}/task").iterdir() for p in (task / "children").read_text().split()]
    return []


def _wait_for(path: Path, process: ForkServerProcess) -> None:
    while not path.exists() and process.is_alive():
        time.sleep(0.001)


def kills(scene: Scene, folder: Path, randoms: int, rng: np.random.Generator) -> Iterator[str]:
    """Kill, run again, compare; yield what was killed."""
    folder.mkdir()
    reference = scene.store(folder / "reference")
    scene.finish(reference)
    expected = contents(reference)
    work = scene.seconds(scene.store(folder / "timed"))
    for who, last in (("run", 10_000), ("worker", WORKER_STEPS)):
        for step in range(1, last + 1):
            store = scene.store(folder / f"{who}-{step}")
            call = scene.kill_at_step(store, who, step)
            scene.check(store, expected)
            shutil.rmtree(store)
            if call is None:
                break
            yield f"{who} at {call}"
    done = tries = 0
    while done < randoms:
        who = WHO[done % 3]
        delay = float(rng.uniform(0, work))
        tries += 1
        store = scene.store(folder / f"random-{tries}")
        hit = scene.kill_at_random(store, who, delay)
        scene.check(store, expected)
        shutil.rmtree(store)
        if hit:
            done += 1
            yield f"{who} at random"


def kills_of_shares(scene: Scene, folder: Path, randoms: int, rng: np.random.Generator) -> Iterator[str]:
    """Kill one of two shares beside the other, and let a whole run complete what both have left."""
    folder.mkdir()
    scene.finish(folder / "reference")
    expected = contents(folder / "reference")
    work = scene.seconds(folder / "timed")
    done = tries = 0
    while done < randoms:
        tries += 1
        store = folder / f"random-{tries}"
        other = scene.start(store, said=folder / "other", share="2/2")
        hit = scene.kill_at_random(store, WHO[done % 3], float(rng.uniform(0, work)), share="1/2")
        other.join(TIMEOUT)
        if other.exitcode:
            raise AssertionError(f"the other share failed: {(folder / 'other').read_text('utf-8')}")
        scene.check(store, expected)
        shutil.rmtree(store)
        if hit:
            yield f"{WHO[done % 3]} at random"
            done += 1


def main(randoms: int = 105, of_retry: int = 30, of_shares: int = 15, seed: int = 0) -> None:
    """Kill first runs, retries and shares; say what was done."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = Scene(make_corpus(folder / "corpus"))
        acts = {
            "first run": kills(scene, folder / "first run", randoms, rng),
            "retry": kills(make_retry(folder / "broken"), folder / "retry", of_retry, rng),
            "shares": kills_of_shares(scene, folder / "shares", of_shares, rng),
        }
        for title, act in acts.items():
            done: Counter[str] = Counter()
            for what in act:
                done[what] += 1
                print(f"{title}, kill {done.total()}: {what}: same bytes", flush=True)
            print(f"{title}: {done.total()} kills, every store equal byte for byte: {dict(done)}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
