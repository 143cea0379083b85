"""Training results: what is read, and what is refused with its line."""

import pytest

from melgrid.errors import ParameterError
from melgrid.store.compare.results import read_results

IDS = ("logmel-a", "logmel-b")


def read(tmp_path, text):
    path = tmp_path / "results.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_results(path, IDS)


def test_repeats_are_gathered_by_feature_and_measure(tmp_path):
    found = read(
        tmp_path, "\ufefffeature, seed, accuracy, loss\nlogmel-a,0,0.5,2\nlogmel-b,0,1e-1,3\nlogmel-a,1,0.7,1\n"
    )
    assert found == {
        "logmel-a": {"accuracy": [0.5, 0.7], "loss": [2.0, 1.0]},
        "logmel-b": {"accuracy": [0.1], "loss": [3.0]},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column 'feature'"),
        ("id,accuracy\nlogmel-a,1\n", "no column 'feature'.*'id', 'accuracy'"),
        ("feature,seed\nlogmel-a,1\n", "needs a column of numbers"),
        ("feature,\nlogmel-a,1\n", "needs a column of numbers"),
        ("feature,x,x\nlogmel-a,1,2\n", "'x' occurs twice"),
        ("feature,x\n", "only a header"),
        ("feature,x\nlogmel-a,1\nlogmel-c,1\n", "line 3: .*'logmel-c'. Did you mean 'logmel-"),
        ("feature,x\nlogmel-a,nan\n", "line 2: x='nan' is no finite number"),
        ("feature,x\nlogmel-a,\n", "line 2: x='' is no finite number"),
        ("feature,x\nlogmel-a,inf\n", "no finite number"),
        ("feature,x\nlogmel-a\n", "line 2: has not 2 cells"),
        ("feature,x\nlogmel-a,1,2\n", "line 2: has not 2 cells"),
        ("feature,seed,x\nlogmel-a,1,2\nlogmel-a,1,3\n", "line 3: seed '1' of logmel-a occurs twice"),
        (b"feature,x\nlogmel-a,\xff\n", r"line 2: is no UTF-8 text .*; save it as UTF-8"),
        ('feature,x\n"logmel-a,1\n', "no CSV"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, text, words):
    with pytest.raises(ParameterError, match=words):
        read(tmp_path, text)
