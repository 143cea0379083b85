import h5py
import numpy as np
import pytest


@pytest.mark.parametrize("kind", ["float16", "channels", "complex"])
def test_it_shows_all_shards_as_one(make_toy, features, kind):
    toy = make_toy(features=[features[kind]])
    fs = toy.store[0]
    with h5py.File(toy.path / fs.id / "all.h5") as file:
        frames, offsets = file["features"][()], file["clip/frame_offset"][()]
        ids = [value.decode() for value in file["clip/id"][()]]
        assert ids == toy.store.clips["clip_id"].tolist()
        for row, clip_id in enumerate(ids):
            own = frames[offsets[row] : offsets[row + 1]]
            if clip_id in fs:
                np.testing.assert_array_equal(fs.decode(own), fs[clip_id])
            else:
                assert len(own) == 0
                assert file["clip/status"][row] == 1
        labels, bounds = file["clip/labels"][()], file["clip/label_offset"][()]
        assert [labels[bounds[row]] for row in range(20)] == [int(c[5:]) % 3 for c in ids]
        assert file["shard"].attrs["shards_expected"] == 3
        assert file["shard/file"][()].tolist() == [b"shard-00000.h5", b"shard-00001.h5", b"shard-00002.h5"]


def test_it_says_what_its_shards_say(make_toy):
    toy = make_toy()
    folder = toy.path / toy.store[0].id
    with h5py.File(folder / "all.h5") as file, h5py.File(folder / "shard-00000.h5") as shard:
        assert (file.attrs["format"], file.attrs["format_version"]) == (b"melgrid-all", 1)
        for name in ("feature", "parameters", "sample_rate", "hop_length", "hop_seconds"):
            assert file.attrs[name] == shard.attrs[name]
        assert file["about"][()] == shard["about"][()]
        assert file["features"].attrs["units"] == shard["features"].attrs["units"]
        np.testing.assert_array_equal(file["frequency_hz"], shard["frequency_hz"])


def test_a_missing_shard_shows_as_nan(make_toy):
    toy = make_toy()
    folder = toy.path / toy.store[0].id
    (folder / "shard-00001.h5").unlink()
    with h5py.File(folder / "all.h5") as file:
        missing = np.isnan(file["features"][()]).all(axis=1)
        frames = file["shard/frames"][()]
    assert missing.sum() == frames[1]
    assert missing[frames[0] : frames[0] + frames[1]].all()


def test_uint8_has_none_because_no_value_can_stand_for_missing(make_toy, features):
    toy = make_toy(features=[features["uint8"]])
    assert not (toy.path / toy.store[0].id / "all.h5").exists()


def test_opening_a_store_does_not_need_it(make_toy):
    toy = make_toy()
    (toy.path / toy.store[0].id / "all.h5").unlink()
    assert toy.store[0]["clip-0"].shape == (1, 8)


def test_it_moves_with_its_folder(make_toy, tmp_path):
    toy = make_toy()
    folder = toy.path / toy.store[0].id
    with h5py.File(folder / "all.h5") as file:
        expected = file["features"][()]
    moved = folder.rename(tmp_path / "moved")
    with h5py.File(moved / "all.h5") as file:
        np.testing.assert_array_equal(file["features"][()], expected)
        assert not np.isnan(expected).any()


def test_xarray_opens_it(make_toy):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    toy = make_toy()
    with xarray.open_dataset(toy.path / toy.store[0].id / "all.h5", engine="h5netcdf") as data:
        assert data["features"].dims == ("frame", "frequency_hz")
        assert not np.isnan(data["features"].to_numpy()).any()


def test_a_feature_set_without_frames_has_one(make_toy):
    toy = make_toy(frames=lambda i: 0)
    with h5py.File(toy.path / toy.store[0].id / "all.h5") as file:
        assert file["features"].shape == (0, 8)


def test_equal_feature_sets_give_equal_bytes_at_any_time(make_toy):
    one, other = make_toy("one"), make_toy("other")
    name = f"{one.store[0].id}/all.h5"
    assert (one.path / name).read_bytes() == (other.path / name).read_bytes()
    with h5py.File(one.path / name) as file:
        assert h5py.h5o.get_info(file["features"].id).mtime == 0
