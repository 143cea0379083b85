"""What these tests share with the long ones in ``soak``: a corpus, and a store that nobody disturbed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    from soak.kill import make_corpus

    return make_corpus(tmp_path_factory.mktemp("sounds") / "corpus")


@pytest.fixture(scope="session")
def reference(corpus, tmp_path_factory):
    """A store of two feature sets, made without interruption; do not change it."""
    from soak.kill import Scene

    store = tmp_path_factory.mktemp("reference") / "store"
    Scene(corpus).finish(store)
    return store
