from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.loaders.layout import Axes, Layout
from melgrid.params import Cqt, Feature, LogMel, Stft
from melgrid.store.shards.encoding import decode, encode

MONO = LogMel(n_mels=4, dtype="float32")
STEREO = LogMel(n_mels=4, dtype="float32", mono=False, channels=2)
UINT8 = LogMel(n_mels=4, dtype="uint8", range_db=(-80.0, 0.0))


def values(feature: Feature, examples: int = 2, frames: int = 5) -> np.ndarray:
    shape = (examples * frames, feature.bins, *([feature.channels] if feature.channels else []))
    x = np.random.default_rng(0).uniform(-90, 10, shape)
    return (x + 1j * x[::-1]).astype(np.complex64) if feature.is_complex else x.astype(np.float32)


def stored(feature: Feature, examples: int = 2, frames: int = 5) -> np.ndarray:
    codes = encode(values(feature, examples, frames), feature)[0]
    return codes.reshape(examples, frames, *codes.shape[1:])


@pytest.mark.parametrize("feature", [MONO, STEREO])
@pytest.mark.parametrize("axes", ["TFC", "FTC", "CTF", "CFT"])
def test_axes_stand_in_the_order_of_their_names(feature: Feature, axes: Axes) -> None:
    source = stored(feature).reshape(2, 5, 4, -1)
    x = Layout(feature, axes, "float32").arrange(stored(feature))
    expected = np.einsum(f"bTFC->b{axes}", source)
    np.testing.assert_array_equal(x, expected)
    assert x.flags.c_contiguous


@pytest.mark.parametrize(("axes", "shape"), [("TF", (2, 5, 4)), ("FT", (2, 4, 5))])
def test_axes_without_channel(axes: Axes, shape: tuple[int, ...]) -> None:
    x = Layout(MONO, axes, "float32").arrange(stored(MONO))
    assert x.shape == shape
    np.testing.assert_array_equal(x, np.einsum(f"bTF->b{axes}", stored(MONO)))


def test_float32_in_stored_order_is_not_copied() -> None:
    source = stored(MONO)
    assert np.shares_memory(Layout(MONO, "TFC", "float32").arrange(source), source)


@pytest.mark.parametrize("feature", [LogMel(n_mels=4), UINT8, MONO])
@pytest.mark.parametrize("axes", ["TF", "FT", "CFT"])
def test_float32_equals_the_stores_own_decoding(feature: Feature, axes: Axes) -> None:
    source = stored(feature)
    x = Layout(feature, axes, "float32").arrange(source)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, Layout(MONO, axes, "float32").arrange(decode(source, feature)))


def test_every_float16_code_is_converted_exactly() -> None:
    feature = LogMel(n_mels=4)
    codes = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(1, -1, 4)
    x = Layout(feature, "TF", "float32").arrange(codes)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(x, codes.astype(np.float32))


@pytest.mark.parametrize("feature", [LogMel(n_mels=4), UINT8])
def test_stored_keeps_the_codes(feature: Feature) -> None:
    x = Layout(feature, "FT", "stored").arrange(stored(feature))
    assert x.dtype == np.dtype(feature.dtype)
    np.testing.assert_array_equal(x, stored(feature).transpose(0, 2, 1))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_real_and_imaginary_parts_are_channels(dtype: Any) -> None:
    feature = Stft(n_fft=8, output="complex", dtype=dtype)
    layout = Layout(feature, None, "float32")
    x: Any = layout.arrange(stored(feature))
    assert layout.axes == "TFC"
    assert x.shape == (2, 5, 5, 2)
    np.testing.assert_array_equal(x[..., 0] + 1j * x[..., 1], decode(stored(feature), feature))


def test_channels_of_complex_features_follow_each_other() -> None:
    feature = Stft(n_fft=8, output="complex", mono=False, channels=3)
    x = Layout(feature, "TFC", "float32").arrange(stored(feature))
    np.testing.assert_array_equal(x[..., 2::2][..., 0], decode(stored(feature), feature)[..., 1].real)
    np.testing.assert_array_equal(x[..., 1::2][..., 2], decode(stored(feature), feature)[..., 2].imag)


@pytest.mark.parametrize("feature", [MONO, STEREO, Stft(n_fft=8, output="complex", mono=False, channels=3)])
def test_empty_has_the_shape_of_stored_frames(feature: Feature) -> None:
    room = Layout(feature, "TFC", "float32").empty(2, 5)
    assert room.shape == stored(feature).shape
    assert room.dtype == stored(feature).dtype
    assert Layout(feature, "TFC", "float32").arrange(room[:0]).shape[0] == 0


def test_wrong_names_and_lost_channels_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"axes='XY'.*TFC"):
        Layout(MONO, "XY", "float32")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"dtype='float64'.*stored"):
        Layout(MONO, "TF", "float64")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"2 channels.*axes='FTC'"):
        Layout(STEREO, "FT", "float32")
    with pytest.raises(ParameterError, match="real and imaginary"):
        Layout(Cqt(output="complex"), "TF", "float32")
