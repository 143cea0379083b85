"""One small corpus with real codecs, made once."""

import numpy as np
import pytest
import soundfile

from melgrid import datasets


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """24 clips of two classes, several rates and depths, 0.3 to 1 s; one of them is not audio, one is empty."""
    root = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(3)
    flavours = [(22050, "PCM_16", 1), (44100, "PCM_24", 2), (48000, "PCM_16", 2), (16000, "PCM_U8", 1)]
    for number in range(22):
        sr, subtype, channels = flavours[number % 4]
        t = np.arange(int(sr * rng.uniform(0.3, 1.0))) / sr
        y = 0.3 * np.sin(2 * np.pi * rng.uniform(200, 2000) * t) + 0.01 * rng.standard_normal(len(t))
        folder = root / ("high" if number % 2 else "low")
        folder.mkdir(exist_ok=True)
        soundfile.write(folder / f"clip{number:02d}.wav", np.stack([y] * channels, axis=1), sr, subtype=subtype)
    (root / "low" / "words.wav").write_text("these are words, not samples " * 40)
    (root / "high" / "nothing.wav").touch()
    return root


@pytest.fixture
def dataset(corpus):
    return datasets.load("folder", corpus)
