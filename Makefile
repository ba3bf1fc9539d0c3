# Every target makes the environment it needs; there is nothing to install first.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export OMP_NUM_THREADS ?= 1

.PHONY: report test lab lint bench

report: .venv/made          ## the default study, from its data to reports/complete_journey/index.html
	$(BIN)/seglib run complete_journey

test: .venv/spark
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lab: .venv/made
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks

lint: .venv/made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb

bench: .venv/spark          ## simulations where the truth is planted; slow
	for file in tests/bench_*.py; do $(BIN)/python $$file || exit 1; done

.venv/spark: .venv/made tests/spark.lock ## half a gigabyte that only a test needs
	$(PIP) --require-hashes --no-deps --requirement tests/spark.lock
	touch $@

.venv/made: pyproject.toml $(wildcard requirements.lock)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(if $(wildcard requirements.lock),$(PIP) --require-hashes --requirement requirements.lock)
	$(PIP) --editable '.[dev]'
	touch $@
