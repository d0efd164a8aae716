# Every target makes the virtual environment it needs; a fresh machine needs Python 3.11 or newer and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOWEST := $(VENV)-lowest
AUDIT := $(VENV)-audit

# Folders of tests that are run together.
PARTS := "tests/benchmarks tests/lighttrack_nas tests/old_files" \
	"tests/search_spaces tests/strategies tests/test_*.py" tests/trackers

# What `make lowest` runs: imports of every module, searches on tables, what pandas, SciPy and pydantic do for us.
OF_LOWEST := $(addprefix tests/, test_house.py strategies/search/samplers strategies/search/goals \
	strategies/search/storage lighttrack_nas/comparisons lighttrack_nas/results lighttrack_nas/config \
	lighttrack_nas/tables benchmarks/evaluation/test_results.py)

.PHONY: install demo test docs check slow lowest format benchmark attack faults audit clean

install: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable '.[deploy]' --group test --group check --group docs
	touch $(READY)

# The whole chain on generated video, from the install to a video of the found tracker; a stopped demo goes on.
demo: $(READY)
	$(BIN)/lighttrack-nas quickstart --output runs/quickstart

# The whole suite; tests on real data run where LIGHTTRACK_NAS_DATA names the folder, and skip elsewhere.
test: $(READY)
	$(BIN)/python -m pytest -n auto

# The documentation, into docs/_build/index.html; a warning is an error.
docs: $(READY)
	$(BIN)/python docs/reference_pages.py
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q docs docs/_build

# Known vulnerabilities of all dependencies, and a bill of materials with their licences in CycloneDX's format.
audit: $(READY)
	$(BIN)/python .ci/audit.py bill $(AUDIT) sbom.json
	$(BIN)/python .ci/audit.py check $(AUDIT)

# Format, lint, types, and the quick tests, each of which takes two seconds at most: a file's in one process, so that what
# they share is made once.
# A few folders' in processes of their own, each a start that takes seconds, but not all in the same ones: one that had run
# thousands of tests died twice of a segmentation fault in a training.
# Vulnerabilities of other people's packages are said, and fail `make audit` alone: not every one can be mended here.
check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	for part in $(PARTS); do \
		$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not slow and not data" $$part || exit 1; \
	done
	-$(BIN)/python .ci/audit.py check $(AUDIT)

# What check leaves out of the suite; tests of a group in one process, so that what they share is made once.
slow: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "slow or data"

# A part of the quick tests with the lowest versions that pyproject.toml admits; torch and what they need besides are the
# environment's own. Older releases warn of what newer ones do not.
lowest: $(READY)
	$(PYTHON) -m venv --clear $(LOWEST)
	$(BIN)/python .ci/lowest.py link $(LOWEST)
	$(BIN)/python .ci/lowest.py versions > $(LOWEST)/requirements.txt
	$(LOWEST)/bin/python -m pip install --quiet --requirement $(LOWEST)/requirements.txt
	$(LOWEST)/bin/python -m pytest -q -W default -m "not slow and not data" $(OF_LOWEST)

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The figures of benchmarks/RESULTS.md: MODEL=model.safetensors make benchmark
benchmark: $(READY)
	$(BIN)/python benchmarks/scripts/tracker_step.py $(MODEL)

# Changed inputs of every format against every reader, for half an hour; a stopped run goes on. What ends in anything but
# a result or a sentence is kept under runs/attack/failures: ATTACK_MINUTES=5 ATTACK_SEED=1 make attack
attack: $(READY)
	$(BIN)/python tests/attack/runner.py --minutes $(or $(ATTACK_MINUTES),30) --seed $(or $(ATTACK_SEED),0)

# Kills, full disks, vanished folders and the like under every long command, whose results must be the same after all.
# Then restarts, crashes, absences and lost connections of a PostgreSQL server under three workers of a search.
faults: $(READY)
	$(BIN)/python tests/attack/faults.py --minutes $(or $(ATTACK_MINUTES),30) --seed $(or $(ATTACK_SEED),0)
	$(BIN)/python -m tests.attack.server_faults --seed $(or $(ATTACK_SEED),0)

clean:
	rm -rf $(VENV) $(LOWEST) $(AUDIT) sbom.json build dist docs/_build docs/reference *.egg-info .pytest_cache .mypy_cache .ruff_cache
