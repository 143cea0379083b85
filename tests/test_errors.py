"""Errors travel between processes whole."""

import pickle

import pytest

from melgrid import errors


@pytest.mark.parametrize("name", errors.__all__)
def test_an_error_can_be_pickled(name):
    kind = getattr(errors, name)
    if name == "Reason":
        return
    made = kind("empty", "no bytes") if kind is errors.ClipError else kind("words")
    again = pickle.loads(pickle.dumps(made))
    assert (type(again), str(again), vars(again)) == (kind, str(made), vars(made))


def test_a_clip_error_says_its_reason_and_its_words():
    error = errors.ClipError("empty", "no bytes")
    assert (str(error), error.code, error.message) == ("empty: no bytes", "empty", "no bytes")
