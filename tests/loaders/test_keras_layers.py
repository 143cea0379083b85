from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.loaders import normalization
from melgrid.loaders.layout import Axes, Layout
from melgrid.params import LogMel
from melgrid.store import Statistics
from melgrid.store.shards.encoding import decode


def given(mean: Any, std: Any) -> Statistics:
    return Statistics(np.asarray(mean), np.asarray(std), 1)


MEAN, STD = np.array([-30.0, -20.0, 5.0]), np.array([10.0, 2.0, 0.5])


def examples(dtype: Any = np.float32) -> NDArray[Any]:
    return np.random.default_rng(0).uniform(0, 50, (2, 5, 3, 1)).astype(dtype)


@pytest.mark.parametrize("axes", get_args(Axes))
def test_bins_are_standardised_wherever_they_stand(axes: Axes) -> None:
    x = np.einsum(f"bTFC->b{axes}", examples()) if "C" in axes else np.einsum(f"bTF->b{axes}", examples()[..., 0])
    out = keras.ops.convert_to_numpy(normalization(given(MEAN, STD), axes)(x))
    shape = [1] * x.ndim
    shape[1 + axes.index("F")] = 3
    np.testing.assert_allclose(out, (x - MEAN.reshape(shape)) / STD.reshape(shape), rtol=1e-5, atol=1e-5)


def test_one_number_for_all_bins() -> None:
    x = examples()
    out = keras.ops.convert_to_numpy(normalization(given(4.0, 2.0))(x))
    np.testing.assert_allclose(out, (x - 4) / 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("axes", ["TFC", "FTC", "CTF", "CFT"])
def test_bins_of_channels_are_standardised_each(axes: Axes) -> None:
    mean, std = np.arange(6.0).reshape(3, 2), 1.0 + np.arange(6.0).reshape(3, 2)
    x = np.random.default_rng(0).uniform(0, 50, (2, 5, 3, 2)).astype(np.float32)
    out = normalization(given(mean, std), axes)(np.einsum(f"bTFC->b{axes}", x))
    expected = np.einsum(f"bTFC->b{axes}", (x - mean) / std)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(out), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (3, 2)])
def test_complex_values_are_moved_and_scaled_as_one(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    mean, std = rng.normal(size=shape) + 1j * rng.normal(size=shape), rng.uniform(1, 2, shape)
    z = (rng.normal(size=(2, 5, *shape)) + 1j * rng.normal(size=(2, 5, *shape))).astype(np.complex64)
    x = z.view(np.float32).reshape(2, 5, 3, -1)
    out = keras.ops.convert_to_numpy(normalization(given(mean, std))(x))
    expected = ((z - mean) / std).astype(np.complex64)
    np.testing.assert_allclose(out.reshape(-1).view(np.complex64), expected.reshape(-1), rtol=1e-5, atol=1e-5)


def test_float16_is_cast_before_the_arithmetic() -> None:
    x = examples(np.float16)
    out = normalization(given(MEAN, STD))(x)
    assert out.dtype == "float32"
    expected = (x.astype(np.float32) - MEAN[:, None]) / STD[:, None]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(out), expected, rtol=1e-5, atol=1e-5)


def test_uint8_codes_are_taken_for_the_values_they_stand_for() -> None:
    feature = LogMel(n_mels=3, dtype="uint8", range_db=(-80.0, 10.0), empty_bands="allow")
    codes = np.random.default_rng(0).integers(0, 256, (2, 5, 3, 1), np.uint8)
    out = normalization(given(MEAN, STD), stored=feature)(Layout(feature, "TFC", "stored").arrange(codes[..., 0]))
    values = decode(codes[..., 0], feature)[..., None]
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(out), (values - MEAN[:, None]) / STD[:, None], rtol=1e-4, atol=1e-4
    )


def test_a_model_carries_its_numbers(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((None, 3, 1)), normalization(given(MEAN, STD))])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(examples(), verbose=0), model.predict(examples(), verbose=0))


def test_unknown_axes_are_refused() -> None:
    with pytest.raises(ParameterError, match="axes='F'"):
        normalization(given(MEAN, STD), "F")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="C must be among"):
        normalization(given(np.ones((3, 2)), np.ones((3, 2))), "FT")


def test_a_selection_is_no_statistics(make_selection: Any) -> None:
    with pytest.raises(ParameterError, match=r"are no statistics; say selection\.statistics"):
        normalization(make_selection([4]))
