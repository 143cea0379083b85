"""A grid of log-mel features by hand: as most scripts do it, and as a careful one does."""

from __future__ import annotations

from pathlib import Path

import h5py
import librosa
import numpy as np

from benchmarks.clips import Clips

__all__ = ["SR", "Setting", "hoisted", "naive", "rival_file"]

SR = 22_050
Setting = tuple[int, int, int]
"""n_fft, hop_length, n_mels."""


def rival_file(folder: Path, setting: Setting) -> Path:
    """Where the rivals put the features of one setting: a dataset for each clip."""
    return folder / f"{'-'.join(map(str, setting))}.h5"


def naive(clips: Clips, settings: list[Setting], folder: Path) -> None:
    """Do everything for every setting: load, melspectrogram, power_to_db, create_dataset."""
    for n_fft, hop, n_mels in settings:
        with h5py.File(rival_file(folder, (n_fft, hop, n_mels)), "w") as file:
            for number, path in enumerate(clips.paths):
                y, _ = librosa.load(path, sr=SR)
                mel = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=n_fft, hop_length=hop, n_mels=n_mels)
                file.create_dataset(str(number), data=librosa.power_to_db(mel))


def hoisted(clips: Clips, settings: list[Setting], folder: Path) -> None:
    """Load a clip once, and transform it once for each window and hop; the rest as `naive`."""
    files = {setting: h5py.File(rival_file(folder, setting), "w") for setting in settings}
    for number, path in enumerate(clips.paths):
        y, _ = librosa.load(path, sr=SR)
        for n_fft, hop in dict.fromkeys((n_fft, hop) for n_fft, hop, _ in settings):
            power = np.abs(librosa.stft(y, n_fft=n_fft, hop_length=hop)) ** 2
            for setting in settings:
                if setting[:2] == (n_fft, hop):
                    mel = librosa.feature.melspectrogram(S=power, sr=SR, n_fft=n_fft, n_mels=setting[2])
                    files[setting].create_dataset(str(number), data=librosa.power_to_db(mel))
    for file in files.values():
        file.close()
