from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from melgrid.loaders.padding import pad, padding
from melgrid.params import Chroma, Cqt, Feature, LogMel, Mel, Mfcc, Stft, Waveform
from melgrid.store.shards.encoding import decode, encode
from melgrid.transforms import mfcc, silence, silent_frame


def clip(*values: float, bins: int = 4) -> NDArray[np.float32]:
    return np.repeat(np.array(values, np.float32)[:, None], bins, axis=1)


def level(feature: Feature, *values: float) -> float:
    """Value that stands behind a clip of frames with these values, in all bins."""
    frame = padding(feature, encode(clip(*values, bins=feature.bins), feature)[0])
    assert frame.shape == (feature.bins,)
    assert len(set(frame.tolist())) == 1
    return float(frame[0])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_behind_a_clip_stands_its_own_floor(dtype: Any) -> None:
    assert level(LogMel(n_mels=4, dtype=dtype, top_db=60.0), -20.0, 10.0, -50.0) == -50.0


def test_the_floor_is_not_below_silence() -> None:
    assert silence(LogMel(n_mels=4)) == pytest.approx(-100.0)
    assert level(LogMel(n_mels=4), -100.0, -95.0) == pytest.approx(-100.0)


def test_with_ref_max_the_floor_is_relative_to_the_clip() -> None:
    assert level(LogMel(n_mels=4, ref="max", top_db=70.0), 0.0, -30.0) == -70.0


def test_with_ref_max_and_no_top_db_the_clips_minimum_is_its_floor() -> None:
    assert level(LogMel(n_mels=4, ref="max", top_db=None), 0.0, -91.0) == -91.0


@pytest.mark.parametrize(
    "feature",
    [
        LogMel(n_mels=4, top_db=None),
        LogMel(n_mels=4, log="ln"),
        LogMel(n_mels=4, log="log10"),
        LogMel(n_mels=4, log="log1p"),
        Stft(n_fft=8, output="log", top_db=None),
        Cqt(n_bins=4, output="log", top_db=None),
        Mel(n_mels=4),
        Stft(n_fft=8),
        Stft(n_fft=8, output="phase"),
        Chroma(),
        Waveform(),
    ],
)
def test_without_a_floor_silence_is_the_transform_of_silence(feature: Feature) -> None:
    assert level(feature, 3.0, 5.0) == silence(feature)


def test_the_transform_of_silence_is_what_the_kernels_make_of_it() -> None:
    assert level(LogMel(n_mels=4, log="ln", amin=1e-6), 3.0) == pytest.approx(np.log(1e-6), rel=1e-6)
    assert level(LogMel(n_mels=4, log="log1p"), 3.0) == 0.0
    assert level(LogMel(n_mels=4, top_db=None, ref=0.1), 3.0) == pytest.approx(-90.0)


def test_no_scale_in_db_is_padded_with_zero() -> None:
    for feature in (LogMel(n_mels=4), LogMel(n_mels=4, ref="max", top_db=None), Cqt(n_bins=4, output="log")):
        assert level(feature, -20.0, -30.0) < -25.0


def test_a_clip_without_frames_is_all_silence() -> None:
    assert level(LogMel(n_mels=4)) == silence(LogMel(n_mels=4))


def cepstra(log_mel: NDArray[np.float32], feature: Mfcc) -> NDArray[np.float32]:
    return mfcc(
        log_mel,
        n_mfcc=feature.n_mfcc,
        dct_type=feature.dct_type,
        dct_norm=feature.dct_norm,
        lifter=feature.lifter,
        deltas=feature.deltas,
    )


@pytest.mark.parametrize(
    "options",
    [{}, {"dct_type": 3}, {"dct_norm": None}, {"lifter": 22.0}, {"deltas": 2}, {"mono": False, "channels": 2}],
)
def test_behind_cepstra_stands_the_floor_of_their_bands(options: dict[str, Any]) -> None:
    feature = Mfcc(n_mels=20, n_mfcc=20, top_db=60.0, **options)
    shape = (5, 20, 2) if feature.channels else (5, 20)
    log_mel = np.random.default_rng(0).uniform(-50, -3, shape).astype(np.float32)
    stored = encode(cepstra(log_mel, feature), feature)[0]
    expected = cepstra(clip(float(log_mel.max()) - 60, bins=20), feature)[0]
    np.testing.assert_allclose(padding(feature, stored), expected, rtol=1e-3, atol=1e-2)


def test_truncated_cepstra_give_a_smooth_estimate() -> None:
    feature = Mfcc(n_mels=40, n_mfcc=13)
    smooth = (-20 + 15 * np.cos(np.pi * (np.arange(40) + 0.5) / 40)).astype(np.float32)
    frame = padding(feature, encode(cepstra(np.stack([smooth, smooth - 20]), feature), feature)[0])
    np.testing.assert_allclose(frame, cepstra(clip(-5.0 - 80, bins=40), feature)[0], atol=0.5)


def test_cepstra_relative_to_the_clip_are_not_padded_with_its_maximum() -> None:
    feature = Mfcc(n_mels=20, n_mfcc=20, ref="max", top_db=None)
    log_mel = clip(0.0, -30.0, -70.0, bins=20)
    frame = padding(feature, encode(cepstra(log_mel, feature), feature)[0])
    np.testing.assert_allclose(frame, cepstra(log_mel[2:], feature)[0], rtol=1e-4, atol=1e-2)


def test_cepstra_without_a_floor_get_the_cepstrum_of_silence() -> None:
    feature = Mfcc(n_mels=20, n_mfcc=13, top_db=None, deltas=1)
    stored = encode(np.zeros((3, 26), np.float32), feature)[0]
    np.testing.assert_array_equal(padding(feature, stored), silent_frame(feature))
    assert silent_frame(feature)[0] == pytest.approx(-100 * np.sqrt(20), rel=1e-5)


def test_pad_writes_behind_each_clip_only() -> None:
    feature = LogMel(n_mels=2, dtype="float32")
    stored = np.full((3, 4, 2), np.nan, np.float32)
    stored[0], stored[1, :3], stored[2, :0] = 1.0, -10.0, 0.0
    pad(feature, stored, np.array([4, 3, 0]))
    np.testing.assert_array_equal(stored[0], 1.0)
    np.testing.assert_array_equal(stored[1], clip(-10, -10, -10, -90, bins=2))
    np.testing.assert_array_equal(stored[2], np.float32(silence(feature)))


@pytest.mark.parametrize(
    "feature",
    [
        LogMel(n_mels=4, dtype="uint8", range_db=(-80.0, 0.0)),
        Stft(n_fft=8, output="complex"),
        LogMel(n_mels=4, mono=False, channels=2),
        Stft(n_fft=8, output="complex", mono=False, channels=2),
    ],
)
def test_pad_writes_codes_of_every_stored_shape(feature: Feature) -> None:
    shape = (3, feature.bins, *([feature.channels] if feature.channels else []))
    codes = encode(np.full(shape, -20.0, np.complex64 if feature.is_complex else np.float32), feature)[0]
    stored = np.stack([codes, codes])
    pad(feature, stored, np.array([3, 1]))
    np.testing.assert_array_equal(stored[0], codes)
    np.testing.assert_array_equal(stored[1, :1], codes[:1])
    expected = 0.0 if feature.is_complex else max(-100.0, float(decode(codes, feature).max()) - 80.0)
    if feature.range_db is not None:
        expected = -80.0  # the range ends there
    np.testing.assert_allclose(decode(stored[1, 1:], feature), expected, atol=0.05)
