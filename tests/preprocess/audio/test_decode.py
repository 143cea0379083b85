"""Decoding: every flavour gives the samples that were written; whatever is wrong has its reason."""

import io
import struct
import unicodedata

import numpy as np
import pytest
import soundfile

from melgrid.errors import ClipError
from melgrid.preprocess.audio.decode import decode, read_bytes
from soak.fuzz import mutant, seeds


def encoded(samples, sr, **kinds):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sr, **kinds)
    return buffer.getvalue()


def tone(sr=8000, seconds=0.5, channels=1):
    t = np.arange(int(sr * seconds)) / sr
    return np.stack([0.5 * np.sin(2 * np.pi * (440 + 110 * c) * t) for c in range(channels)], axis=1)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(
    ("kinds", "tolerance"),
    [
        ({"format": "WAV", "subtype": "PCM_U8"}, 1 / 127),
        ({"format": "WAV", "subtype": "PCM_16"}, 1 / 32767),
        ({"format": "WAV", "subtype": "PCM_24"}, 1e-6),
        ({"format": "WAV", "subtype": "FLOAT"}, 1e-7),
        ({"format": "WAVEX", "subtype": "PCM_16"}, 1 / 32767),
        ({"format": "AU", "subtype": "PCM_16"}, 1 / 32767),
        ({"format": "FLAC", "subtype": "PCM_16"}, 1 / 32767),
    ],
)
def test_exact_formats(kinds, tolerance, channels):
    samples = tone(channels=channels)
    audio = decode(encoded(samples, 8000, **kinds))
    assert audio.sr == 8000
    assert audio.samples.dtype == np.float32
    assert audio.samples.shape == samples.shape
    np.testing.assert_allclose(audio.samples, samples, atol=tolerance)


@pytest.mark.parametrize(
    "kinds",
    [
        {"format": "WAV", "subtype": "IMA_ADPCM"},
        {"format": "WAV", "subtype": "MS_ADPCM"},
        {"format": "OGG", "subtype": "VORBIS"},
        {"format": "MP3", "subtype": "MPEG_LAYER_III"},
    ],
)
def test_lossy_formats_keep_the_tone(kinds):
    samples = tone(sr=22050, seconds=1.0)
    decoded = decode(encoded(samples, 22050, **kinds)).samples[:, 0]
    spectrum = np.abs(np.fft.rfft(decoded[2000:18000] * np.hanning(16000)))
    assert abs(np.argmax(spectrum) * 22050 / 16000 - 440) < 2


def without_length_tag(data):
    """An MP3 without its first, silent frame, which holds the tag."""
    assert b"Xing" in data[:2000] or b"Info" in data[:2000]
    return data[data.index(data[:2], 10) :]


def test_an_mp3_whose_length_is_guessed_too_long_is_not_truncated():
    # As MagnaTagATune's: frames of so few bits that the encoder has no room for a tag.
    options = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": 0.9}
    data = encoded(np.random.default_rng(0).uniform(-0.9, 0.9, (3 * 16000, 1)), 16000, **options)
    assert b"Xing" not in data
    assert b"Info" not in data
    data = b"ID3\x03\x00\x00\x00\x00\x08\x00" + bytes(1024) + data  # an ID3v2 header, whose bytes the guess counts too
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        guess = file.frames
    assert 2.9 * 16000 < len(decode(data).samples) < guess


def test_an_mp3_whose_length_is_guessed_too_short_is_decoded_to_its_end():
    tagged = encoded(tone(sr=16000, seconds=3.0), 16000, format="MP3", subtype="MPEG_LAYER_III")
    data = without_length_tag(tagged)
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert file.frames < 2 * 16000
    found, whole = decode(data).samples[:, 0], decode(tagged).samples[:, 0]
    assert len(found) >= len(whole) == 48000
    # the tag also tells how much silence the encoder has put in front
    delay = len(found) - 48000
    shift = int(np.argmax([np.dot(found[k : k + 30000], whole[:30000]) for k in range(delay)]))
    np.testing.assert_allclose(found[shift : shift + 40000], whole[:40000], atol=1e-6)


def test_an_mp3_whose_tag_is_too_short_is_not_cut_in_silence():
    data = encoded(tone(sr=16000, seconds=3.0), 16000, format="MP3", subtype="MPEG_LAYER_III")
    with pytest.raises(ClipError, match=r"undecodable: 3\.0 s is what the file says .* but there is 6\.\d s"):
        decode(data + without_length_tag(data))


def test_an_mp3_with_a_tag_may_lack_a_tenth_of_a_second_and_no_more():
    data = encoded(tone(sr=16000, seconds=3.0), 16000, format="MP3", subtype="MPEG_LAYER_III")
    assert len(decode(data[:-20]).samples) >= 2.9 * 16000
    with pytest.raises(ClipError, match="truncated"):
        decode(data[: len(data) // 2])


def test_one_sample():
    assert decode(encoded(np.array([0.25]), 8000, format="WAV", subtype="FLOAT")).samples.tolist() == [[0.25]]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"not audio at all, only words" * 20, "undecodable"),
        (b"RIFF", "undecodable"),
        (encoded(np.zeros((0, 1)), 8000, format="WAV"), "empty"),
        (encoded(np.array([0.0, np.nan, 0.1]), 8000, format="WAV", subtype="FLOAT"), "non_finite"),
        (encoded(np.array([0.0, np.inf]), 8000, format="WAV", subtype="FLOAT"), "non_finite"),
    ],
)
def test_reasons(data, code):
    with pytest.raises(ClipError) as caught:
        decode(data)
    assert caught.value.code == code
    assert "0x" not in caught.value.message  # no address of this process: reasons are stored


def test_an_mp3_without_a_whole_frame_is_not_said_to_be_no_file():
    with pytest.raises(ClipError, match=r"^undecodable: nothing in it can be decoded"):
        decode(b"\xff\xfb\x90\x64" + b"\x01" * 3000)


def test_absurdly_large_but_finite_samples_are_samples():
    audio = decode(encoded(np.array([3e38, -3e38, 3e38]), 8000, format="WAV", subtype="FLOAT"))
    assert np.isfinite(audio.samples).all()


def test_a_header_that_claims_gigabytes_does_not_get_them():
    data = bytearray(encoded(tone(), 8000, format="FLAC", subtype="PCM_16"))
    # STREAMINFO counts the samples in 36 bits that end at byte 26.
    data[22:26] = struct.pack(">I", 0xFFFFFFF0)
    with pytest.raises(ClipError) as caught:
        decode(bytes(data))
    assert caught.value.code in {"truncated", "undecodable"}


LOSSLESS = [("WAV", "PCM_16"), ("WAVEX", "FLOAT"), ("AU", "PCM_16"), ("AIFF", "PCM_16"), ("FLAC", "PCM_16")]


@pytest.mark.parametrize(("form", "subtype"), LOSSLESS)
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_file_that_was_cut_is_truncated(form, subtype, kept):
    data = encoded(tone(sr=22050, seconds=2), 22050, format=form, subtype=subtype)
    assert len(decode(data).samples) == 44100
    with pytest.raises(ClipError) as caught:
        decode(data[: int(kept * len(data))])
    assert caught.value.code == "truncated"


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_stream_that_was_cut_is_truncated_wherever_the_cut_is(subtype):
    data = encoded(tone(sr=48000, seconds=6), 48000, format="OGG", subtype=subtype)
    assert len(decode(data).samples) == 6 * 48000
    assert len(decode(data + b"TAG" + bytes(125)).samples) == 6 * 48000  # what others append is no matter
    pages = [place for place in range(len(data)) if data.startswith(b"OggS\0", place)]
    assert len(pages) > 4
    for cut in (pages[-2], pages[-1], pages[-1] + 20, pages[-1] + 27, len(data) - 1):
        with pytest.raises(ClipError, match="truncated: the Ogg stream stops before its last page, after"):
            decode(data[:cut])


def test_a_wav_that_claims_four_gigabytes_is_truncated_but_one_from_a_pipe_is_not():
    data = bytearray(encoded(tone(), 8000, format="WAV"))
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff" * 4
    with pytest.raises(ClipError, match="truncated: the header promises 4294959"):
        decode(bytes(data))
    data[4:8] = b"\xff" * 4
    assert len(decode(bytes(data)).samples) == 4000


def test_an_au_of_unknown_size_is_read_to_its_end():
    data = bytearray(encoded(tone(), 8000, format="AU"))
    data[8:12] = b"\xff" * 4
    assert len(decode(bytes(data)).samples) == 4000


@pytest.mark.parametrize("at", [22, 24])
def test_a_header_without_channels_or_rate_is_undecodable(at):
    data = bytearray(encoded(tone(), 8000, format="WAV"))
    data[at : at + 2] = b"\0\0"
    with pytest.raises(ClipError) as caught:
        decode(bytes(data))
    assert caught.value.code == "undecodable"


@pytest.mark.parametrize(("name", "form"), [("a.wav", "FLAC"), ("b.mp3", "WAV"), ("c.au", "AIFF"), ("d.OGG", "WAV")])
def test_a_file_that_is_not_what_its_name_says_is_not_decoded(name, form):
    data = encoded(tone(), 8000, format=form)
    said = (
        rf"undecodable: the name ends in \.{name[2:].lower()}, the content is {form}; let the name end in \.{form[:3]}"
    )
    with pytest.raises(ClipError, match=f"(?i){said}"):
        decode(data, name)
    assert decode(data, f"x.{form.lower()}").sr == decode(data, "no-ending").sr == 8000


@pytest.mark.parametrize("form", ["WAV", "AU", "AIFF", "OGG"])
def test_a_file_that_says_so_itself_is_empty(form):
    data = encoded(np.zeros((0, 2)), 8000, format=form)
    with pytest.raises(ClipError, match="empty: the file decodes to no samples"):
        decode(data)
    with pytest.raises(ClipError) as caught:
        decode(data[:-1])
    assert caught.value.code in ("truncated", "undecodable")


@pytest.mark.parametrize("codec", ["wav", "au", "flac", "ogg", "mp3"])
def test_a_damaged_file_is_never_said_to_be_empty(codec):
    rng = np.random.default_rng(3)
    originals = seeds(codec)
    reasons = set()
    for number in range(200):
        data = mutant(originals[number % len(originals)], rng)
        if not data:
            continue
        try:
            decode(data, f"x.{codec}")
        except ClipError as error:
            reasons.add(error.code)
    assert {"undecodable", "truncated"} <= reasons <= {"undecodable", "truncated", "non_finite", "too_long"}


def test_files_over_the_limit_are_not_decoded():
    data = encoded(tone(seconds=2), 8000, format="FLAC")
    assert len(decode(data, "", 2.0).samples) == 16000
    with pytest.raises(ClipError, match=r"too_long: 0\.0 minutes or more, the limit is 0\.0316"):
        decode(data, "", 1.9)


def test_reading(tmp_path):
    with pytest.raises(ClipError, match="missing: No such file"):
        read_bytes(tmp_path / "nothing.wav")
    (tmp_path / "empty.wav").touch()
    with pytest.raises(ClipError, match="empty: the file has no bytes"):
        read_bytes(tmp_path / "empty.wav")
    (tmp_path / "some.wav").write_bytes(b"abc")
    assert read_bytes(tmp_path / "some.wav") == b"abc"


def test_a_file_that_is_there_in_another_unicode_form_is_pointed_out(tmp_path):
    wanted = "B\u00e4r.wav"
    with pytest.raises(ClipError, match=r"No such file or directory$"):
        read_bytes(tmp_path / wanted)
    (tmp_path / "Ä").mkdir()
    with pytest.raises(ClipError, match=r"missing: Is a directory$"):  # which is there under this very name
        read_bytes(tmp_path / "Ä")
    (tmp_path / unicodedata.normalize("NFD", wanted)).touch()
    if (tmp_path / wanted).exists():
        pytest.skip("this file system takes both forms for one name")
    with pytest.raises(ClipError, match=r"missing: No such file.*another Unicode form \(NFC, NFD\): rename it"):
        read_bytes(tmp_path / wanted)
