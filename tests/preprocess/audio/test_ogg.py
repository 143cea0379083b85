"""Pages of Ogg streams: found, summed and counted as libsndfile's encoder wrote them."""

import io
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from melgrid.preprocess.audio.ogg import LAST, checksum, pages, stops_early


@pytest.fixture(scope="module")
def stream():
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros((5000, 1)), 8000, format="OGG", subtype="VORBIS")
    return buffer.getvalue()


def test_thechecksum_is_that_of_ogg_pages(stream):
    starts = [place for place in range(len(stream)) if stream[place : place + 4] == b"OggS"] + [len(stream)]
    assert len(starts) > 3
    for begin, end in pairwise(starts):
        page = stream[begin:end]
        assert checksum(page[:22] + bytes(4) + page[26:]) == int.from_bytes(page[22:26], "little")


def test_pages_tell_flags_and_samples(stream):
    found = list(pages(stream))
    assert [flags & LAST for flags, _ in found] == [0] * (len(found) - 1) + [LAST]
    assert found[-1][1] == 5000
    assert list(pages(stream[:-1])) == [*found[:-1], None]


def test_only_a_whole_stream_does_not_stop_early(stream):
    assert not stops_early(stream)
    assert not stops_early(stream + b"TAG" + bytes(125))
    assert all(stops_early(stream[:length]) for length in range(5, len(stream)))
    assert not stops_early(b"RIFF" + stream)
