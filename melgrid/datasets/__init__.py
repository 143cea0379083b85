"""Corpora as tables of clips: labels, official splits, groups, known faults.

An adapter reads the metadata of one corpus and returns a `Dataset`. It never decodes audio and never downloads.
Every adapter is one module of `melgrid.datasets.adapters`, or an entry point of the group ``melgrid.datasets``.
Look-alike corpora for tests and demonstrations come from `melgrid.datasets.miniature`.
"""

from __future__ import annotations

from melgrid.datasets.dataset import Dataset, clip_table
from melgrid.datasets.intervals import frame_labels, read_lab
from melgrid.datasets.registry import describe, load, names
from melgrid.datasets.validation import Report, render, validate

__all__ = [
    # opening a corpus
    "load",
    "names",
    "describe",
    # what it is
    "Dataset",
    "clip_table",
    # is it whole
    "validate",
    "Report",
    "render",
    # labels in time
    "read_lab",
    "frame_labels",
]  # fmt: skip
