"""What must not drift: import directions, a light start, the public names, the size of modules."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import melgrid
from melgrid.params import KINDS

PACKAGE = Path(melgrid.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# A room may import itself and the rooms behind its name.
BELOW = {
    "errors": set(),
    "_version": set(),
    "params": {"errors"},
    "transforms": {"params", "errors"},
    "store": {"transforms", "params", "errors"},
    "datasets": {"transforms", "params", "errors"},
    "preprocess": {"store", "datasets", "transforms", "params", "errors", "_version"},
    "loaders": {"store", "datasets", "transforms", "params", "errors"},
}
TOP = {"cli", "demo", "__init__", "__main__"}  # may import anything below them


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "melgrid" and len(parts) > 1:
                yield parts[1]


def test_there_are_modules_in_every_room():
    assert {room(path) for path in MODULES} == set(BELOW) | TOP


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = room(path)
    if own in TOP:
        return
    wrong = set(imported_rooms(path)) - BELOW[own] - {own}
    assert not wrong, f"{own} must not import {wrong}"


def test_only_the_cli_and_the_demo_stand_above_the_rooms():
    assert "cli" not in {name for path in MODULES if room(path) not in TOP for name in imported_rooms(path)}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_are_nouns_of_a_readable_size(path):
    assert path.stem not in {"utils", "util", "helpers", "common", "misc"}
    assert len(path.read_text("utf-8").splitlines()) <= 400


def modules_after(statement):
    code = f"{statement}\nimport sys; print(' '.join(sorted(m for m in sys.modules if '.' not in m)))"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


HEAVY = {"librosa", "pandas", "h5py", "keras", "tensorflow", "numba", "scipy", "sklearn", "soundfile", "pyarrow"}
HEAVY |= {"jinja2"}


def test_import_melgrid_is_light():
    assert not modules_after("import melgrid") & (HEAVY | {"numpy", "pydantic"})


def test_the_vocabulary_and_the_command_line_are_light():
    assert not modules_after("import melgrid.params, melgrid.cli; melgrid.LogMel()") & (HEAVY | {"numpy"})


def test_frameworks_are_loaded_by_their_adapters_only():
    loaded = modules_after("import melgrid.loaders, melgrid.store, melgrid.preprocess, melgrid.datasets")
    assert not loaded & {"keras", "tensorflow", "torch", "jax", "librosa"}


def test_planning_compiles_nothing():
    code = "from melgrid.preprocess.plan import compile_plan; compile_plan((melgrid.LogMel(), melgrid.Cqt()))"
    assert "numba" not in modules_after(f"import melgrid, melgrid.preprocess, melgrid.store; {code}")


def test_public_names():
    kinds = {model.__name__ for model in KINDS.values()}
    others = {"Grid", "__version__", "compute", "datasets", "loaders", "open_store", "preprocess", "store"}
    assert {"LogMel", "Cqt"} < kinds
    assert sorted(melgrid.__all__) == sorted(kinds | others)
    for name in melgrid.__all__:
        assert getattr(melgrid, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = melgrid.nonsense


def test_typing_is_announced():
    assert (PACKAGE / "py.typed").exists()


def test_the_release_is_named_alike_everywhere():
    root = PACKAGE.parent
    (released,) = re.findall(r"^date-released: (\S+)$", (root / "CITATION.cff").read_text("utf-8"), re.M)
    assert f"version: {melgrid.__version__}\n" in (root / "CITATION.cff").read_text("utf-8")
    assert f"## {melgrid.__version__} - {released}\n" in (root / "CHANGELOG.md").read_text("utf-8")
