import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.params import LogMel, Mel, Stft
from melgrid.store.shards.encoding import (
    EncodingReport,
    decode,
    encode,
    encode_with_moments,
    item_shape,
    moments,
    stored_dtype,
    uint8_scale,
)

HALF = LogMel(sr=8000, n_fft=256, n_mels=2)
SINGLE = Mel(sr=8000, n_fft=256, n_mels=2)
BYTE = LogMel(sr=8000, n_fft=256, n_mels=2, dtype="uint8", range_db=(-80.0, 0.0))
PAIR = Stft(sr=8000, n_fft=2, output="complex")


def column(*values, dtype=np.float32):
    return np.array([[value, value] for value in values], dtype)


def test_float32_is_stored_as_it_is():
    values = column(0.1, -3e38, 5e-324)
    stored, report = encode(values, SINGLE)
    np.testing.assert_array_equal(stored, values)
    assert (report.worst_error, report.non_finite, report.saturated) == (0.0, 0, 0)


def test_float16_reports_its_worst_rounding_error():
    stored, report = encode(column(-80.01, 0.5), HALF)
    assert report.worst_error == abs(float(np.float16(-80.01)) - float(np.float32(-80.01)))
    np.testing.assert_array_equal(decode(stored, HALF), column(-80.01, 0.5).astype("f2").astype("f4"))


def test_float16_saturates_at_its_largest_number_and_says_so():
    stored, report = encode(column(1e6, -1e6, 1.0), HALF)
    np.testing.assert_array_equal(stored[:, 0], [65504, -65504, 1])
    assert (report.saturated, report.non_finite, report.worst_error) == (4, 0, 0.0)


@pytest.mark.parametrize("feature", [HALF, SINGLE, BYTE])
def test_non_finite_values_are_counted(feature):
    _, report = encode(column(np.nan, np.inf, -np.inf, -10.0), feature)
    assert (report.non_finite, report.saturated) == (6, 0)


def test_uint8_spans_its_range_evenly():
    stored, report = encode(column(-80, 0, -39.9), BYTE)
    np.testing.assert_array_equal(stored[:, 0], [0, 255, 128])
    low, step = uint8_scale(BYTE)
    np.testing.assert_array_equal(decode(stored, BYTE)[:, 0], np.array([0, 255, 128], "f4") * step + low)
    assert report.worst_error <= 80 / 255 / 2 * 1.001


def test_uint8_saturates_at_the_ends_of_its_range():
    stored, report = encode(column(-80.5, 7, np.nan, np.inf), BYTE)
    np.testing.assert_array_equal(stored[:, 0], [0, 255, 0, 255])
    assert (report.saturated, report.non_finite) == (4, 4)
    assert (report.worst_error, report.error_sum) == (0.0, 0.0)


def test_uint8_saturates_half_a_step_behind_its_ends():
    inside, outside = column(-80.15, 0.15), column(-80.17, 0.17)
    np.testing.assert_array_equal(encode(inside, BYTE)[0], encode(outside, BYTE)[0])
    assert (encode(inside, BYTE)[1].saturated, encode(outside, BYTE)[1].saturated) == (0, 4)


def test_complex_values_get_a_last_axis_of_two():
    values = column(1 + 2j, 3 - 4j, dtype=np.complex64)
    stored, _ = encode(values, PAIR)
    assert stored.shape == (2, 2, 2)
    np.testing.assert_array_equal(stored[:, 0], [[1, 2], [3, -4]])
    np.testing.assert_array_equal(decode(stored, PAIR), values)


@pytest.mark.parametrize("frames", [0, 1, 7])
@pytest.mark.parametrize(
    "name", ["float16", "float32", "uint8", "channels", "one-channel", "complex", "complex-channels", "complex-float16"]
)
def test_casting_twice_changes_nothing_more(features, name, frames):
    feature = features[name]
    shape = (frames, feature.bins, *(() if feature.channels is None else (feature.channels,)))
    rng = np.random.default_rng(frames)
    values = (rng.standard_normal(shape) * 10 - 40).astype(np.complex64 if feature.is_complex else np.float32)
    stored, _ = encode(values, feature)
    assert stored.shape == (frames, *item_shape(feature))
    assert stored.dtype == stored_dtype(feature)
    assert stored.flags.c_contiguous
    back = decode(stored, feature)
    assert (back.shape, back.dtype) == (values.shape, values.dtype)
    np.testing.assert_array_equal(decode(encode(back, feature)[0], feature), back)


def test_another_memory_order_gives_the_same_numbers():
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    fortran, _ = encode(np.asfortranarray(values), SINGLE)
    assert fortran.flags.c_contiguous
    np.testing.assert_array_equal(fortran, values)


@pytest.mark.parametrize("shape", [(3,), (3, 3), (3, 2, 1), ()])
def test_a_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match="no \\(frames, 2\\)"):
        encode(np.zeros(shape, np.float32), SINGLE)


@given(st.lists(st.floats(-200, 100, width=32), min_size=1, max_size=50))
def test_the_report_bounds_the_error(values):
    values = np.array([[v, v] for v in values], np.float32)
    for feature in (HALF, BYTE):
        stored, report = encode(values, feature)
        error = np.abs(decode(stored, feature) - values)
        inside = error if feature is HALF else error[(values >= -80) & (values <= 0)]
        assert inside.max(initial=0) <= report.worst_error


def test_moments_are_those_of_the_stored_values():
    rng = np.random.default_rng(1)
    values = (rng.standard_normal((50, 2)) * 20 - 40).astype(np.float32)
    for feature in (HALF, BYTE, SINGLE):
        stored, _ = encode(values, feature)
        kept = decode(stored, feature).astype(np.float64)
        mean, m2 = moments(stored, feature)
        np.testing.assert_allclose(mean, kept.mean(0), rtol=1e-13)
        np.testing.assert_allclose(m2, ((kept - kept.mean(0)) ** 2).sum(0), rtol=1e-12)


def test_moments_of_no_frames_are_zero():
    mean, m2 = moments(np.zeros((0, 2), "f2"), HALF)
    assert not mean.any()
    assert not m2.any()


def test_the_mean_error_is_that_of_all_values_in_range():
    values = column(*np.random.default_rng(5).uniform(-80, 20, 100))
    _, report = encode(values, HALF)
    errors = np.abs(values.astype(np.float16).astype(np.float64) - values)
    assert report.error_sum == pytest.approx(errors.sum(), rel=1e-6)
    _, report = encode(np.concatenate([values, column(1e6, np.nan)]), HALF)
    assert report.error_sum == pytest.approx(errors.sum(), rel=1e-6)
    assert (report.saturated, report.non_finite) == (2, 2)


def test_reports_add_up():
    one, other = EncodingReport(0.5, 1.0, 2, 3), EncodingReport(0.25, 2.0, 4, 8)
    assert one.merged(other) == other.merged(one) == EncodingReport(0.5, 3.0, 6, 11)


@pytest.mark.parametrize("feature", [SINGLE, HALF, BYTE], ids=lambda f: f.dtype)
def test_moments_that_come_with_the_cast_are_those_of_what_is_stored(feature):
    values = np.random.default_rng(0).normal(-40, 20, (50, feature.bins)).astype(np.float32)
    if feature.dtype != "float32":
        values[3, 0] = 1e6  # saturates
    stored, report, mean, m2 = encode_with_moments(values, feature)
    again, alone = encode(values, feature)
    np.testing.assert_array_equal(stored, again, strict=True)
    assert report == alone
    for got, expected in zip((mean, m2), moments(stored, feature), strict=True):
        np.testing.assert_array_equal(got, expected, strict=True)
        assert np.isfinite(got).all()
