# `make demo` and `make test` do everything on a machine with Python 3.11 or later, pip, venv and make.

PYTHON ?= python3
VENV ?= .venv
BIN ?= $(VENV)/bin

.PHONY: demo test check docs lint types imports coverage ratchet fuzz agree invariants mutants clean

# The main job: a board of ours, the smoke script, the trace of each core.
demo: $(VENV)/.ready
	$(BIN)/kvx-emu run boards/cluster.dts scripts/smoke.yaml

COUNTED = -q -m 'not drawn' --cov --cov-report=json:.coverage.json

# The tests alone. Those that need the trees and recordings of ../shared skip without them.
test: $(VENV)/.ready
	$(BIN)/python -m pytest -n auto $(TEST_FLAGS)

# Everything that CI checks.
check: lint types imports coverage

# The documents, as web pages in build/docs/html and as man pages in build/docs/man; a warning is an error.
docs: $(VENV)/.ready
	$(BIN)/sphinx-build -W --keep-going -q -E -b html docs build/docs/html
	$(BIN)/sphinx-build -W --keep-going -q -d build/docs/html/.doctrees -b man docs build/docs/man

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready
	$(BIN)/mypy

imports: $(VENV)/.ready
	$(BIN)/lint-imports

# The tests, those that coverage is counted of and the others: it must not fall below tests/coverage.json.
coverage: $(VENV)/.ready
	$(MAKE) test TEST_FLAGS="$(COUNTED)"
	$(MAKE) test TEST_FLAGS="-q -m drawn"
	$(MAKE) ratchet

# What the last counted tests covered, against tests/coverage.json.
ratchet:
	$(BIN)/python tests/ratchet.py .coverage.json tests/coverage.json

# Two minutes of random trees: source against dtc, blobs against libfdt. Needs both, and ../shared.
# The same ones each time; for new ones: make fuzz SEED=2 COUNT=1000000 SECONDS=3600.
SECONDS ?= 60
COUNT ?= 40000
SEED ?= 1
fuzz: $(VENV)/.ready
	$(BIN)/python tests/dt/fuzz_source.py --seconds $(SECONDS) --count $(COUNT) --seed $(SEED)
	$(BIN)/python tests/dt/fuzz_blob.py --seconds $(SECONDS) --seed $(SEED)

# A minute of drawn scripts: the vector engine against the reference. For new ones: make agree SEED=2.
agree: $(VENV)/.ready
	$(BIN)/python tests/agree/campaign.py --seconds $(SECONDS) --seed $(SEED) --jobs 2

# A minute of state machines: the invariants of interrupts. Longer: make invariants SECONDS=600 SEED=2.
invariants: $(VENV)/.ready
	$(BIN)/python tests/invariants/campaign.py --seconds $(SECONDS) --seed $(SEED) --jobs 2

# The mutation score of kvx_emu/hw and kvx_emu/models, below 90 % an error; half an hour: docs/testing.md.
mutants: $(VENV)/.ready
	rm -rf mutants
	$(BIN)/mutmut run --max-children 1
	$(BIN)/python tests/mutation/mutation.py

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .coverage .coverage.json build docs/_pictures mutants
