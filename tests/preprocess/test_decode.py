"""Decoding: every flavour gives the samples that were written; whatever is wrong has its reason."""

import io
import struct

import numpy as np
import pytest
import soundfile

from melgrid.errors import ClipError
from melgrid.preprocess.decode import decode, read_bytes


def encoded(samples, sr, **kinds):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sr, **kinds)
    return buffer.getvalue()


def tone(sr=8000, seconds=0.5, channels=1):
    t = np.arange(int(sr * seconds)) / sr
    return np.stack([0.5 * np.sin(2 * np.pi * (440 + 110 * c) * t) for c in range(channels)], axis=1)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(
    ("kinds", "tolerance"),
    [
        ({"format": "WAV", "subtype": "PCM_U8"}, 1 / 127),
        ({"format": "WAV", "subtype": "PCM_16"}, 1 / 32767),
        ({"format": "WAV", "subtype": "PCM_24"}, 1e-6),
        ({"format": "WAV", "subtype": "FLOAT"}, 1e-7),
        ({"format": "WAVEX", "subtype": "PCM_16"}, 1 / 32767),
        ({"format": "AU", "subtype": "PCM_16"}, 1 / 32767),
        ({"format": "FLAC", "subtype": "PCM_16"}, 1 / 32767),
    ],
)
def test_exact_formats(kinds, tolerance, channels):
    samples = tone(channels=channels)
    audio = decode(encoded(samples, 8000, **kinds))
    assert audio.sr == 8000
    assert audio.samples.dtype == np.float32
    assert audio.samples.shape == samples.shape
    np.testing.assert_allclose(audio.samples, samples, atol=tolerance)


@pytest.mark.parametrize(
    "kinds",
    [
        {"format": "WAV", "subtype": "IMA_ADPCM"},
        {"format": "WAV", "subtype": "MS_ADPCM"},
        {"format": "OGG", "subtype": "VORBIS"},
        {"format": "MP3", "subtype": "MPEG_LAYER_III"},
    ],
)
def test_lossy_formats_keep_the_tone(kinds):
    samples = tone(sr=22050, seconds=1.0)
    decoded = decode(encoded(samples, 22050, **kinds)).samples[:, 0]
    spectrum = np.abs(np.fft.rfft(decoded[2000:18000] * np.hanning(16000)))
    assert abs(np.argmax(spectrum) * 22050 / 16000 - 440) < 2


def test_one_sample():
    assert decode(encoded(np.array([0.25]), 8000, format="WAV", subtype="FLOAT")).samples.tolist() == [[0.25]]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"not audio at all, only words" * 20, "undecodable"),
        (b"RIFF", "undecodable"),
        (encoded(np.zeros((0, 1)), 8000, format="WAV"), "empty"),
        (encoded(np.array([0.0, np.nan, 0.1]), 8000, format="WAV", subtype="FLOAT"), "non_finite"),
        (encoded(np.array([0.0, np.inf]), 8000, format="WAV", subtype="FLOAT"), "non_finite"),
    ],
)
def test_reasons(data, code):
    with pytest.raises(ClipError) as caught:
        decode(data)
    assert caught.value.code == code
    assert "0x" not in caught.value.message  # no address of this process: reasons are stored


def test_absurdly_large_but_finite_samples_are_samples():
    audio = decode(encoded(np.array([3e38, -3e38, 3e38]), 8000, format="WAV", subtype="FLOAT"))
    assert np.isfinite(audio.samples).all()


def test_a_header_that_claims_gigabytes_does_not_get_them():
    data = bytearray(encoded(tone(), 8000, format="FLAC", subtype="PCM_16"))
    # STREAMINFO counts the samples in 36 bits that end at byte 26.
    data[22:26] = struct.pack(">I", 0xFFFFFFF0)
    with pytest.raises(ClipError) as caught:
        decode(bytes(data))
    assert caught.value.code in {"truncated", "undecodable"}


def test_reading(tmp_path):
    with pytest.raises(ClipError, match="missing: No such file"):
        read_bytes(tmp_path / "nothing.wav")
    (tmp_path / "empty.wav").touch()
    with pytest.raises(ClipError, match="empty: the file has no bytes"):
        read_bytes(tmp_path / "empty.wav")
    (tmp_path / "some.wav").write_bytes(b"abc")
    assert read_bytes(tmp_path / "some.wav") == b"abc"
