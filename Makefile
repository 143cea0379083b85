# Two commands do everything on a fresh machine: `make demo` and `make test`. Both set up .venv themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test docs lint bench clean soak fuzz

demo: $(READY)
	$(BIN)/melgrid demo demo

test: $(READY)
	$(BIN)/python -m pytest

# Pages that follow from the code, then everything as HTML and the commands as a man page. Warnings are errors; needs no network.
docs: $(READY)
	$(BIN)/python docs/generate.py
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	$(BIN)/sphinx-build -q -W --keep-going -b man -d build/docs/.doctrees docs build/man
	@echo build/docs/index.html build/man/melgrid.1

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m benchmarks

# Some hours: kills, readers, hostile stores, every byte flipped, other HDF5 versions, 100,000 batches, installations, and 500 parameter
# sets a kind against librosa. Further interpreters: HDF5_PYTHONS with another h5py, BACKEND_PYTHONS with JAX or torch, PYTHONS of other releases.
soak: $(READY)
	$(BIN)/python -m soak.kill
	$(BIN)/python -m soak.shares
	$(BIN)/python -m soak.readers
	$(BIN)/python -m soak.hostile
	$(BIN)/python -m soak.flips
	$(BIN)/python -m soak.versions $(HDF5_PYTHONS)
	$(BIN)/python -m soak.memory
	$(BIN)/python -m soak.backends $(BACKEND_PYTHONS)
	$(BIN)/python -m soak.packages $(PYTHONS)
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
