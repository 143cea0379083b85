"""Sequences of events as Keras 3.15.1 on TensorFlow 2.21 was seen to send them: B begin, E end, numbers requests."""

from __future__ import annotations

import pickle

import pytest

from melgrid.loaders.passes import Passes


def batches_of(events: str) -> int:
    return 1 + max(int(event) for event in events.split() if event.isdigit())


def replay(passes: Passes, events: str) -> list[int]:
    epochs = []
    for event in events.split():
        if event == "B":
            passes.begin()
        elif event == "E":
            passes.end()
        elif event.startswith("A"):
            passes.announce(int(event[1:]))
        else:
            epochs.append(passes.epoch_of(int(event)))
    return epochs


@pytest.mark.parametrize(
    ("events", "epochs"),
    [
        # fit on three batches: the peeks and the end before the first epoch count for nothing
        ("0 1 E B 0 1 2 E B 0 1 2 E", [0, 0, 0, 0, 0, 1, 1, 1]),
        # one and two batches: the peek is a whole pass, yet none
        ("0 E B 0 E B 0 E", [0, 0, 1]),
        ("0 1 E B 0 1 E B 0 1 E", [0, 0, 0, 0, 1, 1]),
        # steps_per_epoch below the number of batches: one pass goes on through two epochs, read ahead or not
        ("0 1 E B 0 1 2 E B 3 E B 0 1 2 E", [0, 0, 0, 0, 0, 0, 1, 1, 1]),
        # the same, read ahead between the epochs
        ("0 1 E B 0 1 E 2 B 3 E B 0 1 2 3 E", [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]),
        # evaluate on a cached iterator ends twice in a row
        ("0 1 E B 0 1 2 E E B 0 1 2 E", [0, 0, 0, 0, 0, 1, 1, 1]),
        # fit is left in the middle of an epoch and called again
        ("0 1 E B 0 1 0 1 E B 0 1 2 E", [0, 0, 0, 0, 0, 0, 1, 1, 1]),
        # a callback looks at a batch during and after an epoch
        ("B 0 1 0 2 E 1 B 0 1 2 E", [0, 0, 0, 0, 0, 1, 1, 1]),
        # somebody looks at a later batch between the halves of a pass
        ("B 0 1 E 3 B 2 3 E B 0 1 2 3 E", [0, 0, 0, 0, 0, 1, 1, 1, 1]),
        # initial_epoch=5 with the loader's callback
        ("0 1 E A5 B 0 1 2 E A6 B 0 1 2 E", [0, 0, 5, 5, 5, 6, 6, 6]),
        # the same with a pass through two epochs: it keeps the number it began with
        ("A0 B 0 1 E A1 B 2 3 E A2 B 0 1 E", [0, 0, 0, 0, 2, 2]),
        # announced once, counted on from there
        ("A7 B 0 1 E B 0 1 E", [7, 7, 8, 8]),
    ],
)
def test_epochs_of_requests(events: str, epochs: list[int]) -> None:
    passes = Passes(batches_of(events))
    assert replay(passes, events) == epochs
    assert passes.in_order


@pytest.mark.parametrize("events", ["0 1 E B 1 0 2 E", "0 1 E B 0 1 2 E B 2 0 1 E", "0 1 E B 0 2 1 E"])
def test_shuffled_requests_are_noticed_and_keep_their_epochs(events: str) -> None:
    passes = Passes(batches_of(events))
    epochs = replay(passes, events)
    assert not passes.in_order
    assert epochs[:5] == [0] * 5
    assert epochs[5:] == [1] * len(epochs[5:])


@pytest.mark.parametrize(
    ("events", "unfinished"),
    [
        ("", False),
        ("0 1 E", False),
        ("0 1 E B", True),
        ("0 1 E B 0 1", True),
        ("0 1 E B 0 1 2", True),
        ("0 1 E B 0 1 2 E", False),
        ("0 1 E B 0 1 E", True),
        ("0 1 E B 0 1 E B 2 E", False),
    ],
)
def test_an_epoch_left_within_is_unfinished(events: str, unfinished: bool) -> None:
    passes = Passes(3)
    replay(passes, events)
    assert passes.unfinished == unfinished


def test_a_pass_of_one_batch_is_a_look() -> None:
    passes = Passes(3)
    passes.begin()
    assert passes.epoch_of(0) == 0
    passes.end()
    for epoch in (0, 1):
        passes.begin()
        assert [passes.epoch_of(i) for i in range(3)] == [epoch] * 3
        passes.end()
    single = Passes(1)
    for epoch in (0, 1):
        single.begin()
        assert single.epoch_of(0) == epoch
        single.end()


def test_a_copy_for_another_process_goes_on_where_it_was() -> None:
    passes = Passes(2)
    passes.begin()
    assert [passes.epoch_of(0), passes.epoch_of(1)] == [0, 0]
    copy = pickle.loads(pickle.dumps(passes))
    copy.begin()
    assert copy.epoch_of(0) == 1
