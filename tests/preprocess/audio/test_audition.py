"""`melgrid datasets --decode` and a run say the same of a file."""

import struct

import numpy as np
import pytest
import soundfile

from melgrid import LogMel, datasets, open_store, preprocess
from melgrid.errors import ClipError
from melgrid.preprocess import audition

RATE = 8000
SOUND = 0.3 * np.sin(np.arange(RATE) / 5).astype(np.float32)


@pytest.fixture
def root(tmp_path):
    """One sound file, and one of each kind of broken ones."""
    root = tmp_path / "corpus"
    root.mkdir()
    for name in ("whole.wav", "cut.wav", "whole.flac", "cut.flac", "cut.ogg", "holes.mp3"):
        soundfile.write(root / name, SOUND, RATE)
    for name, share in (("cut.wav", 0.5), ("cut.flac", 0.5), ("cut.ogg", 0.7)):
        data = (root / name).read_bytes()
        (root / name).write_bytes(data[: int(share * len(data))])
    data = bytearray((root / "holes.mp3").read_bytes())
    data[len(data) // 4 :] = bytes(len(data) - len(data) // 4)
    (root / "holes.mp3").write_bytes(data)
    soundfile.write(root / "nan.wav", np.where(np.arange(RATE) == 99, np.nan, SOUND), RATE, subtype="FLOAT")
    (root / "whole.flac").rename(root / "flac.wav")
    (root / "page.wav").write_text("<html>not found</html>")
    (root / "silent.wav").write_bytes(
        b"RIFF" + struct.pack("<I", 36) + (root / "whole.wav").read_bytes()[8:40] + bytes(4)
    )
    rows = [f"{path.name},," for path in sorted(root.iterdir())]
    (root / "clips.csv").write_text("\n".join(["path,start,end", *rows, "cut.wav,0,0.1", "late.wav,0.9,1.5"]) + "\n")
    soundfile.write(root / "late.wav", SOUND[: RATE // 2], RATE)
    return root


def test_every_broken_file_has_the_reason_that_a_run_gives(root, tmp_path):
    dataset = datasets.load("folder", root, table="clips.csv")
    broken = dataset.validate(decode=audition).broken
    feature = LogMel(sr=RATE, n_fft=256, hop_length=128, n_mels=8)
    preprocess.run(dataset, feature, tmp_path / "store", jobs=1, progress=False)
    clips = open_store(tmp_path / "store").clips
    failed = clips[clips["status"] == "failed"].drop_duplicates("path")
    assert sorted(broken) == sorted(failed["path"])
    for path, reason in zip(failed["path"], failed["reason"], strict=True):
        assert broken[path].startswith(reason.removesuffix("…")), path  # a shard keeps the first words of many
    codes = {words.partition(":")[0] for words in broken.values()}
    assert codes == {"truncated", "undecodable", "non_finite", "empty"}
    assert "resync" in broken["holes.mp3"]  # what libmpg123 prints
    assert "late.wav" in broken  # whole, but it ends before its clip


def test_equal_samples_have_equal_digests(root):
    seconds, digest = audition(root / "whole.wav")
    assert seconds == 1.0
    samples = soundfile.read(root / "whole.wav", dtype="int16")[0]
    soundfile.write(root / "same.flac", samples, RATE)
    assert audition(root / "same.flac")[1] == digest
    soundfile.write(root / "faster.wav", samples, 2 * RATE)
    assert audition(root / "faster.wav")[1] != digest
    with pytest.raises(ClipError, match="missing"):
        audition(root / "gone.wav")
