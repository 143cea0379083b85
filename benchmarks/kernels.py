"""One feature of one clip of 30 s at 22,050 Hz: melgrid through its plan, librosa, and other libraries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt

from benchmarks.backends import BACKENDS, using
from benchmarks.clips import clips_of
from benchmarks.kernel_peers import PEERS, Kernel
from benchmarks.race import Candidate, optional, race
from benchmarks.report import Report, Settings, Table, Target
from benchmarks.rivals import SR
from melgrid.params import Cqt, Feature, LogMel, Stft
from melgrid.preprocess import compile_plan
from melgrid.preprocess.audio.decode import decode, read_bytes
from melgrid.preprocess.audio.signal import mix, resample

__all__ = ["measure"]

Values = npt.NDArray[Any]
ROWS = 64

KERNELS = (
    Kernel("logmel", 512, 256, 96),
    Kernel("logmel", 1024, 512, 128),
    Kernel("logmel", 2048, 512, 128),
    Kernel("stft", 512, 256),
    Kernel("stft", 1024, 512),
    Kernel("stft", 2048, 512),
    Kernel("cqt", 0, 512, 84),
    Kernel("cqt", 0, 256, 84),
    Kernel("cqt", 0, 512, 168),
)
TARGETS = {
    KERNELS[1]: {"mkl_fft": 4.5, "scipy": 3.5},
    KERNELS[6]: {"mkl_fft": 4.3, "scipy": 3.4},
}


def measure(settings: Settings) -> Report:
    clips = clips_of("fma", settings.corpora, settings.clips)
    audio = decode(read_bytes(clips.paths[0]))
    y = resample(mix(audio.samples, None), audio.sr, SR, "soxr_hq")
    report = Report(notes=[f"{len(y) / SR:.1f} s of {clips.title}, {clips.origin}; one call a round"])
    report.notes.append("difference: largest, to librosa; dB for logmel, else relative to the peak")
    report.notes.append("keras, kapre, audioflux, essentia, nnAudio: similar features by their own conventions")
    for kernel in KERNELS:
        ours = {f"melgrid {backend}": _melgrid(kernel, y, backend) for backend in BACKENDS}
        reference = _librosa(kernel, y)
        peers, skipped = optional(
            {name: partial(make, kernel, y) for name, make in PEERS.items() if kernel.kind in make.kinds}
        )
        report.skip(str(kernel), skipped)
        floors = {f"bare {backend} of the frames": _bare(kernel, y, backend) for backend in BACKENDS if kernel.n_fft}
        times = race({"librosa": reference, **ours, **peers, **floors}, 5 * settings.repeats)
        expected = reference().T
        rows = [
            (
                name,
                1e3 * timing.seconds,
                1e3 * timing.cpu_seconds,
                times["librosa"].seconds / timing.seconds,
                _difference(kernel, ours[name](), expected) if name in ours else None,
            )
            for name, timing in times.items()
        ]
        report.tables.append(Table(str(kernel), ("ms", "median", "CPU", "x librosa", "difference"), rows))
        for backend in BACKENDS:
            if kernel in TARGETS:
                timing, other = times[f"melgrid {backend}"], times["librosa"]
                by_cpu = other.cpu_seconds / timing.cpu_seconds
                wanted = TARGETS[kernel][backend]
                what = f"{kernel}, {backend}: x librosa"
                report.targets.append(Target(what, wanted, other.seconds / timing.seconds, by_cpu))
    return report


def _feature(kernel: Kernel) -> Feature:
    if kernel.kind == "cqt":
        return Cqt(
            sr=SR,
            hop_length=kernel.hop,
            n_bins=kernel.bins,
            bins_per_octave=kernel.bins // 7,
            output="complex",
            dtype="float32",
        )
    if kernel.kind == "stft":
        return Stft(sr=SR, n_fft=kernel.n_fft, hop_length=kernel.hop, output="magnitude", dtype="float32")
    return LogMel(sr=SR, n_fft=kernel.n_fft, hop_length=kernel.hop, n_mels=kernel.bins, dtype="float32")


def _melgrid(kernel: Kernel, y: Values, backend: str) -> Callable[[], Values]:
    plan = compile_plan([_feature(kernel)])
    samples = y[:, np.newaxis]

    def compute() -> Values:
        with using(backend):
            return next(iter(plan.run(samples, SR)))[1]

    return compute


def _librosa(kernel: Kernel, y: Values) -> Callable[[], Values]:
    if kernel.kind == "cqt":
        return lambda: librosa.cqt(
            y, sr=SR, hop_length=kernel.hop, n_bins=kernel.bins, bins_per_octave=kernel.bins // 7, tuning=0.0
        )
    if kernel.kind == "stft":
        return lambda: np.abs(librosa.stft(y, n_fft=kernel.n_fft, hop_length=kernel.hop))
    return lambda: librosa.power_to_db(
        librosa.feature.melspectrogram(y=y, sr=SR, n_fft=kernel.n_fft, hop_length=kernel.hop, n_mels=kernel.bins)
    )


def _bare(kernel: Kernel, y: Values, backend: str) -> Candidate:
    """Nothing but the Fourier transforms, of as many frames."""
    transform = BACKENDS[backend]
    block = np.random.default_rng(0).standard_normal((ROWS, kernel.n_fft), np.float32)
    blocks = -(-(1 + len(y) // kernel.hop) // ROWS)

    def compute() -> None:
        for _ in range(blocks):
            transform(block, axis=1)

    return compute


def _difference(kernel: Kernel, values: Values, expected: Values) -> float:
    worst = float(np.abs(values - expected).max())
    return worst if kernel.kind == "logmel" else worst / float(np.abs(expected).max())
