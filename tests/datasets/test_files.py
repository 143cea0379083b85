from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from melgrid.datasets.files import confine, contents, digest, scan
from melgrid.errors import DatasetError


def test_scan_lists_sizes_in_order_and_skips_dots_and_other_files(tmp_path: Path) -> None:
    for name, size in (
        ("b/x.WAV", 3),
        ("a/y.mp3", 0),
        ("z.flac", 1),
        ("a/._y.mp3", 9),
        (".d/x.wav", 9),
        ("a/t.txt", 9),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    assert scan(tmp_path) == {"a/y.mp3": 0, "b/x.WAV": 3, "z.flac": 1}
    assert scan(tmp_path, {".txt"}) == {"a/t.txt": 9}


def test_scan_does_not_follow_linked_folders(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.wav").write_bytes(b"x")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert list(scan(tmp_path)) == ["a/x.wav"]


def test_scan_may_skip_what_it_would_refuse(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    assert scan(tmp_path / "in", refuse_links=False) == {}
    with pytest.raises(DatasetError, match="lies outside the root"):
        scan(tmp_path / "in")


def test_a_root_that_is_itself_a_link_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.wav").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = list(scan(tmp_path / "link"))
    assert found == ["a.wav"]
    confine(tmp_path / "link", found)


def test_a_neighbour_with_the_same_beginning_is_outside(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root2").mkdir()
    (tmp_path / "root2" / "a.wav").write_bytes(b"x")
    (tmp_path / "root" / "a.wav").symlink_to(tmp_path / "root2" / "a.wav")
    with pytest.raises(DatasetError, match="outside the root"):
        confine(tmp_path / "root", ["a.wav"])
    confine(tmp_path / "root", ["b.wav", "nowhere/c.wav"])


def test_contents_says_what_is_there(tmp_path: Path) -> None:
    assert contents(tmp_path) == "nothing"
    for name in "cab":
        (tmp_path / name).mkdir()
    (tmp_path / ".hidden").mkdir()
    assert contents(tmp_path, limit=2) == "a/, b/ and 1 more"


def test_digest_is_of_contents_and_order_not_of_places(tmp_path: Path) -> None:
    for name, text in (("a", "1"), ("b", "2"), ("c", "1"), ("d", "2")):
        (tmp_path / name).write_text(text)
    a, b, c, d = (tmp_path / name for name in "abcd")
    assert digest(a, b) == digest(c, d) != digest(b, a)
    assert digest(a, b).startswith("sha256:")


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8")
def test_a_name_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path) + b"/bad\xff.wav")).write_bytes(b"")
    with pytest.raises(DatasetError, match=r"'bad\\udcff\.wav' is not UTF-8.*rename it"):
        scan(tmp_path)
