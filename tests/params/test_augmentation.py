import pytest

from melgrid.errors import ParameterError
from melgrid.params import Grid
from melgrid.params.augmentation import Augmentation, augmentations


def test_lists_are_variants_and_joined_effects_are_one():
    found = augmentations(["time_stretch rate=0.8,1.2 + gain db=-6", "noise snr_db=10"])
    assert [a.text for a in found] == [
        "noise snr_db=10",
        "time_stretch rate=0.8 + gain db=-6",
        "time_stretch rate=1.2 + gain db=-6",
    ]


def test_order_repeats_and_spelling_do_not_matter():
    one = augmentations(["gain db=-6,3", "pitch_shift n_steps=2"])
    assert one == augmentations(["pitch_shift  n_steps=2.0", "gain db=3.0", "gain db=-6.0,3"])


@pytest.mark.parametrize("text", ["gain db=-6", "time_stretch rate=0.8 + pitch_shift n_steps=-2.5 + noise snr_db=-3"])
def test_an_id_says_what_was_done(text):
    (found,) = augmentations([text])
    assert Augmentation.from_suffix(found.suffix) == found
    assert found.suffix.startswith("#")
    assert " " not in found.suffix


def test_spelling_of_ids_is_fixed():
    (found,) = augmentations(["time_stretch rate=0.80 + pitch_shift n_steps=-2"])
    assert found.suffix == "#time_stretch-rate=0.8+pitch_shift-n_steps=-2"
    assert found.rate == 0.8


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is no effect"),
        ("pitchshift n_steps=2", "Did you mean 'pitch_shift'"),
        ("gain", "write gain db=V"),
        ("gain rate=2", "write gain db=V"),
        ("gain db=2 db=3", "write gain db=V"),
        ("gain db=", "write gain db=V"),
        ("gain db=loud", "db='loud' is no number"),
        ("gain db=nan", "must be above -120 and below 60"),
        ("gain db=0", "changes nothing"),
        ("time_stretch rate=1", "changes nothing"),
        ("pitch_shift n_steps=0", "changes nothing"),
        ("time_stretch rate=0", "must be above 0.05"),
        ("pitch_shift n_steps=60", "must be above -60 and below 60"),
        ("gain db=3 +", "write gain db=V"),
        ("gain db=3 + ", "'' is no effect"),
    ],
)
def test_what_cannot_be_is_refused(text, words):
    with pytest.raises(ParameterError, match=r"^augment ") as error:
        augmentations([text])
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("effect", "low", "high"),
    [
        ("time_stretch rate", 0.05, 20),
        ("pitch_shift n_steps", -60, 60),
        ("noise snr_db", -60, 120),
        ("gain db", -120, 60),
    ],
)
def test_ranges_end_before_what_they_name(effect, low, high):
    assert len(augmentations([f"{effect}={low + 1e-3},{high - 1e-3}"])) == 2
    for value in (low, high):
        with pytest.raises(ParameterError, match=f"must be above {low} and below {high}$"):
            augmentations([f"{effect}={value}"])


def test_a_grid_carries_them(tmp_path):
    grid = Grid.product("logmel", n_mels=[32, 40]).augmented("gain db=-6")
    assert len(grid) == 2
    assert [a.text for a in grid.augment] == ["gain db=-6"]
    both = grid + Grid.product("mel").augmented("gain db=-6,-3")
    assert [a.text for a in both.augment] == ["gain db=-6", "gain db=-3"]
    (tmp_path / "g.toml").write_text('augment = ["gain db=-6", "noise snr_db=3"]\n[[features]]\nkind = "logmel"\n')
    assert [a.text for a in Grid.from_toml(tmp_path / "g.toml").augment] == ["gain db=-6", "noise snr_db=3"]


@pytest.mark.parametrize("value", ['"gain db=3"', "[3]", '["gain"]', "3"])
def test_a_grid_file_names_its_place(tmp_path, value):
    (tmp_path / "g.toml").write_text(f'augment = {value}\n[[features]]\nkind = "logmel"\n')
    with pytest.raises(ParameterError, match=r"grid file .*g\.toml: augment"):
        Grid.from_toml(tmp_path / "g.toml")
