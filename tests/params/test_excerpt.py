"""Excerpts and segments: arithmetic in samples, shorthand, refusals in words, ids."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from melgrid.errors import ParameterError
from melgrid.params import Excerpt, Feature, LogMel, Segments, Waveform


@pytest.mark.parametrize(
    ("excerpt", "n", "span", "length"),
    [
        (Excerpt(seconds=1.0), 9, (0, 9), 9),
        (Excerpt(seconds=1.0), 10, (0, 10), 10),
        (Excerpt(seconds=1.0), 11, (0, 10), 10),
        (Excerpt(seconds=1.0, start="center"), 9, (0, 9), 9),
        (Excerpt(seconds=1.0, start="center"), 11, (0, 10), 10),
        (Excerpt(seconds=1.0, start="center"), 13, (1, 11), 10),
        (Excerpt(seconds=1.0, start="center"), 14, (2, 12), 10),
        (Excerpt(seconds=1.0, start=0.34), 20, (3, 13), 10),
        (Excerpt(seconds=1.0, pad="frames"), 9, (0, 9), 9),
        (Excerpt(seconds=1.0, start=0.5), 12, (5, 12), 7),
        (Excerpt(seconds=1.0, start=0.5, pad="zeros"), 12, (5, 12), 10),
        (Excerpt(seconds=1.0, start=0.5, pad="zeros"), 5, (5, 5), 0),
        (Excerpt(seconds=1.0, start=2.0), 5, (5, 5), 0),
        (Excerpt(seconds=1.0, pad="repeat"), 1, (0, 1), 10),
        (Excerpt(seconds=1.0, pad="front"), 0, (0, 0), 0),
    ],
)
def test_spans_and_lengths_at_10_hz(excerpt, n, span, length):
    assert excerpt.span(n, 10) == span
    assert excerpt.length(n, 10) == length


@given(
    st.floats(0.01, 20),
    st.sampled_from(["head", "center", 0.5, 3.0]),
    st.integers(0, 300),
    st.sampled_from([10, 16, 33]),
)
def test_a_span_lies_in_the_clip_and_is_no_longer_than_asked(seconds, start, n, sr):
    excerpt = Excerpt(seconds=seconds, start=start)
    first, last = excerpt.span(n, sr)
    assert 0 <= first <= last <= n
    assert last - first <= excerpt.samples(sr)
    if start in ("head", "center"):
        assert last - first == min(n, excerpt.samples(sr))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 200), st.one_of(st.none(), st.integers(1, 9)))
def test_segments_are_all_that_fit(length, step, n, count):
    spans = Segments(seconds=float(length), step=float(step), count=count).spans(n, 1)
    fitting = [(i, i + length) for i in range(0, n, step) if i + length <= n]
    assert spans == fitting[:count]


def test_shorthand_and_tables_agree():
    assert LogMel(excerpt="29.12:center:zeros").excerpt == Excerpt(seconds=29.12, start="center", pad="zeros")
    assert LogMel(excerpt=4).excerpt == LogMel(excerpt="4").excerpt == LogMel(excerpt={"seconds": 4}).excerpt
    assert LogMel(excerpt="4:0").excerpt == Excerpt(seconds=4.0)
    assert LogMel(segments="0.1:0.04:599").segments == Segments(seconds=0.1, step=0.04, count=599)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"excerpt": {"second": 4}},
            r"excerpt: seconds: is missing; second: unknown parameter\. Did you mean 'seconds'\?",
        ),
        ({"excerpt": "4:middle"}, r"excerpt: start='middle': must be 'head' or 'center'"),
        ({"excerpt": "4:head:zero"}, r"excerpt: pad='zero': must be .* Did you mean 'zeros'\?"),
        ({"excerpt": -1.0}, r"excerpt: seconds=-1\.0: must be greater than 0"),
        ({"excerpt": "1:2:3:4"}, r"excerpt: '1:2:3:4': has more than the 3 values seconds, start, pad"),
        ({"excerpt": "4:1.5:frames"}, r"excerpt: pad='frames': must be another where start is a number"),
        ({"excerpt": True}, r"excerpt=True: must be"),
        ({"excerpt": {"seconds": 4, "start": False}}, r"excerpt: start=False: must be"),
        ({"excerpt": 1e-9}, r"excerpt=1e-09:head:none: 1e-09 s is less than a sample at sr=22050"),
        ({"segments": "0.1"}, r"segments: step: is missing"),
        ({"segments": "0.1:0.1:0"}, r"segments: count=0: must be greater"),
        ({"segments": "0.1:1e-9"}, r"segments=0\.1:1e-09: 1e-09 s is less than a sample"),
        ({"segments": "0.1:0.1", "excerpt": "4:head:frames"}, r"pad = 'frames' is for whole clips"),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ParameterError, match=words):
        LogMel(**options)


def test_the_least_is_what_rounds_to_a_sample():
    assert Waveform(sr=10, excerpt=0.06).excerpt.samples(10) == 1
    with pytest.raises(ParameterError, match="less than a sample"):
        Waveform(sr=10, excerpt=0.05)


def test_they_are_in_the_id_only_when_they_apply():
    assert "excerpt" not in Waveform().canonical()
    feature = Waveform(sr=16000, excerpt="4:center:zeros", segments="0.1:0.04")
    assert feature.canonical()["excerpt"] == {"seconds": 4.0, "start": "center", "pad": "zeros"}
    assert feature.canonical()["segments"] == {"seconds": 0.1, "step": 0.04}
    assert Feature.parse(feature.canonical()).id == feature.id
