"""Copies and reads of many spans in one call."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.store.shards.gather import gather, read

SPANS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 56)), max_size=8)
SOURCE = np.random.default_rng(0).integers(0, 256, 256, np.uint8)


def columns(spans):
    begins, sizes = (np.array([s[i] for s in spans], np.int64) for i in (0, 1))
    return begins, sizes, np.full(60 * 8, 7, np.uint8), np.arange(len(spans)) * 60


def sliced(begins, sizes, places):
    expected = np.full(60 * 8, 7, np.uint8)
    for begin, size, place in zip(begins, sizes, places, strict=True):
        expected[place : place + size] = SOURCE[begin : begin + size]
    return expected


@given(SPANS)
def test_gathering_is_slicing(spans):
    begins, sizes, target, places = columns(spans)
    gather(SOURCE, begins, sizes, target, places)
    np.testing.assert_array_equal(target, sliced(begins, sizes, places))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("read") / "source"
    path.write_bytes(SOURCE.tobytes())
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


@given(spans=SPANS)
def test_reading_is_slicing(file, spans):
    begins, sizes, target, places = columns(spans)
    order, files = np.arange(len(spans))[::-1].copy(), np.full(len(spans), 1)
    offsets = np.array([0, 5])
    assert read(order, np.array([-1, file]), offsets, files, begins - 5, sizes, target, places) == len(spans)
    np.testing.assert_array_equal(target, sliced(begins, sizes, places))


def test_reading_stops_at_the_first_span_that_does_not_come_whole(file):
    begins, sizes, target, places = columns([(0, 50), (230, 56), (0, 10)])  # the second goes beyond the end
    files, nothing = np.array([0, 0, 1]), np.zeros(2, np.int64)
    for order, expected in (([0, 1, 2], 1), ([1, 0, 2], 0), ([0, 2, 1], 1), ([0], 1)):
        found = read(np.array(order), np.array([file, -1]), nothing, files, begins, sizes, target, places)
        assert found == expected
