from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from melgrid.datasets import load, miniature
from melgrid.datasets.miniature.codecs import stereo, write_au, write_mp3, write_ogg, write_wav
from melgrid.datasets.miniature.sounds import URBAN, music, urban, voice
from melgrid.preprocess import audition

pytestmark = pytest.mark.filterwarnings("ignore:gtzan. nothing keeps")  # tested in test_gtzan.py

TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("pcm_u8", 0.01),
        ("pcm_16", 1e-4),
        ("pcm_24", 1e-6),
        ("pcm_32", 1e-6),
        ("float", 0),
        ("ms_adpcm", 0.05),
        ("ima_adpcm", 0.05),
        ("extensible", 1e-4),
        ("list_chunk", 1e-4),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_kinds_come_back(tmp_path: Path, kind: str, error: float, channels: int) -> None:
    y = TONE if channels == 1 else stereo(TONE)
    write_wav(tmp_path / "a.wav", y, 16000, kind)
    back, sr = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert sr == 16000
    assert back.shape[1:] == y.shape[1:]
    settled = slice(200 if kind == "ima_adpcm" else 0, len(y))  # IMA starts with its smallest step
    assert np.abs(back[settled] - y[settled]).max() <= error


def test_the_extensible_header_is_one(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", TONE, 16000, "extensible")
    assert (tmp_path / "a.wav").read_bytes()[20:22] == b"\xfe\xff"


def test_chunks_stand_before_the_samples(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", TONE, 16000, "list_chunk")
    data = (tmp_path / "a.wav").read_bytes()
    assert data.index(b"junk") < data.index(b"LIST") < data.index(b"data")


@pytest.mark.parametrize("known_size", [True, False])
def test_au_is_big_endian_and_may_leave_its_size_open(tmp_path: Path, known_size: bool) -> None:
    write_au(tmp_path / "a.au", TONE, 16000, known_size=known_size)
    data = (tmp_path / "a.au").read_bytes()
    offset = int.from_bytes(data[4:8])
    samples = np.frombuffer(data[offset:], dtype=">i2") / 32768
    assert data[:4] == b".snd"
    assert (data[8:12] == b"\xff" * 4) != known_size
    assert np.abs(samples - TONE).max() < 1e-4
    assert soundfile.info(tmp_path / "a.au").frames == len(TONE)


@pytest.mark.parametrize(("sr", "kbps"), [(16000, 32), (44100, 128), (44100, 256), (48000, 320)])
def test_mp3_has_the_bit_rate_asked_for(tmp_path: Path, sr: int, kbps: int) -> None:
    y = np.tile(TONE, 6)
    write_mp3(tmp_path / "a.mp3", y, sr, kbps=kbps)
    assert (tmp_path / "a.mp3").stat().st_size * 8 / (len(y) / sr) / 1000 == pytest.approx(kbps, rel=0.15)
    write_mp3(tmp_path / "b.mp3", y, sr, kbps=kbps, comment="a comment")
    assert (tmp_path / "b.mp3").read_bytes().endswith((tmp_path / "a.mp3").read_bytes())
    assert soundfile.info(tmp_path / "b.mp3").frames == pytest.approx(len(y), abs=4000)


def test_ogg_has_no_chance_in_it(tmp_path: Path) -> None:
    for name in "ab":
        write_ogg(tmp_path / f"{name}.ogg", TONE, 16000)
    assert (tmp_path / "a.ogg").read_bytes() == (tmp_path / "b.ogg").read_bytes()
    back, _ = soundfile.read(tmp_path / "a.ogg", dtype="float32")
    assert len(back) == len(TONE)
    assert np.corrcoef(back, TONE)[0, 1] > 0.99


@pytest.mark.parametrize("seconds", [0.0, 0.0001, 0.055, 1.0])
@pytest.mark.parametrize("sr", [8000, 44100])
def test_sounds_have_their_length_and_stay_in_range(seconds: float, sr: int) -> None:
    def rng() -> np.random.Generator:
        return np.random.default_rng(0)

    sounds = [urban(name, seconds, sr, rng(), rng()) for name in URBAN]
    sounds += [music(3, seconds, sr, rng(), rng()), voice(seconds, sr, rng(), rng())]
    for y in sounds:
        assert y.dtype == np.float32
        assert y.shape == (round(seconds * sr),)
        assert np.abs(y).max(initial=0) <= 1
        assert np.isfinite(y).all()


def test_urban_classes_can_be_told_apart_across_recordings() -> None:
    """A nearest class mean on log band energies, tested on other recordings, is right well above chance."""

    def bands(y: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(y, 1024)[::512] * np.hanning(1024)
        power = np.abs(np.fft.rfft(frames)) ** 2
        edges = np.unique(np.geomspace(2, 512, 20).astype(int))
        levels = np.log(np.add.reduceat(power[:, :512], edges[:-1], axis=1) + 1e-6)
        return np.concatenate([levels.mean(0), levels.std(0), np.abs(np.diff(levels, axis=0)).mean(0)])

    def one(name: str, *seed: int) -> np.ndarray:
        return bands(urban(name, 1.0, 16000, np.random.default_rng(seed), np.random.default_rng([*seed, 1])))

    features = np.array([[one(name, c, k) for k in range(10)] for c, name in enumerate(URBAN)])
    scale = features.std(axis=(0, 1)) + 1e-9
    means = features[:, :6].mean(axis=1)
    distance = (((features[:, 6:, None] - means) / scale) ** 2).sum(-1)
    accuracy = float((distance.argmin(-1) == np.arange(10)[:, None]).mean())
    assert accuracy > 0.5


def test_slices_of_a_recording_are_more_alike_than_slices_of_two() -> None:
    def spectrum(recording: int, part: int) -> np.ndarray:
        y = urban("siren", 2.0, 16000, np.random.default_rng(recording), np.random.default_rng([recording, part]))
        return np.log(np.abs(np.fft.rfft(y)).reshape(-1)[:16000].reshape(200, -1).mean(1) + 1e-9)

    within = [np.corrcoef(spectrum(k, 0), spectrum(k, 1))[0, 1] for k in range(5)]
    between = [np.corrcoef(spectrum(k, 0), spectrum(k + 1, 1))[0, 1] for k in range(5)]
    assert np.mean(within) > np.mean(between)


def test_another_seed_gives_other_sound(tmp_path: Path) -> None:
    for seed in (0, 1):
        miniature.gtzan_music_speech(tmp_path / str(seed), clips=2, seconds=0.1, seed=seed)
    first, second = (tmp_path / name / "music_speech/music_wav/music00.wav" for name in "01")
    assert first.read_bytes() != second.read_bytes()


@pytest.mark.parametrize("name", ["fma", "gtzan", "magnatagatune", "urbansound8k"])
def test_faults_may_be_left_out(tmp_path: Path, name: str) -> None:
    root = getattr(miniature, name)(tmp_path, seconds=0.1, faults=False)
    report = load(name, root).validate(decode=audition, checksums=True)
    assert (report.missing, report.empty, report.extra, report.wrong_checksum) == ((), (), (), ())
    assert (report.broken, report.duplicates, dict(report.known_bad)) == ({}, (), {})
