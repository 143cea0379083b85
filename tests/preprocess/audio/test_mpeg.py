"""Frames of MP3 files, counted by their headers."""

import io

import numpy as np
import pytest
import soundfile

from melgrid.preprocess.audio.mpeg import frames_of, with_length


def mp3(sr, channels=1, seconds=2.0, mode="VARIABLE"):
    buffer = io.BytesIO()
    rng = np.random.default_rng(0)
    samples = (
        0.3 * rng.uniform(-1, 1, (int(seconds * sr), channels)) * (np.arange(int(seconds * sr)) % sr > sr // 2)[:, None]
    )
    options = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": mode}
    soundfile.write(buffer, samples, sr, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("sr", [8000, 11025, 16000, 22050, 32000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
def test_all_frames_are_counted_and_the_tag_says_so(sr, channels, mode):
    data = mp3(sr, channels, mode=mode)
    frames = frames_of(data)
    step = 1152 if sr >= 32000 else 576
    assert frames.samples == frames.count * step
    assert 2.0 * sr <= frames.samples <= 2.0 * sr + 5 * step
    second = data[frames.first :].index(data[frames.first : frames.first + 2], 20)
    bare = data[frames.first + second :]  # without the tag of the encoder
    found = frames_of(bare)
    assert found.count in (frames.count - 1, frames.count)
    with soundfile.SoundFile(io.BytesIO(with_length(bare, found))) as file:
        assert file.frames == found.samples - 529  # the decoder's delay
        assert len(file.read()) == file.frames


def test_tags_and_damage_between_frames_are_passed_over():
    data = mp3(22050)
    frames = frames_of(data)
    id3 = b"ID3\x03\0\0\0\0\x02\0" + b"\xff\xfb\x90\x00" * 64
    assert frames_of(id3 + data + b"TAG" + bytes(125)).count == frames.count
    assert frames_of(id3 + data).first == len(id3)
    middle = len(data) // 2
    damaged = frames_of(data[:middle] + bytes(1000) + data[middle:])
    assert frames.count - 3 <= damaged.count <= frames.count
    assert frames.count / 2 - 3 <= frames_of(data[:middle]).count <= frames.count


@pytest.mark.parametrize("data", [b"", b"\xff\xfb", b"words" * 100, bytes(1000), b"\xff" * 5000, b"ID3" + bytes(3)])
def test_what_is_no_mp3_has_no_frames(data):
    assert frames_of(data) is None
