"""Readers and a producer at once; ``make soak`` does it with eight readers for longer."""

from soak.readers import hammer


def test_readers_see_exact_data_while_feature_sets_are_added(tmp_path):
    assert hammer(tmp_path, features=2, readers=2) >= 2
