"""The report of stores of every sort: complete, bounded, escaped, equal for equal stores."""

import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.params import Derived, Grid, LogMel
from melgrid.store.report import write_report

LOG = {
    "finished": "2026-01-01T00:00:00+00:00", "features": ["a"], "clips": 20, "failed": 1, "jobs": 2, "seconds": 3.0,
    "audio_seconds": 9.0, "stage_seconds": {"decode": 1.5, "write": 0.5}, "machine": {"system": "Linux <b>"},
}  # fmt: skip
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Checks that elements nest, and gathers what tests look at."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.words, self.headings = [], [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not set(self.open) & {"style", "script"}:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def report(tmp_path):
    def make(store, **options):
        path = write_report(store, tmp_path / "report.html", **options)
        html = path.read_text("utf-8")
        assert len(html) < 5_000_000
        return html, Page(html)

    return make


def test_every_kind_of_feature_has_its_pictures(make_toy, features, report):
    model = dict(sr=8000, parent="logmel-x", model="0" * 64, runtime="keras", frame_seconds=0.5)
    derived = {f"derived-{units}": Derived(**model, units=units) for units in (1, 5)}
    features = features | derived
    toy = make_toy(features=features.values(), frames=lambda i: 40 + i)
    _, page = report(toy.path)
    shown = [attrs["aria-label"] for tag, attrs in page.tags if tag == "svg" and attrs.get("role") == "img"]
    assert sum(label.startswith("Spectrogram") for label in shown) == 4 * (len(features) - 2)
    assert sum(label.startswith("Curve") for label in shown) == 4
    assert sum(label.startswith("Waveform") for label in shown) == 4
    assert (
        sum("distribution of the stored values" in label for label in shown) == 6
    )  # no logarithm of noise around zero
    assert sum("distribution of logarithmic values" in label for label in shown) == len(features) - 6
    assert all(feature.id in page.text for feature in features.values())


def test_a_page_has_all_its_sections(make_toy, report):
    toy = make_toy()
    (toy.path / "runs").mkdir()
    (toy.path / "runs" / "1.json").write_text(json.dumps(LOG))
    (toy.path / "runs" / "2.json").write_text("{")
    _, page = report(toy.store)
    for words in (
        "The corpus",
        "The grid",
        "X or log X",
        "no sync",
        "clip-3",
        "Linux <b>",
        "fft 1",
        "2.json",
        "fold 4",
    ):
        assert words in page.text
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    links = {attrs["href"][1:] for tag, attrs in page.tags if tag == "a"}
    assert links <= ids
    assert page.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert ("html", {"lang": "en"}) in page.tags


def test_nothing_is_fetched_and_nothing_but_its_own_script_runs(make_toy, report):
    html, page = report(make_toy().store)
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "Content-Security" in a.get("http-equiv", ""))
    assert policy.startswith("default-src 'none'; img-src data:")
    assert "unsafe" not in policy
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"|url\((?!#)|@import|https?://', html)
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") or name == "style" for name in attrs)]


HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}&amp;"


def test_hostile_names_are_text(make_toy, report):
    classes = (f"a{HOSTILE}", f"b{HOSTILE}", "c")
    ids = [f"{HOSTILE}-{i}" for i in range(20)]
    toy = make_toy(
        dataset=f"toy{HOSTILE}", classes=classes, versions={"fft": HOSTILE}, options={"tags": HOSTILE},
        columns={"path": ids}, splits={"split": ("train", "valid", "test")},
    )  # fmt: skip
    (toy.path / "runs").mkdir()
    (toy.path / "runs" / "1.json").write_text(json.dumps({**LOG, "machine": {"system": HOSTILE}, "finished": HOSTILE}))
    (toy.path / "runs" / "<b>.json").write_text("")
    html, page = report(toy.store)
    assert html.count("<script") == 1
    assert not [tag for tag, _ in page.tags if tag in ("img", "b")]
    assert "{{ 7*7 }}" in page.text
    assert "<script>alert(1)" in page.text


def test_equal_stores_give_equal_bytes(make_toy, features, report, tmp_path):
    toy = make_toy(features=[features["float16"], features["complex"]])
    (toy.path / "runs").mkdir()
    (toy.path / "runs" / "1.json").write_text(json.dumps(LOG))
    shutil.copytree(toy.path, tmp_path / "elsewhere")
    assert report(toy.path)[0] == report(tmp_path / "elsewhere")[0]


@pytest.mark.parametrize("task", ["multi", "none"])
def test_other_tasks(make_toy, report, task):
    toy = make_toy(task=task, classes=("cat", "dog", "owl") if task == "multi" else ())
    _, page = report(toy.store)
    assert ("10 have none" in page.text) == (task == "multi")


def test_a_store_with_nothing_in_it(make_toy, report):
    _, page = report(make_toy(features=[], task="none", classes=(), splits={}).store)
    assert "No feature sets yet" in page.text
    assert "no logs of runs" in page.text


def test_a_store_whose_clips_all_failed(make_toy, report):
    _, page = report(make_toy(failing=[f"clip-{i}" for i in range(20)]).store)
    assert "20 clips gave no features" in page.text
    assert "The same clips" not in page.text


def test_clips_without_frames(make_toy, report):
    _, page = report(make_toy(frames=lambda i: 0).store)
    assert "X or log X" not in page.text


def test_a_clip_that_one_setting_lacks_is_said_to_be_missing(make_toy, features, report):
    toy = make_toy(failing=())
    toy.add(features["float32"], failing=[f"clip-{i}" for i in range(20)])
    _, page = report(toy.store)
    assert page.text.count("This clip has no features in this setting.") == 4


def test_thousands_of_classes_and_clips_that_fail_stay_small(make_toy, report):
    toy = make_toy(classes=tuple(f"tag {i}" for i in range(5000)), clips=300, per_shard=300,
                   failing=[f"clip-{i}" for i in range(250)])  # fmt: skip
    html, page = report(toy.store)
    assert len(html) < 400_000
    assert "of 5,000" in page.text
    assert "210 more" in page.text


def test_sixty_feature_sets_stay_below_the_limit(make_toy, report):
    # noise of full length: nothing compresses worse
    grid = list(Grid.product("logmel", sr=8000, n_fft=256, hop_length=16, n_mels=range(35, 102)))
    toy = make_toy(features=grid[:66], clips=2, failing=(), frames=lambda i: 3000)
    html, page = report(toy.store)
    assert len(html) < 4_500_000
    assert "The first 64 settings are drawn, 2 are not" in page.text
    assert all(feature.id in html for feature in grid[:66])


def test_training_results_come_first(make_toy, report, tmp_path):
    grid = list(Grid.product("logmel", sr=8000, n_fft=256, n_mels=[8, 12], hop_length=[128, 256]))
    toy = make_toy(features=grid)
    path = tmp_path / "results.csv"
    path.write_text("feature,seed,f1\n" + "".join(f"{f.id},{s},{f.n_mels + s}\n" for f in grid for s in (0, 1)))
    _, page = report(toy.store, metric=path)
    assert "Which setting?" in page.text
    assert "n_mels=12 with f1 12.5" in page.text
    assert "Over 2 groups of settings that differ in nothing else. 12 is best in 2." in page.text
    labels = [attrs["aria-label"] for tag, attrs in page.tags if tag == "svg" and "aria-label" in attrs]
    assert any(label.startswith("Mean f1 by n_mels. 8: 8.5") for label in labels)
    path.write_text("feature,f1\nlogmel-x,1\n")
    with pytest.raises(ParameterError, match="logmel-x"):
        write_report(toy.store, tmp_path / "report.html", metric=path)


def test_words_of_the_corpus_and_the_grid(make_toy, report, features, monkeypatch):
    toy = make_toy(features=[features["channels"]], failing=())
    _, page = report(toy.store)
    assert "20 clips of 0.00454\N{NO-BREAK SPACE}s." in " ".join(page.words)
    assert [word for word in page.words if word in ("bins", "frame", "hop")] == ["bins", "hop"]
    assert "8 × 2" in page.words
    monkeypatch.setattr("melgrid.store.report.overview.formats", lambda _: [(44100, 2, 15), (8000, 1, 5)])
    _, page = report(toy.store)
    assert "2 formats, by sample rate and channels." in page.text


def test_equal_results_have_no_best(make_toy, report, tmp_path):
    grid = list(Grid.product("logmel", sr=8000, n_fft=256, n_mels=[8, 12], hop_length=[128, 256]))
    path = tmp_path / "results.csv"
    path.write_text("feature,accuracy\n" + "".join(f"{feature.id},0\n" for feature in grid))
    html, _ = report(make_toy(features=grid).store, metric=path)
    assert "None is best: all 4 settings have accuracy 0." in html
    assert "All its values did equally well" in html
    assert "is best in" not in html
    assert "the large dot" not in html
    assert 'circle class="best"' not in html


@pytest.mark.parametrize("name", ["absent/report.html", "toy"])
def test_a_path_that_cannot_be_a_file_is_refused_before_work_starts(make_toy, tmp_path, name, monkeypatch):
    store = make_toy().store
    monkeypatch.setattr("melgrid.store.report.page.page", None)
    with pytest.raises(ParameterError, match=f"{name}: must be a file in a folder that exists"):
        write_report(store, tmp_path / name)


def test_clips_shown_are_of_different_classes(make_toy, report):
    _, page = report(make_toy(features=[LogMel(sr=8000, n_fft=256, n_mels=8)], frames=lambda i: 30).store)
    shown = [attrs["aria-label"] for tag, attrs in page.tags if tag == "svg" and "aria-label" in attrs]
    clips = [re.search(r"clip (clip-\d+) from", label)[1] for label in shown if label.startswith("Spectrogram")]
    assert len(set(clips)) == 4
    assert {int(clip.split("-")[1]) % 3 for clip in clips} == {0, 1, 2}


def test_values_that_are_not_finite_do_not_stop_it(make_toy, features, report, monkeypatch):
    from melgrid.store.report import spectrograms

    def spoiled(*arguments):
        values = original(*arguments)
        values[0, :2] = np.nan, np.inf
        return values

    original = spectrograms.decode
    monkeypatch.setattr(spectrograms, "decode", spoiled)
    html, page = report(make_toy(features=[features["float16"], features["float32"]], frames=lambda i: 9).store)
    assert sum(tag == "image" for tag, _ in page.tags) > 0
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"base64,[^\"]*", "", html), re.I)
