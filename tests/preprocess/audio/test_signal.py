"""Channels and rates: equal to librosa's, sample by sample."""

import numpy as np
import pytest

from melgrid.errors import ClipError
from melgrid.preprocess.audio.signal import mix, resample, resampled_length


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_mono_is_librosas_mean_bit_for_bit(rng, channels):
    import librosa

    samples = rng.standard_normal((5001, channels), dtype=np.float32)
    np.testing.assert_array_equal(mix(samples, None), librosa.to_mono(samples.T))


def test_mixing_leaves_the_decoded_samples_alone(rng):
    samples = rng.standard_normal((100, 2), dtype=np.float32)
    before = samples.copy()
    mix(samples, None)
    np.testing.assert_array_equal(samples, before)


def test_channels_are_kept_or_duplicated(rng):
    stereo = rng.standard_normal((100, 2), dtype=np.float32)
    np.testing.assert_array_equal(mix(stereo, 2), stereo.T)
    np.testing.assert_array_equal(mix(stereo[:, :1], 2), np.stack([stereo[:, 0]] * 2))
    assert mix(stereo, 2).flags.c_contiguous
    with pytest.raises(ClipError, match="undecodable: 2 channels; the feature keeps 3"):
        mix(stereo, 3)


@pytest.mark.parametrize(
    ("sr", "target"), [(44100, 22050), (48000, 22050), (22050, 44100), (11024, 16000), (8000, 8000)]
)
@pytest.mark.parametrize("length", [1, 2, 100, 4097])
def test_resampling_is_librosas_bit_for_bit(rng, sr, target, length):
    import librosa

    y = rng.standard_normal(length, dtype=np.float32)
    ours = resample(y, sr, target, "soxr_hq")
    np.testing.assert_array_equal(ours, librosa.resample(y, orig_sr=sr, target_sr=target, res_type="soxr_hq"))
    assert len(ours) == resampled_length(length, sr, target)


def test_channels_are_resampled_one_by_one(rng):
    y = rng.standard_normal((2, 1000), dtype=np.float32)
    ours = resample(y, 44100, 16000, "soxr_vhq")
    np.testing.assert_array_equal(ours[1], resample(y[1], 44100, 16000, "soxr_vhq"))


def test_a_tone_stays_a_tone():
    t = np.arange(44100) / 44100
    y = np.sin(2 * np.pi * 1000 * t).astype(np.float32)
    out = resample(y, 44100, 22050, "soxr_hq")
    expected = np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050)
    np.testing.assert_allclose(out[1000:-1000], expected[1000:-1000], atol=1e-4)
