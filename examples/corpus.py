"""What all examples share: the command line, the features of a corpus, leak-free sides, and the closing line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.metrics import roc_auc_score

import melgrid


def arguments(description: str, **defaults: Any) -> argparse.ArgumentParser:
    """Name the corpus and how long to train; the corpus of ``melgrid demo demo`` is the default."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--dataset", default="urbansound8k", help="melgrid datasets lists them")
    parser.add_argument("--root", type=Path, default=Path("demo/corpus"), help="where the corpus lies")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="options of the corpus")
    parser.add_argument("--store", type=Path, default=Path("demo/store"), help="where features are or will be")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--steps", type=int, help="batches in an epoch; default: all")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(**defaults)
    return parser


def features_of(args: argparse.Namespace, feature: Any) -> Any:
    """Compute a feature of the corpus, if the store does not have it, and return its feature set."""
    options = dict(setting.split("=", 1) for setting in args.set)
    dataset = melgrid.datasets.load(args.dataset, args.root, **options)
    melgrid.preprocess.run(dataset, feature, args.store, progress=False)
    return melgrid.open_store(args.store)[feature.id]


def sides(features: Any, seed: int) -> Any:
    """Train, valid and test: the official ones, the last two folds, or groups drawn by a seed."""
    splits = features.store.about.splits
    if "split" in splits:
        return features.split()
    if "fold" in splits:
        *train, valid, test = splits["fold"]
        return features.split(train=dict(fold=train), valid=dict(fold=valid), test=dict(fold=test))
    return features.split(train=0.7, valid=0.15, test=0.15, seed=seed)


def targets(selection: Any) -> np.ndarray:
    """Ones where a clip has a class, (clips, classes)."""
    labels = selection.labels
    return labels if labels.ndim == 2 else np.eye(len(selection.classes), dtype=np.uint8)[labels]


def report(name: str, test: Any, scores: np.ndarray) -> None:
    """Print how well the scores of clips, (clips, classes), fit their labels, and which clips these were."""
    truth = targets(test)
    metrics = {}
    if test.labels.ndim == 1:
        metrics["accuracy"] = np.mean(scores.argmax(axis=1) == test.labels)
    both = truth.any(axis=0) & ~truth.all(axis=0)  # classes that some test clips have and some lack
    if both.any():
        metrics["ROC-AUC"] = roc_auc_score(truth[:, both], scores[:, both], average="macro")
    print_line(name, test, metrics)


def print_line(name: str, test: Any, metrics: dict[str, float]) -> None:
    """Print metrics with the selection that they were measured on."""
    column = next((c for c in ("fold", "split") if test.clips[c].notna().all()), None)
    where = f"{column} {', '.join(map(str, test.clips[column].unique()))}" if column else "groups of their own"
    figures = ", ".join(f"{key} {value:.3f}" for key, value in metrics.items())
    about = f"{len(test)} test clips ({where}) of {test.feature_set.store.about.dataset}, {len(test.classes)} classes"
    print(f"{name}: {figures} on {about}; {test.feature_set.id}")
