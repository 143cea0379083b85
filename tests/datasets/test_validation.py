from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from melgrid.datasets import load, render
from melgrid.datasets.validation import Count
from melgrid.preprocess import audition

pytestmark = pytest.mark.filterwarnings("ignore:gtzan. nothing keeps")  # tested in test_gtzan.py

Corpus = Callable[[str], Path]


def test_counts_stand_beside_the_published_ones(pristine: Corpus) -> None:
    report = load("urbansound8k", pristine("urbansound8k")).validate()
    counts = {count.what: (count.found, count.published) for count in report.counts}
    assert counts["clips"] == (26, 8732)
    assert counts["fold 5"][1] == 936
    assert counts["label gun_shot"][1] == 374
    assert counts["unlabelled"] == (0, None)
    assert not report.complete


def test_a_corpus_with_all_it_should_have_is_complete(own: Corpus) -> None:
    ds = load("gtzan_music_speech", own("gtzan_music_speech"))
    assert not ds.validate().complete  # eight files are not 128
    whole = replace(ds, official={"clips": 8, "label music": 4})
    assert whole.validate(decode=audition, checksums=True).complete
    (ds.root / ds.clips["path"].iloc[0]).unlink()
    assert not whole.validate().complete


def test_known_bad_files_are_no_faults_whatever_their_state(own: Corpus) -> None:
    ds = load("magnatagatune", own("magnatagatune"))
    report = ds.validate(decode=audition)
    states = [(ds.root / path).stat().st_size if (ds.root / path).exists() else None for path in report.known_bad]
    assert sorted(states, key=str) == [0, 1400, None]
    assert (report.missing, report.empty, report.broken) == ((), (), {})


def test_a_clip_much_shorter_than_stated_is_named(own: Corpus) -> None:
    root = own("urbansound8k")
    table = root / "metadata" / "UrbanSound8K.csv"
    lines = table.read_text().splitlines()
    cells = lines[1].split(",")
    cells[3] = str(float(cells[2]) + 4.0)
    lines[1] = ",".join(cells)
    table.write_text("\n".join(lines) + "\n")
    found = load("urbansound8k", root).validate(decode=audition).too_short
    assert found == {f"fold1/{cells[0]}": "0.600 s, stated 4.000 s"}


def test_extra_files_count_only_beside_the_clips(own: Corpus) -> None:
    root = own("fma")
    (root / "fma_metadata" / "jingle.mp3").write_bytes(b"x")
    (root / "fma_medium" / "000" / "999999.mp3").write_bytes(b"x")
    assert load("fma", root, subset="medium").validate().extra == ("000/999999.mp3",)
    small = load("fma", root, subset="small").validate()
    assert small.extra == ("000/999999.mp3",)  # tracks of medium are not extra
    assert sum(small.excluded.values()) > 0


def test_the_table_for_people_has_everything(pristine: Corpus) -> None:
    ds = load("urbansound8k", pristine("urbansound8k"))
    text = render(ds.validate())
    assert "clips" in text
    assert "8,732  differs" in text
    assert "fold10/910003-4-0-0.wav" in text
    assert "broken          not checked" in text
    assert ds.citation in text
    assert ds.licence in text
    decoded = render(load("gtzan", pristine("gtzan")).validate(decode=audition))
    assert "metal/metal.00000.au = metal/metal.00098.au = rock/rock.00099.au" in decoded


def test_long_lists_are_cut(pristine: Corpus) -> None:
    report = load("gtzan_music_speech", pristine("gtzan_music_speech")).validate()
    text = render(replace(report, missing=tuple(f"{k}.wav" for k in range(9)), counts=(Count("clips", 1),)), limit=2)
    assert "1.wav" in text
    assert "2.wav" not in text
    assert "and 7 more" in text
