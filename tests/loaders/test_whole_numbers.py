from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.loaders.whole_numbers import flag, whole_number


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3)])
def test_numbers_of_numpy_become_pythons_own(value: Any) -> None:
    assert type(whole_number("batch_size", value)) is int
    assert whole_number("batch_size", value, 3) == 3


@pytest.mark.parametrize("value", [2, 3.0, "3", True, None, np.float32(3), np.arange(2), [3]])
def test_what_is_none_or_too_small_is_named_with_the_rule(value: Any) -> None:
    with pytest.raises(ParameterError) as caught:
        whole_number("epochs", value, 3, ", or None for ever")
    assert str(caught.value) == f"epochs={value!r}: must be a whole number, at least 3, or None for ever"


def test_a_flag_is_true_or_false_and_no_word() -> None:
    assert flag("shuffle", True) is True
    assert flag("shuffle", np.bool_(False)) is False
    for value in ("no", 0, None, np.zeros(2)):
        with pytest.raises(ParameterError, match=r"shuffle=.*: must be True or False"):
            flag("shuffle", value)
