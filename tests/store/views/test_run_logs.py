"""Logs of runs: summed where they are sound, named where they are not."""

import json

import pytest

from melgrid.store.views.run_logs import read_run_logs

LOG = {
    "finished": "2026-01-01T00:00:00+00:00", "features": ["a", "b"], "clips": 20, "failed": 1, "jobs": 2,
    "seconds": 3.0, "audio_seconds": 9.0, "stage_seconds": {"decode": 1.5, "write": 0.5},
    "machine": {"system": "Linux"},
}  # fmt: skip


def logs(tmp_path, *contents):
    (tmp_path / "runs").mkdir()
    for number, content in enumerate(contents):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "runs" / f"{number}.json").write_text(text)
    return read_run_logs(tmp_path)


def test_times_are_summed_over_runs(tmp_path):
    found = logs(tmp_path, LOG, {**LOG, "features": ["c"]}, {**LOG, "feature_seconds": {"a": 0.25}})
    assert found.stage_seconds == {"decode": 4.5, "write": 1.5}
    assert found.feature_seconds == {"c": 2.0, "a": 0.25}  # of a and b together nobody knows whose it was
    assert [run.jobs for run in found.runs] == [2, 2, 2]


def test_no_runs_are_no_trouble(tmp_path):
    assert read_run_logs(tmp_path).runs == ()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", "{}", "[" * 100_000, {**LOG, "seconds": "x"}, {**LOG, "seconds": float("nan")},
     {**LOG, "stage_seconds": {"read": -1}}, {**LOG, "stage_seconds": []}, {**LOG, "clips": None}],
)  # fmt: skip
def test_a_damaged_log_is_named_and_left_out(tmp_path, content):
    found = logs(tmp_path, content, LOG)
    assert found.unreadable == ("0.json",)
    assert len(found.runs) == 1
