"""The machine that measures: what it is, and how it is kept from disturbing the measurement."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from melgrid._version import __version__
from melgrid.preprocess.engine.supervisor import WORKER_ENVIRONMENT

__all__ = ["ENVIRONMENT", "all_cores", "describe", "pin", "quiet_folder"]

# All candidates run as melgrid's workers do: one thread, and an allocator that keeps its pages.
ENVIRONMENT = {
    **WORKER_ENVIRONMENT,
    **dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
    "CUDA_VISIBLE_DEVICES": "",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
PACKAGES = (
    *(
        "melgrid",
        "numpy",
        "scipy",
        "mkl_fft",
        "mkl",
        "numba",
        "librosa",
        "soundfile",
        "soxr",
        "h5py",
        "av",
        "miniaudio",
    ),
    *("torchcodec", "audioread", "torch", "tensorflow", "keras", "audioflux", "essentia", "nnAudio", "kapre"),
)
_CORES = os.sched_getaffinity(0)


def describe() -> dict[str, Any]:
    """Describe the machine and the versions that matter."""
    import soundfile

    return {
        "processor": _cpuinfo("model name"),
        "cores": len(_CORES),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "avx512": "avx512f" in _cpuinfo("flags"),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "libsndfile": soundfile.__libsndfile_version__,
        "ffmpeg": _ffmpeg(),
    }


def _cpuinfo(field: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == field:
            return value.strip()
    return platform.processor()


def _version(package: str) -> str | None:
    if package == "melgrid":
        return __version__  # of this tree, whatever the environment once installed
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _ffmpeg() -> str | None:
    if shutil.which("ffmpeg") is None:
        return None
    words = subprocess.run(("ffmpeg", "-version"), capture_output=True, text=True, check=True).stdout.split()
    return words[2]


def pin() -> None:
    """Keep this process, and the threads and processes that it will start, to one core."""
    os.sched_setaffinity(0, {max(_CORES)})


@contextmanager
def all_cores() -> Iterator[None]:
    """Let this process and its children use every core, for as long as the block lasts."""
    os.sched_setaffinity(0, _CORES)
    try:
        yield
    finally:
        pin()


def quiet_folder() -> str | None:
    """Folder in memory for what candidates write, so that no disk is measured; None where there is none."""
    shm = Path("/dev/shm")
    roomy = shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 4 << 30
    return str(shm) if roomy else None
