# Everything sets itself up: the only thing that must be there is Python 3.11 or newer.

PYTHON ?= python3
# Where they may not keep what they compile, all processes of the stack and of the tests compile every module again.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin
COMPILE = $(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --annotation-style line --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade-package $(UPGRADE))
COG = $(BIN)/python -m cogapp --verbosity=1 -P

.PHONY: help run up test unit browser-test conformance containers check docs picture hooks lock audit bench-read bench-extract bench-packing bench-memory bench-limits bench-prefect bench-start eval faults machines attack sample clean

## help: this list
help:
	@sed -n 's/^## \([a-z-]*\): /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-14s %s\n", $$1, $$2 }'

## run: take an export through the full pass on the embedded stack (EXPORT=path/to/export.zip for your own)
run: $(VENV)/.installed
	@$(BIN)/python -m deployments.local run $(if $(EXPORT),"$(EXPORT)")

## up: start the embedded stack and keep it running for a look, until Ctrl-C
up: $(VENV)/.installed
	@$(BIN)/python -m deployments.local up $(if $(EXPORT),"$(EXPORT)")

## test: style, types, imports and all tests
test: check
	$(BIN)/python -m pytest

## unit: the tests that need no embedded stack
unit: $(VENV)/.installed
	$(BIN)/python -m pytest tests/unit

## browser-test: open every page of passes in every state in Chromium, UI and status page (three minutes; PICTURES=1: those of the README)
browser-test: $(VENV)/.installed
	PICTURES=$(PICTURES) $(BIN)/python -m pytest tests/integration/ui -n0 -m browser

## conformance: against the real services' own code, as far as the environment names it (tests/conformance/README.md)
conformance: $(VENV)/.installed
	$(BIN)/python -m pytest tests/conformance -rs

## containers: build the image, start deployments/compose.yaml from it, take passes through it (ten minutes; needs podman)
containers: $(VENV)/.installed
	$(BIN)/python -m pytest tests/containers -n0 -rs -m containers

## check: style, types, which module may import which, and whether the documents show what the code says
check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(COG) --check --diff --check-fail-msg="run: make docs" @tests/docs/cogged.txt

## docs: write into the documents what they show of the code (RUN=1: run the sample first, and record what it prints)
docs: $(VENV)/.installed
	$(if $(RUN),$(BIN)/python -m tests.docs.sample_run)
	$(COG) -r @tests/docs/cogged.txt

## picture: take the picture of MEMORY in the README again, with Chromium
picture: $(VENV)/.installed
	$(BIN)/python -m tests.docs.memory_picture

## hooks: check before each commit, and run the unit tests before each push
hooks: $(VENV)/.installed
	$(BIN)/pre-commit install

## lock: compile the requirements after a change of pyproject.toml (UPGRADE=name for one that is not direct)
lock: $(VENV)/.installed
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --output-file tests/requirements.txt --group dev --constraint requirements.txt
	$(COMPILE) --output-file deployments/requirements-image.txt --extra server --constraint requirements.txt
	$(COMPILE) --output-file deployments/requirements-providers.txt --all-extras --constraint deployments/requirements-image.txt

## audit: whether anything of what is installed for real has a known vulnerability (asks PyPI's database of them)
audit: $(VENV)/.installed
	$(BIN)/uv tool run pip-audit@2.10.1 --strict --disable-pip --require-hashes --desc off \
	  --requirement deployments/requirements-providers.txt

## bench-read: speed and memory of reading exports of 10 MB to 1 GB, beside the plain way (20 minutes)
bench-read: $(VENV)/.installed
	$(BIN)/python -m tests.benchmarks.read_export

## bench-extract: how near extraction comes to the limit, beside a bare loop (20 minutes)
bench-extract: $(VENV)/.installed
	$(BIN)/python -m tests.benchmarks.extract

## bench-packing: what the size of a pack of chunks costs, with and without thinking (two minutes)
bench-packing: $(VENV)/.installed
	$(BIN)/python -m tests.benchmarks.packing

## bench-memory: step 5 by the number of facts; planted facts to MEMORY and search, re-imports, costs; search (25 minutes)
bench-memory: $(VENV)/.installed
	$(BIN)/python -m tests.benchmarks.consolidate
	$(BIN)/python -m tests.benchmarks.candidates
	$(BIN)/python -m tests.benchmarks.planted
	$(BIN)/python -m tests.benchmarks.search

## bench-limits: how near runs come to the rate limits of small tiers, beside runs without pacing (20 minutes)
bench-limits: $(VENV)/.installed
	$(BIN)/python -m tests.benchmarks.rate_limits

## bench-prefect: bytes, rows and requests of a pass and of a tick in Prefect's database (five minutes)
bench-prefect: $(VENV)/.installed
	$(BIN)/python -m tests.benchmarks.prefect_bytes
	$(BIN)/python -m tests.benchmarks.prefect_bytes --here

## bench-start: from a delivery to the first call of a model, and where the time goes (a minute)
bench-start: $(VENV)/.installed
	$(BIN)/python -m tests.benchmarks.cold_start

## eval: how well the model that the settings name reads: labelled excerpts, found and missed (tests/eval/README.md)
eval: $(VENV)/.installed
	$(BIN)/python -m tests.eval $(if $(OUT),--out "$(OUT)") $(if $(COMPARE),--compare "$(COMPARE)")

## faults: kill, cancel and cut off every part in every step; count what is repeated, lost or doubled (40 minutes)
faults: $(VENV)/.installed
	$(BIN)/python -m tests.faults
	$(BIN)/python -m tests.faults.kill_extraction
	$(BIN)/python -m pytest -m slow -n0

## machines: 200 users on three machines that share no disk and lose their power at random (as root; 16 minutes)
machines: $(VENV)/.installed
	$(BIN)/python -m tests.faults.machines --kill-every 60

## attack: load and attack the receiver of a running stack; figures, and what is lost or doubled (15 minutes; BUSY=1 where other work goes on)
attack: $(VENV)/.installed
	$(BIN)/python -m tests.attack $(if $(BUSY),--busy)

## sample: make the shipped sample export again
sample: $(VENV)/.installed
	$(BIN)/python -m tests.sample --out tests/data/sample_export.zip --facts tests/data/sample_facts.json

## clean: remove the virtual environment and the state of the embedded stack
clean:
	rm -rf $(VENV) .soulprint .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

# --no-deps: the list is complete, and of a pin like that of sqlalchemy[asyncio] pip before 23.3 makes nothing.
$(VENV)/.installed: requirements.txt tests/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, $(PYTHON) is older; name another one: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	  --requirement tests/requirements.txt
	@touch $@
