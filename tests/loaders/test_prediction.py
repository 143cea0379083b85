from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.loaders import KerasLoader, NumpyLoader, predict_clips


def first_frames(x: Any) -> Any:
    return x[:, 0, 0][:, None] * [1.0, 2.0]


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_a_clip_has_the_mean_of_its_tiles(make_selection: Any, batch_size: int) -> None:
    # starts: clip 0 [0, 4, 6], clip 1 [0], clip 2 [0, 4]
    loader = NumpyLoader(
        make_selection([10, 3, 8]), crop_frames=4, batch_size=batch_size, seed=3, drop_last=batch_size < 4
    )
    expected = np.array([10 / 3 / 16, 1, 2 + 2 / 16])
    np.testing.assert_allclose(predict_clips(first_frames, loader), expected[:, None] * [1, 2], rtol=1e-6)


def test_labels_are_not_needed(make_selection: Any) -> None:
    selection = make_selection([10, 3, 8], labels=[0, -1, 1])
    loader = NumpyLoader(selection, crop_frames=4, labels=None, with_ids=True)
    assert predict_clips(first_frames, loader).shape == (3, 2)


def test_a_keras_model_predicts_as_it_does_by_itself(make_selection: Any) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    loader = KerasLoader(make_selection([8, 12, 4]), crop_frames=4, batch_size=4)
    tiles = KerasLoader(make_selection([8, 12, 4]), crop_frames=4, crop="tile", shuffle=False)
    each = model.predict(tiles, verbose=0)
    expected = [each[:2].mean(axis=0), each[2:5].mean(axis=0), each[5]]
    np.testing.assert_allclose(predict_clips(model, loader), expected, rtol=1e-5, atol=1e-6)


def test_whole_clips_are_predicted_once_with_their_mask(make_selection: Any) -> None:
    loader = NumpyLoader(make_selection([10, 3, 8]), batch_size=2)
    counts = predict_clips(lambda inputs: inputs["mask"].sum(axis=1)[:, None], loader)
    np.testing.assert_array_equal(counts, [[10], [3], [8]])


def test_one_output_per_example_needs_no_second_axis(make_selection: Any) -> None:
    loader = NumpyLoader(make_selection([10, 3]), crop_frames=4)
    assert predict_clips(lambda x: x[:, 0, 0], loader).shape == (2,)


def test_several_outputs_are_refused(make_selection: Any) -> None:
    with pytest.raises(ParameterError, match="several outputs"):
        predict_clips(lambda x: [x, x], NumpyLoader(make_selection([10, 3]), crop_frames=4))


def test_what_is_no_loader_is_refused(make_selection: Any) -> None:
    with pytest.raises(ParameterError, match="is no loader; make one"):
        predict_clips(len, make_selection([4]))
