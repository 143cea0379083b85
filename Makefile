# Two commands do everything on a fresh machine: `make demo` and `make test`. Both set up .venv themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint bench clean soak fuzz

demo: $(READY)
	$(BIN)/melgrid demo demo

test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m benchmarks

# Half an hour of kills, readers, hostile stores, and 500 parameter sets a kind against librosa. HDF5_PYTHONS="PYTHON..." adds interpreters with another h5py.
soak: $(READY)
	$(BIN)/python -m soak.kill
	$(BIN)/python -m soak.readers
	$(BIN)/python -m soak.hostile
	$(BIN)/python -m soak.flips
	$(BIN)/python -m soak.versions $(HDF5_PYTHONS)
	MELGRID_EXAMPLES=500 $(BIN)/python -m pytest tests/transforms/test_against_librosa.py

fuzz: $(READY)
	$(BIN)/python -m soak.fuzz

$(READY): pyproject.toml melgrid/_version.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "melgrid needs Python 3.11 or newer; say make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
