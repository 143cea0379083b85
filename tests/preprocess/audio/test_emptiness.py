"""Files without samples: those that say so, and those that are damaged."""

import io

import numpy as np
import pytest
import soundfile

from melgrid.preprocess.audio.emptiness import no_samples
from melgrid.preprocess.audio.ogg import checksum


def ogg(samples=0):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros((samples, 1)), 8000, format="OGG", subtype="VORBIS")
    return buffer.getvalue()


def test_an_ogg_stream_is_judged_by_its_pages():
    whole = ogg()
    last = whole.rindex(b"OggS")
    assert no_samples(whole).code == "empty"
    assert no_samples(whole[:last]).code == "truncated"
    assert no_samples(whole[:-1]).code == "undecodable"
    assert no_samples(whole + b"x").code == "undecodable"
    assert no_samples(whole[:100] + b"x" + whole[101:]).code == "undecodable"
    flagged = bytearray(whole[last:])
    flagged[5], flagged[22:26] = 0xFF, bytes(4)
    flagged[22:26] = checksum(flagged).to_bytes(4, "little")
    assert no_samples(whole[:last] + flagged).code == "undecodable"
    assert "none of the 5000 samples" in no_samples(ogg(5000)).message


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"RIFF\0\0\0\0WAVEfmt \2\0\0\0abdata\0\0\0\0", "empty"),
        (b"RIFF\0\0\0\0WAVEfmt \2\0\0\0abdata\0\0\0\0LIST\2\0\0\0xy", "empty"),
        (b"RIFF\0\0\0\0WAVEfmt \2\0\0\0abdata\0\0\0", "truncated"),
        (b"RIFF\0\0\0\0WAVEfmt \2\0\0\0abdata\0\0\0\0\1\2\3\4\5\6\7\x08", "undecodable"),
        (b"RIFF\0\0\0\0WAVEfmt \2\0\0\0abdata\2\0\0\0xy", "undecodable"),
        (b"FORM\0\0\0\0AIFFSSND\0\0\0\0", "empty"),
        (b".snd\0\0\0\x0c" + bytes(4), "empty"),
        (b".snd\0\0\0\x0c" + bytes(9), "undecodable"),
        (b".snd\0\0\0\x0c" + bytes(2), "truncated"),
        (b"fLaC", "empty"),
    ],
)
def test_headers_are_believed_when_the_rest_fits_them(data, code):
    assert no_samples(data).code == code
