import pytest

from melgrid.errors import ParameterError
from melgrid.params import Derived, Feature

WHOLE = {"parent": "logmel-a", "model": "0" * 64, "runtime": "keras 3", "units": 3, "frame_seconds": 0.5}


def test_a_frame_has_units_and_lasts_what_it_says() -> None:
    feature = Derived(sr=8000, **WHOLE)
    assert (feature.bins, feature.hop_seconds, feature.hop_samples, feature.unit) == (3, 0.5, 4000, "1")
    assert feature.id.startswith("derived-logmel-units3-")
    assert feature.dtype == "float32"


def test_whatever_changes_the_numbers_changes_the_id() -> None:
    plain = Derived(**WHOLE)
    for change in (
        {"model": "1" * 64}, {"runtime": "keras 4"}, {"layer": "dense"}, {"axes": "FTC"}, {"parent": "logmel-b"},
        {"crop_frames": 4, "step_frames": 4}, {"crop_frames": 4, "step_frames": 2}, {"dtype": "float16"},
    ):  # fmt: skip
        assert Derived(**{**WHOLE, **change}).id != plain.id
    assert Derived(**WHOLE, layer=None).id == plain.id
    assert not {"mono", "res_type", "center"} & set(plain.canonical())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "abc"}, "model"),
        ({"parent": "../elsewhere"}, "parent"),
        ({"units": 0}, "units"),
        ({"frame_seconds": 0.0}, "frame_seconds"),
        ({"crop_frames": 4}, "both, or neither"),
        ({"mono": False, "channels": 2}, "is the parent's"),
        ({"peak": 1.0}, "is the parent's"),
        ({"dtype": "uint8", "range_db": (-80.0, 0.0)}, "needs low < high and a feature in dB"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Derived(**{**WHOLE, **change})


def test_grids_refuse_it() -> None:
    with pytest.raises(ParameterError, match="melgrid derive, no grid"):
        Feature.parse({"kind": "derived", **WHOLE})
