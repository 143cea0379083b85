"""The names of `melgrid.loaders`, with and without the frameworks that some of them need."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from melgrid import loaders

# Raises what Python raises where a package is not installed.
WITHOUT = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("tensorflow", "keras", "torch", "jax", "datasets"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_star_import_needs_no_framework() -> None:
    code = WITHOUT + "from melgrid.loaders import *; print(NumpyLoader.__name__, predict_clips.__name__)"
    assert run(code) == "NumpyLoader predict_clips\n"


def test_a_name_whose_framework_is_absent_says_what_to_install() -> None:
    code = WITHOUT + (
        "import melgrid.loaders as loaders\n"
        "for name in sorted(set(dir(loaders)) - set(loaders.__all__)):\n"
        "    try: getattr(loaders, name)\n"
        "    except ModuleNotFoundError as error: print(error)\n"
    )
    said = (line.split(" needs the package ") for line in run(code).splitlines())
    needs = {name.removeprefix("melgrid.loaders."): remedy.rpartition(": ")[2] for name, remedy in said}
    assert needs == {
        **dict.fromkeys(
            ("Checkpoint", "KerasLoader", "derive", "device_layer", "live_layer", "normalization", "tf_dataset"),
            "pip install 'melgrid[tensorflow]'",
        ),
        "TorchLoader": "pip install 'torch'",
        "hf_dataset": "pip install 'melgrid[huggingface]'",
        "jax_gather": "pip install 'jax'",
    }


def test_type_checkers_see_the_names_that_are_there() -> None:
    tree = ast.parse(Path(str(loaders.__file__)).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen | set(loaders.__all__) == set(dir(loaders))
