"""What is said about files that are no sound."""

import pytest

from melgrid.errors import ClipError
from melgrid.preprocess.audio.decode import decode
from melgrid.preprocess.audio.likeness import likeness


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0\0\x20ftypM4A " + bytes(range(200)), "MPEG-4 (AAC): convert it"),
        (b"PK\x03\x04" + bytes(range(200)), "a ZIP archive: unpack it"),
        (b"  <!DOCTYPE html><html>not found</html>", "a web page: put the sound in its place"),
        (b"404: no such file", "text: put the sound in its place"),
        (bytes(4096), "full of zeros"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS: fetch the file"),
    ],
)
def test_what_a_file_looks_like_is_said(data, words):
    assert words in likeness(data)
    with pytest.raises(ClipError) as caught:
        decode(data, "x.wav")
    assert caught.value.code == "undecodable"
    assert words in caught.value.message


def test_nothing_is_said_about_what_is_not_known():
    assert likeness(b"RIFF\x24\0\0\0WAVEfmt ") == likeness(bytes(range(200, 256))) == ""
