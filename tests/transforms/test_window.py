"""Windows against scipy's, to the last bit."""

import numpy as np
import pytest
from scipy.signal import get_window

from melgrid.params.limits import BANDWIDTHS
from melgrid.transforms.window import window


@pytest.mark.parametrize("name", sorted(BANDWIDTHS))
@pytest.mark.parametrize("length", [1, 2, 3, 16, 401, 1024])
@pytest.mark.parametrize("symmetric", [False, True])
def test_windows_are_scipys(name, length, symmetric):
    np.testing.assert_array_equal(
        window(name, length, symmetric=symmetric), get_window(name, length, fftbins=not symmetric)
    )
