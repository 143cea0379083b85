"""Published grids: all of them resolve, say where they come from, and give the shape that they declare."""

import tomllib

import pytest

from melgrid.errors import ParameterError
from melgrid.params import Grid, recipe, recipe_names
from melgrid.transforms import num_frames


def test_the_systems_that_came_before_are_there():
    assert set(recipe_names()) == {
        "augment_vienna", "choi2016_tagger", "choi2016_tagger_power", "choi2017_compact", "choi2017_compact_repeat",
        "choi2017_grid",
        "choi2017_stft", "choi_mfcc120", "choi_mtt_cqt", "choi_mtt_mel", "choi_mtt_mfcc", "choi_mtt_stft", "choi_us8k",
        "choi_us8k_std", "dcase2016_cqt126", "dcase2016_cqt80", "dcase2016_cqt84", "dcase2016_mel40", "dcase2016_mel80",
        "deepsound", "deepsound_browser", "despois", "dl4mir_fma", "dl4mir_jamendo", "ismir2018_mtt", "kapre3_mel",
        "kapre_demo", "kapre_example", "lachmish_mel", "lachmish_mfcc", "mirex2015_speechmusic", "musicnn",
        "prague_mtt_large", "prague_mtt_xl", "prague_part1a", "prague_speechmusic", "stft_layer_demo", "vienna_gtzan",
    }  # fmt: skip
    assert list(recipe_names()) == sorted(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_gives_the_shape_that_it_declares(name):
    found = recipe(name)
    given = []
    for feature in found.grid:
        channels = () if feature.channels is None else (feature.channels,)
        given.append((num_frames(feature, round(found.clip_seconds * feature.sr)), feature.bins, *channels))
    assert tuple(given) == found.shape


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_a_grid_file(name, tmp_path):
    found = recipe(name)
    assert found.name == name
    assert len(found.source) > 20
    assert found.labels
    (tmp_path / "grid.toml").write_text(found.toml)
    assert Grid.from_toml(tmp_path / "grid.toml").augment == found.grid.augment
    assert list(Grid.from_toml(tmp_path / "grid.toml")) == list(found.grid)
    assert set(tomllib.loads(found.toml)["recipe"]) <= {"source", "clip_seconds", "shape", "labels", "notes", "assumed"}


@pytest.mark.parametrize("name", ["mirex2015_speechmusic", "dcase2016_mel40", "dcase2016_cqt126", "choi2017_grid"])
def test_what_no_source_gives_is_said_to_be_assumed(name):
    assert recipe(name).assumed


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ParameterError, match=r"recipe 'choi2016_tager': unknown\. Did you mean 'choi2016_tagger'\?"):
        recipe("choi2016_tager")


def test_defaults_reach_what_a_recipe_leaves_out():
    assert [f.dtype for f in recipe("choi2016_tagger", dtype="float32").grid] == ["float32"]
    assert [f.dtype for f in recipe("musicnn", dtype="float32").grid] == ["float16"]
    with pytest.raises(ParameterError, match=r"recipe choi_us8k, entry 1: mel: dtype='float16'.*linear power"):
        recipe("choi_us8k", dtype="float16")
