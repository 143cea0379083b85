"""How soon the command line answers, and how soon the first clip is done."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.clips import KINDS, Clips, clips_of
from benchmarks.race import race
from benchmarks.report import Report, Settings, Table, Target

__all__ = ["measure"]

MELGRID = (sys.executable, "-m", "melgrid")
ONE_DONE = re.compile(rb"1 of 1 clips")
FEATURE = "logmel sr=22050 n_fft=512,1024 hop_length=256,512 n_mels=96,128"


def measure(settings: Settings) -> Report:
    clips = clips_of("fma", settings.corpora, settings.clips)
    store = settings.scratch / "start"
    firsts: list[float] = []

    def first_clip() -> None:
        firsts.append(_until_first_clip(clips, store))

    def python(code: str) -> object:
        return subprocess.run((sys.executable, "-c", code), check=True, capture_output=True)

    times = race(
        {
            "python": lambda: python("pass"),
            "import numpy, soundfile, soxr, h5py": lambda: python("import numpy, soundfile, soxr, h5py"),
            "import librosa; librosa.load": lambda: python("import librosa; librosa.load"),
            "import melgrid": lambda: python("import melgrid"),
            "melgrid --help": lambda: subprocess.run((*MELGRID, "--help"), check=True, capture_output=True),
            "melgrid preprocess, one clip, to the end": lambda: subprocess.run(
                (*_command(clips, store), "--limit", "1", "--quiet"), check=True, capture_output=True
            ),
            "melgrid preprocess": first_clip,
        },
        settings.repeats,
        between=lambda: shutil.rmtree(store, ignore_errors=True),
    )
    del times["melgrid preprocess"]
    first = sorted(firsts[1:])[len(firsts[1:]) // 2]
    rows = [(name, timing.seconds, min(timing.wall)) for name, timing in times.items()]
    rows.append(("melgrid preprocess, to the first clip", first, min(firsts[1:])))
    report = Report([Table("start, one core, everything in the page cache", ("s", "median", "best"), rows)])
    report.targets = [
        Target("melgrid --help, s", 0.3, times["melgrid --help"].seconds, at_most=True),
        Target("first clip done, s", 2.0, first, at_most=True),
    ]
    report.notes.append(f"the first clip is one of {clips.title} ({clips.origin}), 2x2x2 grid, one worker")
    return report


def _command(clips: Clips, store: Path) -> tuple[str, ...]:
    dataset = clips.dataset
    options = [word for key, value in KINDS["fma"].options.items() for word in ("--set", f"{key}={value}")]
    places = ("--root", str(dataset.root), "--store", str(store))
    return (*MELGRID, "preprocess", dataset.name, *places, *options, "--feature", FEATURE, "--jobs", "1")


def _until_first_clip(clips: Clips, store: Path) -> float:
    """Seconds from the start of the process until its progress counts a clip."""
    begin = time.perf_counter()
    with subprocess.Popen(
        (*_command(clips, store), "--limit", "1"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stderr is not None
        said = b""
        while not ONE_DONE.search(said):
            more = process.stderr.read(4096)
            if not more:
                raise AssertionError(f"no clip was done: {said.decode(errors='replace')[-300:]}")
            said += more
        passed = time.perf_counter() - begin
        process.stderr.read()
    return passed
