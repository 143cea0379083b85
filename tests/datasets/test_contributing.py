"""The adapter that CONTRIBUTING works through is one that works."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from melgrid.datasets import registry
from melgrid.errors import DatasetError

TEXT = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def esc50(monkeypatch):
    (source,) = re.findall(r"```python\n(.*?)```", TEXT.read_text("utf-8"), re.S)
    module = ModuleType("esc50", source.split('"""')[1])
    exec(compile(source, "esc50.py", "exec"), module.__dict__)
    monkeypatch.setattr(registry, "adapter", lambda name: module)
    return module


def test_the_worked_example_indexes_its_corpus(esc50, tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text(
        "filename,fold,target,category,esc10,src_file,take\n"
        "1-100032-A-0.wav,1,0,dog,True,100032,A\n"
        "1-100038-A-14.wav,1,14,chirping_birds,False,100038,A\n"
        "5-9032-B-0.wav,5,0,dog,True,9032,B\n"
    )
    dataset = registry.load("esc50", tmp_path)
    assert dataset.classes == ("chirping_birds", "dog")
    assert dataset.clips["path"].tolist() == [f"audio/{i}.wav" for i in dataset.clips["clip_id"]]
    assert dataset.clips["fold"].tolist() == [1, 1, 5]
    assert len(registry.load("esc50", tmp_path, esc10="true").clips) == 2
    assert registry.describe("esc50")["options"]["esc10"]["default"] is False


def test_it_refuses_another_tree(esc50, tmp_path):
    with pytest.raises(DatasetError, match=r"must hold meta/esc50\.csv"):
        registry.load("esc50", tmp_path)
