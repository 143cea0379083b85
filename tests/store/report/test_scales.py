"""Ticks: round numbers in range, apart from each other, where the bins are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.params import Chroma, Cqt, LogMel, Mfcc, Stft
from melgrid.store.report.scales import Scale, bin_ticks, number, ticks
from melgrid.transforms import frequencies


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))
def test_ticks_are_even_few_and_inside(low, span):
    found = ticks(low, low + span, 5)
    assert len(found) <= 7
    assert all(low - 1e-6 * span <= value <= low + span * (1 + 1e-6) for value in found)
    if len(found) > 2:
        assert np.diff(found) == pytest.approx(np.diff(found)[0], rel=1e-3)


def test_numbers_are_short():
    assert [number(v) for v in (0, 2500, -40, 1e6, 0.02, 1e-7)] == ["0", "2.5k", "−40", "1M", "0.02", "1e−7"]


def test_logarithmic_ticks_keep_apart():
    for high in (1.2, 3, 10, 1e4, 1e9):
        found = Scale(1.0, high, 46, 366, log=True).ticks()
        assert found
        assert (np.diff([place for place, _ in found]) >= 40).all()


@pytest.mark.parametrize("feature", [LogMel(), Cqt(), Stft(n_fft=512)], ids=lambda f: f.kind)
def test_frequencies_stand_where_their_bins_are(feature):
    hertz = frequencies(feature)
    scale = Scale(0, feature.bins, 172, 26)  # upwards
    found = bin_ticks(feature, hertz, scale, 14)
    assert len(found) >= 4
    values = [float(text.replace("k", "e3")) for _, text in found]
    assert values == sorted(values)
    places = [place for place, _ in found]
    assert (np.diff(places) <= -14).all()
    for place, value in zip(places, values, strict=True):
        nearest = int(np.argmin(np.abs(hertz - value)))
        assert abs(place - scale(nearest + 0.5)) <= 146 / feature.bins


def test_bins_without_frequencies_have_numbers_or_pitches():
    scale = Scale(0, 20, 172, 26)
    assert [text for _, text in bin_ticks(Mfcc(), frequencies(Mfcc()), scale, 10)] == ["0", "5", "10", "15"]
    pitches = bin_ticks(Chroma(), frequencies(Chroma()), Scale(0, 12, 300, 0), 10)
    assert [text for _, text in pitches][::11] == ["C", "B"]
