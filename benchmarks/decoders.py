"""Files to mono samples at their own rate: melgrid's way beside librosa's and those of other decoders."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt

from benchmarks.clips import KINDS, all_clips
from benchmarks.race import Candidate, optional, race
from benchmarks.report import Report, Settings, Table
from melgrid.preprocess.audio.decode import decode, read_bytes
from melgrid.preprocess.audio.signal import mix

__all__ = ["measure"]

FEW = 12  # files of 30 s
Float32 = npt.NDArray[np.float32]
Decoder = Callable[[Path], Float32]


def measure(settings: Settings) -> Report:
    report = Report()
    for kind, clips in all_clips(settings, report):
        paths = clips.first(min(len(clips), FEW * KINDS[kind].times)).paths
        candidates: dict[str, Candidate] = {
            name: partial(_all, decoder, paths) for name, decoder in (("melgrid", _melgrid), ("librosa.load", _librosa))
        }
        others, skipped = optional({name: partial(_prepared, make, paths) for name, make in OTHERS.items()})
        report.skip(clips.title, skipped)
        times = race(candidates | others, 2 * settings.repeats)
        seconds = sum(len(_melgrid(path)) / decode(read_bytes(path)).sr for path in paths)
        rows = [
            (
                name,
                1e3 * timing.seconds / len(paths),
                1e3 * timing.cpu_seconds / len(paths),
                seconds / timing.seconds,
                times["librosa.load"].seconds / timing.seconds,
            )
            for name, timing in times.items()
        ]
        columns = ("ms per file", "median", "CPU", "x real time", "x librosa.load")
        report.tables.append(Table(f"{clips.title}, {len(paths)} files, {clips.origin}", columns, rows))
    return report


def _all(decoder: Decoder, paths: list[Path]) -> None:
    for path in paths:
        decoder(path)


def _prepared(make: Callable[[], Decoder], paths: list[Path]) -> Candidate:
    decoder = make()
    for path in paths:
        expected = len(_melgrid(path))
        # Decoders differ by a frame or two of an MP3; one that gives much less has not decoded the file.
        if abs(len(decoder(path)) - expected) > 2 * 1152:
            raise ValueError(f"{len(decoder(path))} samples of {path.name} in place of {expected}")
    return partial(_all, decoder, paths)


def _melgrid(path: Path) -> Float32:
    return mix(decode(read_bytes(path)).samples, None)


def _librosa(path: Path) -> Float32:
    y: Float32 = librosa.load(path, sr=None)[0]
    return y


def _mean(channels: Any) -> Float32:
    """Mix (channels, n_samples) as melgrid does."""
    samples = np.asarray(channels, np.float32)
    mono: Float32 = samples[0] if len(samples) == 1 else (samples[0] + samples[1]) * np.float32(0.5)
    return mono


def _pyav() -> Decoder:
    import av

    def decoder(path: Path) -> Float32:
        with av.open(str(path)) as file:
            resampler = av.AudioResampler(format="fltp")
            frames = [part.to_ndarray() for frame in file.decode(audio=0) for part in resampler.resample(frame)]
        return _mean(np.concatenate(frames, axis=1))

    return decoder


def _miniaudio() -> Decoder:
    import miniaudio

    def decoder(path: Path) -> Float32:
        info = miniaudio.get_file_info(str(path))
        sound = miniaudio.decode_file(
            str(path), miniaudio.SampleFormat.FLOAT32, nchannels=info.nchannels, sample_rate=info.sample_rate
        )
        return _mean(np.frombuffer(sound.samples, np.float32).reshape(-1, info.nchannels).T)

    return decoder


def _torchcodec() -> Decoder:
    import torch
    from torchcodec.decoders import AudioDecoder

    torch.set_num_threads(1)
    return lambda path: _mean(AudioDecoder(path).get_all_samples().data.numpy())


def _audioread() -> Decoder:
    from audioread.ffdec import FFmpegAudioFile

    def decoder(path: Path) -> Float32:
        with FFmpegAudioFile(str(path)) as file:
            pcm = np.frombuffer(b"".join(file), "<i2").reshape(-1, file.channels)
        return _mean((pcm * np.float32(1 / 32768)).T)

    return decoder


OTHERS: dict[str, Callable[[], Decoder]] = {
    "PyAV": _pyav,
    "miniaudio": _miniaudio,
    "torchcodec": _torchcodec,
    "audioread, ffmpeg process": _audioread,
}
