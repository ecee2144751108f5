# `make compare` and `make test` are all that a newcomer needs; both install what they use.
PYTHON ?= python3
BIN := .venv/bin
PRESET ?= quick
OUT ?= runs/compare-$(PRESET)

.PHONY: compare test test-all lint bench bench-gpu zoo clean

compare: .venv/installed
	$(BIN)/netseams compare --preset $(PRESET) --out $(OUT)

# A process for every core, of one thread each: on small tensors two threads are slower than one.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

test: lint
	$(PYTEST) -m "not slow"

test-all: lint
	$(PYTEST)

lint: .venv/installed-dev
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/lint-imports
	$(BIN)/pyright

bench: .venv/installed
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/export.py
	$(BIN)/python benchmarks/selection.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python benchmarks/patching.py
	$(BIN)/python benchmarks/stacks.py

# On a machine with an NVIDIA GPU: its tests and its figures, in less than eight minutes.
bench-gpu: .venv/installed-dev
	$(BIN)/python benchmarks/gpu.py

# The networks in the box, made again: about twenty minutes of processor time each.
zoo: .venv/installed
	$(BIN)/netseams train --preset zoo --arm dense --out runs/zoo/dense
	$(BIN)/netseams train --preset zoo --arm weight_sparse --out runs/zoo/weight_sparse
	$(BIN)/netseams pack runs/zoo/dense --out src/netseams_zoo/python-dense
	$(BIN)/netseams pack runs/zoo/weight_sparse --out src/netseams_zoo/python-weight-sparse

clean:
	rm -rf .venv

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
