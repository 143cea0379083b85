from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.datasets import frame_labels, read_lab
from melgrid.errors import DatasetError

CLASSES = ("a", "b")


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    labels = frame_labels([(1.0, 2.0, "a"), (2.0, 3.0, "b")], CLASSES, num_frames=7, hop_seconds=0.5)
    assert labels.dtype == np.uint8
    assert labels[:, 0].tolist() == [0, 0, 1, 1, 0, 0, 0]
    assert labels[:, 1].tolist() == [0, 0, 0, 0, 1, 1, 0]


def test_the_first_frame_may_stand_elsewhere() -> None:
    labels = frame_labels([(1.0, 2.0, "a")], CLASSES, num_frames=4, hop_seconds=0.5, first_seconds=0.75)
    assert labels[:, 0].tolist() == [0, 1, 1, 0]


def test_intervals_may_overlap_and_be_empty() -> None:
    labels = frame_labels([(0, 2, "a"), (1, 3, "b"), (0.5, 0.5, "b")], CLASSES, num_frames=4, hop_seconds=1.0)
    assert labels.tolist() == [[1, 0], [1, 1], [0, 1], [0, 0]]


def test_no_frames_and_no_intervals() -> None:
    assert frame_labels([(0, 1, "a")], CLASSES, num_frames=0, hop_seconds=1.0).shape == (0, 2)
    assert frame_labels([], CLASSES, num_frames=3, hop_seconds=1.0).tolist() == [[0, 0]] * 3


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(DatasetError, match="class 'c', which is not one of a, b"):
        frame_labels([(0, 1, "c")], CLASSES, num_frames=1, hop_seconds=1.0)


@given(
    start=st.floats(0, 20),
    length=st.floats(0, 20),
    hop=st.floats(0.001, 2),
    first=st.floats(-1, 1),
    frames=st.integers(0, 50),
)
def test_each_frame_looks_at_its_own_instant(
    start: float, length: float, hop: float, first: float, frames: int
) -> None:
    labels = frame_labels(
        [(start, start + length, "b")], CLASSES, num_frames=frames, hop_seconds=hop, first_seconds=first
    )
    times = first + hop * np.arange(frames)
    assert labels[:, 1].tolist() == [int(start <= time < start + length) for time in times]
    assert not labels[:, 0].any()


def test_a_lab_file_is_read_whatever_its_blanks(tmp_path: Path) -> None:
    file = tmp_path / "a.lab"
    file.write_text("0 1.5 sing\n\n1.5\t2   two words \n")
    assert read_lab(file) == ((0.0, 1.5, "sing"), (1.5, 2.0, "two words"))
    file.write_bytes("0 1.5 café\r\n".encode("utf-8-sig"))
    assert read_lab(file) == ((0.0, 1.5, "café"),)
    file.write_text("")
    assert read_lab(file) == ()


def test_a_lab_file_is_latin_1_where_it_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "a.lab").write_bytes("0 1.5 café\n".encode("latin-1"))
    assert read_lab(tmp_path / "a.lab") == ((0.0, 1.5, "café"),)
    (tmp_path / "a.lab").write_text("0 1.5 café\n", encoding="utf-16")
    with pytest.raises(DatasetError, match=r"a\.lab, line 1: is no UTF-8 text, .*UTF-16.*; save it as UTF-8"):
        read_lab(tmp_path / "a.lab")
