"""The file format: what other tools see, and that equal contents are equal bytes."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from melgrid.errors import ShardError
from melgrid.params import LogMel, Stft, Waveform
from melgrid.store import About, ShardInfo, ShardWriter, read_shard_info
from melgrid.store.shards import header as header_module
from melgrid.store.shards.encoding import encode, stored_dtype
from melgrid.store.shards.header import PAGE, header_digest
from melgrid.store.shards.shard_info import read_arrays

ABOUT = About(dataset="toy", classes=("cat", "dog"), task="single", versions={"fft": "1"}, options={"a": (1, 2)})
SPECTRUM = Stft(sr=8000, n_fft=16)
CLIPS = {
    "clip_id": ["eins", "zwei ü", "drei"],
    "path": ["a/1.wav", "a/2.wav", None],
    "labels": [[1], [], [0, 1]],
    "split": ["train", None, "test"],
    "fold": [3, None, 0],
    "group": [None, "g", "g"],
    "start": [None, 1.5, 0.0],
    "end": [None, 2.5, 4.0],
}
SIZES = (3, 0, 5)


def values(feature, frames):
    shape = (frames, feature.bins, *(() if feature.channels is None else (feature.channels,)))
    numbers = -np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 64
    return numbers + 1j * (numbers / 2) if feature.is_complex else numbers


def write(folder, feature=SPECTRUM, sizes=SIZES, clips=CLIPS, about=ABOUT, index=4):
    with ShardWriter(folder, index, feature, about, clips) as writer:
        for frames in sizes:
            if frames is None:
                writer.append(None, status="failed", reason="undecodable: no sync")
            else:
                writer.append(
                    values(feature, frames),
                    num_samples=16 * frames,
                    source_sha256="ab" * 32,
                    native_sr=44100,
                    native_channels=2,
                    native_frames=999,
                )
        return writer.publish()


def test_h5py_reads_what_was_written(tmp_path):
    info = write(tmp_path, sizes=(3, None, 5))
    with h5py.File(tmp_path / info.file) as file:
        np.testing.assert_array_equal(
            file["features"], np.concatenate([values(SPECTRUM, 3), values(SPECTRUM, 5)]), strict=True
        )
        clip = file["clip"]
        assert [value.decode() for value in clip["id"][()]] == CLIPS["clip_id"]
        assert [value.decode() for value in clip["path"][()]] == ["a/1.wav", "a/2.wav", ""]
        assert clip["frame_offset"][()].tolist() == [0, 3, 3, 8]
        assert clip["num_samples"][()].tolist() == [48, 0, 80]
        assert bytes(clip["source_sha256"][0]).hex() == "ab" * 32
        assert clip["status"][()].tolist() == [0, 1, 0]
        assert clip["reason"][1].decode() == "undecodable: no sync"
        assert clip["labels"][()].tolist() == [1, 0, 1]
        assert clip["label_offset"][()].tolist() == [0, 1, 1, 3]
        assert clip["split"][()].tolist() == [b"train", b"", b"test"]
        assert clip["fold"][()].tolist() == [3, -1, 0]
        assert clip["group"][()].tolist() == [b"", b"g", b"g"]
        np.testing.assert_array_equal(clip["start"], [np.nan, 1.5, 0.0])
        assert clip["native_sr"][()].tolist() == [44100, -1, 44100]
        np.testing.assert_allclose(clip["mean"][2], values(SPECTRUM, 5).mean(0))
        np.testing.assert_array_equal(clip["mean"][1], np.zeros(9))
        np.testing.assert_array_equal(file["frequency_hz"], np.arange(9) * 500.0)
        assert json.loads(file.attrs["parameters"]) == SPECTRUM.canonical()
        assert About.parse(json.loads(file["about"][()])) == ABOUT
        assert file.attrs["num_failed"] == 1
        assert file["features"].attrs["units"] == b"1"
        assert [d.label for d in file["features"].dims] == ["frame", "bin"]


@pytest.mark.parametrize("name", ["float16", "float32", "uint8", "channels", "complex", "complex-channels", "waveform"])
@pytest.mark.parametrize("sizes", [(0, 0, 0), (1, 0, 0), (40, 1, 0), (None, None, None)])
def test_features_are_the_last_bytes_and_begin_on_a_page(tmp_path, features, name, sizes):
    feature = features[name]
    info = write(tmp_path, feature, sizes)
    path = tmp_path / info.file
    expected = np.concatenate([values(feature, n or 0) for n in sizes])
    with h5py.File(path) as file:
        stored = file["features"][()]
        assert file["features"].id.get_offset() == info.data_offset
        assert file["features"].chunks is None
    np.testing.assert_array_equal(stored, encode(expected, feature)[0], strict=True)
    assert path.stat().st_size == info.bytes
    if info.frames:
        assert info.data_offset % PAGE == 0
        assert path.read_bytes()[info.data_offset :] == stored.tobytes()
    else:
        assert info.data_offset is None


def test_a_shard_without_clips_is_a_shard(tmp_path):
    info = write(tmp_path, sizes=(), clips={"clip_id": []})
    assert (info.clips, info.frames, info.data_offset) == (0, 0, None)
    assert read_shard_info(tmp_path / info.file) == info


def test_info_is_rebuilt_from_the_file_alone(tmp_path, features):
    for index, feature in enumerate(features.values()):
        info = write(tmp_path, feature, (3, None, 2), index=index)
        assert read_shard_info(tmp_path / info.file) == info
        assert info.sha256 == hashlib.sha256((tmp_path / info.file).read_bytes()).hexdigest()


def test_a_shard_that_is_not_published_leaves_nothing(tmp_path):
    with ShardWriter(tmp_path, 0, SPECTRUM, ABOUT, CLIPS) as writer:
        writer.append(values(SPECTRUM, 1))
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if str(tmp_path) in os.path.realpath(fd)]


def test_the_cost_of_the_cast_of_all_clips_is_told(tmp_path, features):
    feature = features["float16"]
    clips = [np.full((frames, feature.bins), level, np.float32) for frames, level in ((2, -80.01), (1, 1e6), (3, 0.1))]
    clips[2][0, 0] = np.nan
    with ShardWriter(tmp_path / "new" / "folder", 0, feature, ABOUT, CLIPS) as writer:
        for clip in clips:
            writer.append(clip)
        info = writer.publish()
    worst, other = encode(clips[0], feature)[1], encode(clips[2], feature)[1]
    assert info.worst_error == worst.worst_error > other.worst_error > 0
    assert info.mean_error == pytest.approx((worst.error_sum + other.error_sum) / (6 * feature.bins), rel=1e-12)
    assert (info.non_finite, info.saturated) == (1, feature.bins)
    assert read_shard_info(tmp_path / "new" / "folder" / info.file) == info


def test_equal_contents_give_equal_bytes(tmp_path):
    one, other = write(tmp_path / "one"), write(tmp_path / "other")
    assert (tmp_path / "one" / one.file).read_bytes() == (tmp_path / "other" / other.file).read_bytes()


def test_bytes_do_not_change_with_versions_of_hdf5_or_of_melgrid(tmp_path):
    """Pinned with HDF5 1.14.6 and 2.0: a change means a new format version, or another name of a parameter."""
    # four and eight frames: the moments are exact, whatever the order of additions
    assert write(tmp_path, sizes=(4, 0, 8)).sha256 == "90e3ec4eb105d202ce50f1c6830e033059407d0b8d4fd49a8d2e49d02d0df69c"


def test_bytes_do_not_depend_on_the_hash_seed_or_on_stale_memory(tmp_path):
    script = (
        "import sys, numpy as np; from pathlib import Path; from melgrid.params import Stft\n"
        "from melgrid.store import About, ShardWriter\n"
        "about = About(dataset='x', options={'b': 1, 'a': [2]}, versions={'z': '1', 'y': '2'})\n"
        "w = ShardWriter(Path(sys.argv[1]), 0, Stft(n_fft=16), about, {'clip_id': ['a', 'b']})\n"
        "[w.append(np.ones((n, 9), np.float32)) for n in (2, 3)]\n"
        "print(w.publish().sha256)\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed, "MALLOC_PERTURB_": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "85")
    }
    assert len(digests) == 1


def test_writing_needs_no_pandas():
    script = "import sys; from melgrid.store import ShardWriter; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("missing", ["memfd_create", None])
def test_the_header_is_the_same_without_memory_files(tmp_path, monkeypatch, missing):
    expected = write(tmp_path / "with").sha256
    if missing:
        monkeypatch.delattr(os, missing)
    else:
        monkeypatch.setattr(os, "memfd_create", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSYS, "no")))
    assert write(tmp_path / "without").sha256 == expected


def test_the_header_says_when_it_has_changed(tmp_path):
    info = write(tmp_path)
    data = bytearray((tmp_path / info.file).read_bytes()[: info.data_offset])
    with h5py.File(tmp_path / info.file) as file:
        recorded = file.attrs["header_sha256"].decode()
        assert file.attrs["features_crc32"] == zlib.crc32(file["features"][()].tobytes())
    assert header_digest(bytes(data), recorded) == recorded
    data[1000] ^= 1
    assert header_digest(bytes(data), recorded) != recorded


@pytest.mark.skipif(shutil.which("h5dump") is None, reason="no h5dump")
def test_h5dump_prints_it(tmp_path, features):
    for index, name in enumerate(("float16", "uint8", "complex")):
        info = write(tmp_path, features[name], index=index)
        done = subprocess.run(["h5dump", tmp_path / info.file], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert 'DATASET "features"' in done.stdout
        assert "zwei" in done.stdout


@pytest.mark.parametrize("name", ["float16", "uint8", "channels", "complex", "complex-channels"])
def test_xarray_opens_it_with_named_axes(tmp_path, features, name):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    feature = features[name]
    info = write(tmp_path, feature)
    with xarray.open_dataset(tmp_path / info.file, engine="h5netcdf") as data:
        axes = ["frame", "frequency_hz"]
        axes += ["channel"] if feature.channels else []
        axes += ["part"] if feature.is_complex else []
        assert list(data["features"].dims) == axes
        assert "frame" not in data.variables
        assert len(data["frequency_hz"]) == feature.bins
        if name == "uint8":  # decoded by the CF attributes
            np.testing.assert_allclose(
                data["features"][3:], np.clip(values(feature, 5), -80, 0), atol=80 / 255 / 2 + 1e-4
            )


def test_no_place_or_time_of_making_is_inside(tmp_path):
    folder = tmp_path / "secret-folder"
    info = write(folder)
    data = (folder / info.file).read_bytes()
    for word in ("secret-folder", os.uname().nodename, str(os.getuid()) * 8, "/tmp"):
        assert word.encode() not in data


def test_ids_are_never_cut(tmp_path):
    clips = {"clip_id": ["x" * 1000, "ü"]}
    info = write(tmp_path, sizes=(1, 1), clips=clips)
    with h5py.File(tmp_path / info.file) as file:
        assert [value.decode() for value in file["clip/id"][()]] == clips["clip_id"]


@pytest.mark.parametrize("bad", ["a\0b", "\udcff"])
def test_an_id_that_is_no_text_is_refused(tmp_path, bad):
    with pytest.raises(ShardError, match="not valid UTF-8"):
        ShardWriter(tmp_path, 0, SPECTRUM, ABOUT, {"clip_id": ["ok", bad]})
    assert list(tmp_path.iterdir()) == []


def test_a_long_reason_ends_in_an_ellipsis_on_a_character(tmp_path):
    with ShardWriter(tmp_path, 0, SPECTRUM, ABOUT, {"clip_id": ["a", "b"]}) as writer:
        writer.append(None, status="failed", reason="crashed: " + "ü" * 200)
        writer.append(None, status="failed", reason="crashed: \x1b[31m\nred\0")
        info = writer.publish()
    with h5py.File(tmp_path / info.file) as file:
        long, strange = (value.decode() for value in file["clip/reason"][()])
    assert long.startswith("crashed: üü")
    assert long.endswith("ü…")
    assert len(long.encode()) <= 160
    assert strange == "crashed:  [31m red "


def test_many_classes_and_long_options_fit(tmp_path):
    """Attributes of the earliest format end at 64 KiB; what the store is about may be longer."""
    about = About(dataset="big", classes=tuple(f"class number {i}" for i in range(8000)), task="single")
    info = write(tmp_path, about=about)
    with h5py.File(tmp_path / info.file) as file:
        assert len(file["about"][()]) > 1 << 16
    assert info.data_offset > 1 << 17


def test_the_writer_wants_every_clip_once(tmp_path):
    with ShardWriter(tmp_path, 0, SPECTRUM, ABOUT, {"clip_id": ["a", "b"]}) as writer:
        writer.append(values(SPECTRUM, 1))
        with pytest.raises(ValueError, match="1 of 2 clips"):
            writer.publish()
        writer.append(values(SPECTRUM, 1))
        with pytest.raises(ValueError, match="only 2 clips"):
            writer.append(values(SPECTRUM, 1))


@pytest.mark.parametrize(
    "arguments",
    [
        {"values": None},
        {"values": None, "status": "failed"},
        {"values": np.zeros((1, 9), "f4"), "status": "failed", "reason": "crashed: x"},
        {"values": np.zeros((1, 9), "f4"), "reason": "crashed: x"},
    ],
)
def test_values_and_status_must_fit_together(tmp_path, arguments):
    with (
        ShardWriter(tmp_path, 0, SPECTRUM, ABOUT, {"clip_id": ["a"]}) as writer,
        pytest.raises(ValueError, match="status="),
    ):
        writer.append(**arguments)


def test_memory_holds_one_clip(tmp_path):
    """A shard of 96 MB, whose writer must not grow by more than a fraction of it."""
    script = (
        "import resource, sys, numpy as np; from pathlib import Path; from melgrid.params import Waveform\n"
        "from melgrid.store import About, ShardWriter\n"
        "y = np.zeros((1_000_000, 1), np.float32)\n"
        "def write(n):\n"
        "    clips = {'clip_id': list(map(str, range(n)))}\n"
        "    w = ShardWriter(Path(sys.argv[1]), n, Waveform(), About(dataset='x'), clips)\n"
        "    [w.append(y) for _ in range(n)]; w.publish()\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "small = write(2); print(write(24) - small)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20_000  # KiB


def test_waveforms_have_one_bin(tmp_path):
    info = write(tmp_path, Waveform(sr=8000), sizes=(100, 0, 1))
    with h5py.File(tmp_path / info.file) as file:
        assert file["features"].shape == (101, 1)
        assert file.attrs["hop_length"] == 1


def test_stored_types_are_little_endian(features):
    for feature in features.values():
        assert stored_dtype(feature).newbyteorder("<") == stored_dtype(feature)


def test_a_damaged_or_foreign_file_is_a_typed_error(tmp_path):
    with pytest.raises(ShardError, match="missing"):
        read_shard_info(tmp_path / "shard-00000.h5")
    (tmp_path / "shard-00000.h5").write_bytes(b"not hdf5 at all")
    with pytest.raises(ShardError, match="cannot be read"):
        read_shard_info(tmp_path / "shard-00000.h5")
    with h5py.File(tmp_path / "shard-00001.h5", "w") as file:
        file["features"] = np.zeros(3)
    with pytest.raises(ShardError, match="melgrid-shard"):
        read_shard_info(tmp_path / "shard-00001.h5")
    info = write(tmp_path / "good", LogMel(sr=8000, n_fft=256, n_mels=4))
    path = tmp_path / "good" / info.file
    os.truncate(path, info.bytes - 1)
    with pytest.raises(ShardError, match="truncated"):
        read_shard_info(path)


@pytest.mark.parametrize("layout", ["chunks", "filter", "bytes", "user block", "external", "virtual", "link"])
def test_features_that_no_positional_read_could_find_are_refused(tmp_path, layout):
    info = write(tmp_path)
    path = tmp_path / info.file
    with h5py.File(path, "r+", locking=False) as file:
        data = file["features"][()]
        del file["features"]
        if layout == "bytes":
            file["features"] = data.astype(data.dtype.newbyteorder(">"))
        elif layout == "external":
            file.create_dataset("features", data.shape, data.dtype, external=[(str(tmp_path / "x"), 0, data.nbytes)])
        elif layout == "link":
            write(tmp_path / "other")
            file["features"] = h5py.ExternalLink(str(tmp_path / "other" / info.file), "/features")
        elif layout == "virtual":
            source = h5py.VirtualLayout(data.shape, data.dtype)
            source[:] = h5py.VirtualSource("x.h5", "x", data.shape)
            file.create_virtual_dataset("features", source)
        else:
            options = {"chunks": True} if layout == "chunks" else {"compression": "gzip"} if layout == "filter" else {}
            file.create_dataset("features", data=data, **options)
    if layout == "user block":
        path.write_bytes(bytes(512) + path.read_bytes())
    with pytest.raises(ShardError, match="its features are"):
        read_shard_info(path)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("status", np.zeros(3, "f8")),
        ("reason", np.zeros(3, "u1")),
        ("mean", np.zeros((3, 9), "i8")),
        ("m2", np.zeros((2, 9))),
        ("num_samples", np.zeros(4, "i8")),
        ("frame_offset", np.zeros(3, "i8")),
    ],
)
def test_arrays_of_another_type_or_length_are_refused(tmp_path, name, wrong):
    path = tmp_path / write(tmp_path).file
    read_arrays(path, name)
    with h5py.File(path, "r+", locking=False) as file:
        del file[f"clip/{name}"]
        file[f"clip/{name}"] = wrong
    with pytest.raises(ShardError, match=rf"shard-00004\.h5: {name} has type .* for 3 clips"):
        read_arrays(path, name)


@pytest.mark.parametrize(
    "change",
    [
        *({name: -1} for name in ("index", "bytes", "data_offset", "frames", "clips", "failed")),
        *({name: 1.0} for name in ("non_finite", "saturated")),
        {"frames": True}, {"frames": 1 << 62}, {"file": "a.h5"}, {"file": 1}, {"sha256": None}, {"worst_error": "0"},
        {"mean_error": None}, {"colour": 1},
    ],
)  # fmt: skip
def test_a_row_of_the_shard_table_that_cannot_be_right_is_refused(tmp_path, change):
    row = write(tmp_path).canonical()
    assert ShardInfo.parse(row).canonical() == row
    with pytest.raises((ValueError, TypeError)):
        ShardInfo.parse({**row, **change})


def test_hdf5_never_sees_the_target_folder(tmp_path, monkeypatch):
    opened = []
    original = header_module.h5py.File

    def spy(name, *args, **kwargs):
        opened.append(str(name))
        return original(name, *args, **kwargs)

    monkeypatch.setattr(header_module.h5py, "File", spy)
    write(tmp_path)
    assert opened
    assert not [name for name in opened if str(tmp_path) in name]
