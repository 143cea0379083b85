from __future__ import annotations

from typing import Any

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgrid.transforms.framing import Framing, analysis_window, segments


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 60),
    n_fft=st.integers(2, 40),
    hop=st.integers(1, 30),
    rows=st.integers(1, 9),
    pad_mode=st.sampled_from(["constant", "reflect", "edge"]),
)
def test_frames_are_those_of_the_padded_clip(n: int, n_fft: int, hop: int, rows: int, pad_mode: Any) -> None:
    y = np.arange(1, n + 1, dtype=np.float32)
    framing = Framing(n_fft=n_fft, win_length=n_fft, hop_length=hop, pad_mode=pad_mode)
    padded = np.pad(y, n_fft // 2, mode=pad_mode)
    expected = librosa.util.frame(padded, frame_length=n_fft, hop_length=hop, axis=0)
    frames = framing.num_frames(n)
    cut = [
        segment[i * hop : i * hop + n_fft]
        for _, count, segment in segments(
            y, n_fft=n_fft, hop=hop, left=framing.left(n), frames=frames, pad_mode=pad_mode, rows=rows
        )
        for i in range(count)
    ]
    np.testing.assert_array_equal(cut, expected)


@pytest.mark.parametrize(
    ("framing", "n", "frames"),
    [
        ("librosa", 1, 1),
        ("librosa", 255, 1),
        ("librosa", 256, 2),
        ("left", 511, 0),
        ("left", 512, 1),
        ("left", 767, 1),
        ("left", 768, 2),
        ("same", 1, 1),
        ("same", 256, 1),
        ("same", 257, 2),
        ("same", 348_000, 1360),
        ("librosa", 349_440, 1366),
    ],
)
def test_num_frames(framing: Any, n: int, frames: int) -> None:
    assert Framing(n_fft=512, win_length=512, hop_length=256, framing=framing).num_frames(n) == frames


@pytest.mark.parametrize("framing", ["librosa", "left", "same"])
def test_no_samples_no_frames(framing: Any) -> None:
    assert Framing(n_fft=512, win_length=512, hop_length=256, framing=framing).num_frames(0) == 0


@pytest.mark.parametrize(("n", "left"), [(1024, 128), (1000, 140), (1, 255), (257, 255)])
def test_same_puts_the_smaller_half_on_the_left(n: int, left: int) -> None:
    assert Framing(n_fft=512, win_length=512, hop_length=256, framing="same").left(n) == left


def test_same_with_a_hop_beyond_the_frame_pads_nothing() -> None:
    assert Framing(n_fft=64, win_length=64, hop_length=256, framing="same").left(1000) == 0


@pytest.mark.parametrize(("win_length", "n_fft"), [(8, 8), (4, 8), (5, 8), (4, 9), (1, 8)])
def test_window_is_centred_like_librosas(win_length: int, n_fft: int) -> None:
    expected = librosa.util.pad_center(librosa.filters.get_window("hann", win_length), size=n_fft)
    np.testing.assert_allclose(analysis_window("hann", win_length, n_fft), expected, atol=1e-7)


def test_inside_a_clip_nothing_is_copied() -> None:
    y = np.zeros(10_000, np.float32)
    shared = [
        np.shares_memory(y, segment)
        for _, _, segment in segments(y, n_fft=64, hop=16, left=32, frames=626, pad_mode="constant", rows=64)
    ]
    assert shared == [False] + [True] * 8 + [False]
