"""Hints in messages: short, and none where there is nothing to tell."""

from melgrid.params.messages import MOST, nearest


def test_a_similar_word_is_named_and_no_other():
    assert nearest("Lgmel", ["logmel", "mel", "cqt"]) == " Did you mean 'logmel'?"


def test_known_words_are_listed_as_far_as_anybody_reads():
    assert nearest("x", ["b", "a"]) == " Known: a, b."
    assert nearest("x", []) == ""
    hint = nearest("?", (f"{i:05d}" for i in range(MOST + 360)))
    assert hint.endswith(f"{MOST - 1:05d} and 360 more.")
